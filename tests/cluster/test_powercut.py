"""The power of all machines goes at once: servers, etcds and nodes stop where they stand, and no disk writes on."""

import contextlib
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from powercut import PowerCut, why_not
from story import Story

from posthouse.testing.freeports import free_base
from posthouse.testing.patroni import MEMBERS, PatroniCluster
from posthouse.testing.postgres import Absent

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(500),
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]

EATMYDATA = next(Path("/usr/lib").glob("*/libeatmydata.so"), None)
"""Makes every sync of a program do nothing."""


class Rack:
    """Three machines with all that is on them. The data of a server, of its etcd and of a node are on one disk."""

    def __init__(self, directory: Path, disks: list[PowerCut], preload: str = "") -> None:
        self.disks = disks
        root = directory / "cluster"
        root.mkdir()
        for i, disk in zip(MEMBERS, disks, strict=True):
            (root / f"n{i}").symlink_to(disk.disk)
        self.cluster = PatroniCluster(free_base(4), root=root, preload=preload)

    def cut(self, story: Story) -> None:
        self.cluster.cut_power(self._stop_disks)
        for node in story.nodes:
            node.kill()

    def _stop_disks(self) -> None:
        for disk in random.sample(self.disks, len(self.disks)):
            disk.cut()

    def power_on(self) -> None:
        for disk in self.disks:
            disk.restore()
        for i in MEMBERS:
            self.cluster.start_machine(i)
        self.cluster.wait_whole()


@contextlib.contextmanager
def a_rack(directory: Path, preload: str = "") -> Iterator[Rack]:
    with contextlib.ExitStack() as stack:
        disks = [stack.enter_context(PowerCut(directory / f"machine{i}", mebibytes=4096)) for i in MEMBERS]
        try:
            rack = Rack(directory, disks, preload)
        except Absent as absent:
            pytest.skip(str(absent))
        stack.callback(rack.cluster.remove)
        rack.cluster.start()
        yield rack


@contextlib.contextmanager
def a_story(rack: Rack) -> Iterator[Story]:
    homes = [disk.disk / "office" for disk in rack.disks]
    with contextlib.closing(Story(rack.cluster, rack.disks[0].disk, homes=homes)) as story:
        story.open()
        for disk in rack.disks:  # what operators wrote has been there for longer than half a minute
            subprocess.run(["sync", "-f", str(disk.disk)], check=True)
        yield story


def go_on(rack: Rack, story: Story) -> None:
    """Power is back; whoever has lost nothing serves again."""
    rack.power_on()
    story.forgive_refused()  # the disks went a moment before the nodes, which told senders of it as they should
    for node in story.nodes:
        node.start()
    story.senders.wait_for(200)


def go_on_and_finish(rack: Rack, story: Story) -> None:
    go_on(rack, story)
    story.finish(most_repeats=200)


def test_the_power_of_all_machines_goes_and_nothing_acknowledged_is_lost(open_directory: Path) -> None:
    with a_rack(open_directory) as rack, a_story(rack) as story:
        for _ in range(2):
            story.senders.wait_for(400)
            rack.cut(story)
            go_on(rack, story)
        story.finish(most_repeats=200)


@pytest.mark.skipif(EATMYDATA is None, reason="the control needs libeatmydata (Debian: apt install libeatmydata1)")
def test_servers_that_do_not_sync_are_caught(open_directory: Path) -> None:
    """The control: what the story above says of good servers, it does not say of these."""
    with a_rack(open_directory, preload=str(EATMYDATA)) as rack, a_story(rack) as story:
        story.senders.wait_for(400)
        rack.cut(story)
        with pytest.raises(AssertionError, match=r"acknowledged and lost|waited .* in vain"):
            go_on_and_finish(rack, story)
