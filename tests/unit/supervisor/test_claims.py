"""Processes that share a directory leave each other's files alone, and clean up after the dead."""

import os
import subprocess
import sys

import pytest

from posthouse.supervisor.claims import dead_nodes, own_directory, sign_on

OTHER = """
import sys
from pathlib import Path
from posthouse.supervisor.claims import own_directory, sign_on
made = own_directory(Path(sys.argv[1]))
made.mkdir()
(made / "half").touch()
sign_on(Path(sys.argv[2]), "other")
print(made.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process with a directory; whoever gets it ends it."""
    command = [sys.executable, "-c", OTHER, str(tmp_path / "spool"), str(tmp_path / "nodes")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.name = process.stdout.readline().strip()
    yield process
    process.kill()
    process.communicate()


def test_what_is_of_the_living_stays_whatever_their_number(tmp_path, other):
    """A number that is not there says nothing: it may be another container's."""
    first = own_directory(tmp_path / "spool")
    first.mkdir()
    second = own_directory(tmp_path / "spool")
    assert first != second
    assert first.is_dir()
    assert (tmp_path / "spool" / other.name / "half").exists()
    assert dead_nodes(tmp_path / "nodes") == []


def test_what_the_dead_left_goes(tmp_path, other):
    other.kill()
    other.wait()
    assert dead_nodes(tmp_path / "nodes") == ["other"]
    ours = own_directory(tmp_path / "spool")
    assert [one.name for one in (tmp_path / "spool").iterdir()] == [f"{ours.name}.lock"]
    sign_on(tmp_path / "nodes", "ours")
    assert [one.read_text() for one in (tmp_path / "nodes").iterdir()] == ["ours"]
    assert dead_nodes(tmp_path / "nodes") == []


def test_what_an_earlier_release_left_by_number_goes(tmp_path):
    for name in ("4194305", str(os.getpid())):  # one above the largest of Linux, and ours
        (tmp_path / name / "inner").mkdir(parents=True)
    (tmp_path / str(os.getppid())).mkdir()
    ours = own_directory(tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {str(os.getppid()), f"{ours.name}.lock"}


def test_where_there_is_nothing_yet_nobody_is_dead(tmp_path):
    assert dead_nodes(tmp_path / "none") == []
    assert own_directory(tmp_path / "none").parent == tmp_path / "none"
