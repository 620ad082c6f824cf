"""Machines that are network namespaces: a cable each to one switch, to be pulled and plugged in again."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from posthouse.testing.patroni import MEMBERS


def ip(*words: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise OSError(done.stderr.strip())


class Wires:
    """A bridge, and a namespace with an address for each member: ``network`` and its number."""

    def __init__(self, tag: int) -> None:
        self.network = f"10.77.{tag}."
        self._tag = tag
        self.names = [f"ph{tag}-{i}" for i in MEMBERS]

    def lay(self) -> None:
        bridge = f"phbr{self._tag}"
        ip("link", "add", bridge, "type", "bridge")
        ip("addr", "add", f"{self.network}254/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        for i, name in zip(MEMBERS, self.names, strict=True):
            ip("netns", "add", name)
            ip("link", "add", self._cable(i), "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", self._cable(i), "master", bridge, "up")
            for words in (["addr", "add", f"{self.network}{i}/24", "dev", "eth0"], ["link", "set", "eth0", "up"],
                          ["link", "set", "lo", "up"]):  # fmt: skip
                ip("-n", name, *words)

    def _cable(self, i: int) -> str:
        return f"phv{self._tag}-{i}"

    def cut(self, i: int) -> None:
        ip("link", "set", self._cable(i), "down")

    def mend(self, i: int) -> None:
        ip("link", "set", self._cable(i), "up")

    def remove(self) -> None:
        for i, name in zip(MEMBERS, self.names, strict=True):
            ip("netns", "del", name, check=False)
            ip("link", "del", self._cable(i), check=False)
        ip("link", "del", f"phbr{self._tag}", check=False)


@contextmanager
def laid(tag: int) -> Iterator[Wires]:
    """Skips, with the reason, where they cannot be had."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("curl") is None:
        pytest.skip("network namespaces need root, ip and curl")
    wires = Wires(tag)
    wires.remove()
    try:
        try:
            wires.lay()
        except OSError as error:
            pytest.skip(f"this machine permits no network namespaces: {error}")
        yield wires
    finally:
        wires.remove()
