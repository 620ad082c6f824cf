"""One cluster and three nodes for the tests that need them; skipped, with the reason, where the programs are absent."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from story import Story

from posthouse.testing.freeports import free_base
from posthouse.testing.patroni import PatroniCluster
from posthouse.testing.postgres import Absent


@pytest.fixture(scope="session")
def cluster() -> Iterator[PatroniCluster]:
    """Three members, whole again whenever a test begins."""
    try:
        made = PatroniCluster(free_base(4))
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """One that servers without privileges may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="nodes-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def story(cluster: PatroniCluster, open_directory: Path) -> Iterator[Story]:
    """Three nodes with a database of their own, senders and readers at work."""
    for i in (1, 2, 3):
        cluster.start_machine(i)
    cluster.wait_whole()
    with contextlib.closing(Story(cluster, open_directory)) as made:
        yield made
