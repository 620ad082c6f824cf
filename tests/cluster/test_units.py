"""The files that operators take as they are, looked at by the programs that will read them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRIB = Path(__file__).parents[2] / "contrib"
UNITS = sorted((CONTRIB / "systemd").glob("*.service"))
ANALYZE = shutil.which("systemd-analyze")
COMPOSE = shutil.which("docker-compose")
MOST_EXPOSED = 20
"""Of systemd's 100; the network that a mail server needs is most of it."""

with_systemd = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here (Debian: apt install systemd)")


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ANALYZE), *map(str, words)], capture_output=True, text=True, check=False, timeout=60)


@with_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_knows_every_word_of_a_unit(unit: Path, tmp_path: Path) -> None:
    """With a program in the place of the one that is not installed here; warnings are errors."""
    copy = tmp_path / unit.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    done = analyze("verify", "--man=no", copy)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@with_systemd
def test_a_word_that_systemd_does_not_know_is_seen(tmp_path: Path) -> None:
    """The control of the test above."""
    copy = tmp_path / "posthouse.service"
    copy.write_text("[Service]\nExecStart=/bin/true\nProtectSystems=strict\n")
    assert "ProtectSystems" in analyze("verify", "--man=no", copy).stderr


@with_systemd
@pytest.mark.parametrize(("threshold", "status"), [(MOST_EXPOSED, 0), (1, 1)])
def test_the_server_is_exposed_to_little_more_than_the_network(threshold: int, status: int) -> None:
    unit = CONTRIB / "systemd" / "posthouse.service"
    assert analyze("security", "--offline=yes", f"--threshold={threshold}", unit).returncode == status


@pytest.mark.skipif(COMPOSE is None, reason="no docker-compose here (Debian: apt install docker-compose)")
def test_compose_knows_every_word_of_its_file() -> None:
    done = subprocess.run(
        [str(COMPOSE), "-f", str(CONTRIB / "cluster" / "compose.yml"), "config", "--quiet"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
