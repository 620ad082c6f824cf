"""A weakness is asked for by a name that is known, in a sandbox of the drill, and nowhere else."""

import os
import subprocess
import sys

import pytest

from posthouse.supervisor.weakened import PERMISSION, WEAKENINGS, weaken

EACH = """
import os, traceback
from posthouse.supervisor.weakened import WEAKENINGS, weaken
for name in WEAKENINGS:
    child = os.fork()
    if not child:
        try:
            weaken((name,))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""To be loaded takes a second and a half, and there are dozens of them: they share it."""


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


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of each weakness: its number is 0 where all it replaces was found."""
    place = tmp_path_factory.mktemp("weakened")
    done = subprocess.run(
        [sys.executable, "-c", EACH, "--dir", str(place)],
        env={**os.environ, "POSTHOUSE_DRILL_CLOCK": str(place / "clock")},
        stdout=subprocess.PIPE,
        text=True,
        timeout=100,
        check=True,
    )
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", sorted(WEAKENINGS))
def test_each_weakness_still_finds_what_it_replaces(name, outcomes):
    """In a process of its own, as the drill starts it: what it takes out must not be missing here."""
    assert outcomes[name] == "0"


def test_localserve_does_not_show_the_option():
    done = subprocess.run(
        [sys.executable, "-m", "posthouse", "localserve", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "weakened" not in done.stdout
