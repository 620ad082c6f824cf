"""Ports of this machine that no other test has, and that no client is given by the kernel.

A port that was found free is free until somebody takes it. Asking the kernel
(port 0) gives one of those that clients are given as well, and any connection
may be on it when the server comes; two test processes that draw from the same
ones meet. So each worker of a run has a slice of its own, below those of
clients, and of that a block which no other run on this machine has.
"""

import os
import random
import socket
from collections.abc import Iterator

FIRST, LAST = 12_000, 32_000
"""Linux gives clients 32768 and more (``net.ipv4.ip_local_port_range``)."""
BLOCK = 500
"""As many ports does a test process go round in."""
DRILL = range(24_400, 25_000)
"""The drill's sandboxes choose here."""


def free_base(count: int) -> int:
    """The first of ``count`` ports in a row that nobody listens on, whatever the address."""
    for _ in range(LAST - FIRST):
        ports = [next(_ROUND) for _ in range(count)]
        if ports[-1] - ports[0] == count - 1 and all(map(_is_free, ports)):
            return ports[0]
    raise OSError(f"no {count} free ports in a row between {FIRST} and {LAST}")


def free_ports(count: int) -> list[int]:
    """``count`` ports that nobody listens on."""
    base = free_base(count)
    return list(range(base, base + count))


def slice_of(worker: str, workers: int) -> range:
    """The ports of one test process: ``worker`` is ``gw0`` and so on, or empty where there is only one."""
    width = (LAST - FIRST) // max(workers, 1)
    number = int(worker.removeprefix("gw") or 0)
    return range(FIRST + number * width, FIRST + (number + 1) * width)


def block_in(mine: range, locks: list[socket.socket]) -> range:
    """A block of ``mine`` that no other process has as long as ``locks`` keeps its lock; all of it if there is none."""
    blocks = [block for start in range(FIRST, LAST, BLOCK) if _within(block := range(start, start + BLOCK), mine)]
    random.SystemRandom().shuffle(blocks)  # tests seed the generator that everybody shares
    for block in blocks:
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0posthouse.testing.ports.{block.start}")  # Linux: gone with whoever bound it
        except OSError:
            lock.close()
        else:
            locks.append(lock)
            return block
    return mine


def _within(block: range, mine: range) -> bool:
    is_drills = block.start < DRILL.stop and DRILL.start < block.stop
    return mine.start <= block.start and block.stop <= mine.stop and not is_drills


def _walk() -> Iterator[int]:
    mine = slice_of(os.environ.get("PYTEST_XDIST_WORKER", ""), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    locks: list[socket.socket] = []
    mine = block_in(mine, locks)
    for lock in locks:
        lock.detach()  # open as long as we are, and nobody wonders at the end why
    at = random.SystemRandom().randrange(len(mine))
    while True:
        if mine[at] not in DRILL:
            yield mine[at]
        at = (at + 1) % len(mine)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


_ROUND = _walk()
"""The one thing here that is remembered: what was given away a moment ago is not yet bound."""
