"""Each import contract bites: a copy of the house with one wrong import in it is refused, by the contract meant for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

VIOLATIONS = [
    ("Rooms: each floor may use only the floors below it", "mail/reply.py", "import posthouse.storage.ports"),
    ("Doors do not know each other", "services/smtpd.py", "import posthouse.services.pop3d"),
    ("Standards, vocabulary and helpers do no I/O and keep no time", "lib/budget.py", "import asyncio"),
    ("Offices and doors see ports, not engines or sockets", "admd/limits.py", "import socket"),
    ("Only the composition root chooses an engine", "ms/__init__.py", "import posthouse.storage.sqlite"),
    ("The attacker shares nothing with the house", "drill/smtp.py", "import posthouse.standards.smtp.server"),
    ("No cycles inside any room", "mail/address.py", "import posthouse.mail.outcome"),
]
"""Contract, the file that breaks it, and the line that does. The last needs its other half below."""


@pytest.mark.slow
@pytest.mark.skipif(not LINT.exists(), reason="lint-imports is not installed beside this Python")
@pytest.mark.parametrize(("contract", "file", "line"), VIOLATIONS, ids=[v[0].split(":")[0] for v in VIOLATIONS])
def test_contract_is_broken_by_a_wrong_import(contract: str, file: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src/posthouse", tmp_path / "src/posthouse")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    wrong = tmp_path / "src/posthouse" / file
    wrong.write_text(wrong.read_text() + f"\n{line}\n")
    if "cycles" in contract:
        outcome = tmp_path / "src/posthouse/mail/outcome.py"
        outcome.write_text(outcome.read_text() + "\nimport posthouse.mail.address\n")
    found = subprocess.run(
        [str(LINT), "--no-cache", "--config", "pyproject.toml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert f"{contract} BROKEN" in " ".join(found.stdout.split())
