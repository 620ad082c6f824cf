"""A weakness is asked for by a name that is known, in a sandbox of the drill, and nowhere else."""

import os
import subprocess
import sys

import pytest

from posthouse.supervisor.weakened import PERMISSION, WEAKENINGS, weaken


def test_an_unknown_weakness_is_refused():
    with pytest.raises(ValueError, match="no such weakness: X99"):
        weaken(("X99",))


def test_without_permission_nothing_is_weakened(tmp_path, monkeypatch):
    monkeypatch.delenv(PERMISSION, raising=False)
    words = ["localserve", "--dir", str(tmp_path / "data"), "--weakened", "A01"]
    done = subprocess.run(
        [sys.executable, "-m", "posthouse", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "only posthouse drill prove" in done.stderr


@pytest.mark.parametrize("name", sorted(WEAKENINGS))
def test_each_weakness_still_finds_what_it_replaces(name, tmp_path):
    """In a process of its own, as the drill starts it: what it takes out must not be missing here."""
    code = f"from posthouse.supervisor.weakened import weaken; weaken(({name!r},))"
    words = [sys.executable, "-c", code, "--dir", str(tmp_path)]
    environment = {**os.environ, "POSTHOUSE_DRILL_CLOCK": str(tmp_path / "clock")}
    assert subprocess.run(words, env=environment, timeout=60, check=False).returncode == 0


def test_localserve_does_not_show_the_option():
    done = subprocess.run(
        [sys.executable, "-m", "posthouse", "localserve", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "weakened" not in done.stdout
