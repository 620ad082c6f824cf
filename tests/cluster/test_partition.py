"""The network is cut: each server lives in a network namespace of its own, where the machine permits that."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_base
from story import Story

from posthouse.testing.patroni import MEMBERS, PatroniCluster
from posthouse.testing.postgres import Absent

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]

NETWORK = "10.77.143."
BRIDGE = "phbr143"


def ip(*words: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise OSError(done.stderr.strip())


class Wires:
    """A bridge, and a namespace with an address for each member."""

    def __init__(self) -> None:
        self.names = [f"ph143-{i}" for i in MEMBERS]
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{NETWORK}254/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for i, name in zip(MEMBERS, self.names, strict=True):
            ip("netns", "add", name)
            ip("link", "add", f"phv143-{i}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"phv143-{i}", "master", BRIDGE, "up")
            for words in (["addr", "add", f"{NETWORK}{i}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                          ["link", "set", "lo", "up"]):  # fmt: skip
                ip("-n", name, *words)

    def cut(self, i: int) -> None:
        ip("link", "set", f"phv143-{i}", "down")

    def mend(self, i: int) -> None:
        ip("link", "set", f"phv143-{i}", "up")

    @staticmethod
    def remove() -> None:
        for i in MEMBERS:
            ip("netns", "del", f"ph143-{i}", check=False)
            ip("link", "del", f"phv143-{i}", check=False)
        ip("link", "del", BRIDGE, check=False)


@pytest.fixture
def wires() -> Iterator[Wires]:
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("curl") is None:
        pytest.skip("network namespaces need root, ip and curl")
    Wires.remove()
    try:
        try:
            made = Wires()
        except OSError as error:
            pytest.skip(f"this machine permits no network namespaces: {error}")
        yield made
    finally:
        Wires.remove()


@pytest.fixture
def parted(wires: Wires, open_directory: Path) -> Iterator[Story]:
    try:
        cluster = PatroniCluster(free_base(4), NETWORK, namespaces=wires.names)
    except Absent as absent:
        pytest.skip(str(absent))
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
