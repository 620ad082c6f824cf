"""The network is cut: each server lives in a network namespace of its own, where the machine permits that."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from story import Story
from wires import Wires, laid

from posthouse.testing.freeports import free_base
from posthouse.testing.patroni import PatroniCluster
from posthouse.testing.postgres import Absent

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]


KNOWS_STALE = (4, 0, 6)
"""The Patroni that ignores an etcd whose term is behind."""


@pytest.fixture
def wires() -> Iterator[Wires]:
    with laid(143) as made:
        yield made


@pytest.fixture
def parted(wires: Wires, open_directory: Path) -> Iterator[Story]:
    try:
        cluster = PatroniCluster(free_base(4), wires.network, namespaces=wires.names)
    except Absent as absent:
        pytest.skip(str(absent))
    if cluster.version < KNOWS_STALE:
        pytest.skip(
            "this Patroni reads a stale etcd (its #3318) and may lose what was acknowledged since the cut: "
            "install contrib/cluster/patroni.txt as docs/howto/two-offices.md says, or name another by POSTHOUSE_PATRONI"
        )
    try:
        cluster.start()
        with contextlib.closing(Story(cluster, open_directory)) as story:
            yield story
    finally:
        cluster.remove()


def test_the_leader_is_cut_off_and_comes_back(parted: Story, wires: Wires) -> None:
    parted.open()
    leader = parted.cluster.leader()
    wires.cut(leader)
    parted.senders.wait_for(300)
    assert parted.cluster.leader() != leader
    wires.mend(leader)
    parted.cluster.wait_whole()
    parted.senders.wait_for(100)
    parted.finish()
