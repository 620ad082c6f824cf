"""Where a test may stop the world: the named points of the road to disk, as a port."""

import os
from typing import Protocol


class Faults(Protocol):
    """Called at every promise point; the real one does nothing."""

    def at(self, point: str) -> None:
        """``point`` is about to be passed. May kill the process or raise ``OSError`` as a disk would.

        Points, in the order of an acceptance: ``blob.written``, ``blob.synced``, ``blob.renamed``,
        ``blob.durable``, ``batch.open``, ``batch.filled``, ``batch.committed``; and ``sweep.unlink``.
        """

    def sync(self, descriptor: int) -> None:
        """``os.fsync``, or what a test wants instead."""

    @property
    def synchronous(self) -> str:
        """The database's ``synchronous`` pragma; anything but FULL is a weakened build for negative controls."""


class NoFaults:
    """The ``Faults`` of a real server: nothing is injected, fsync is fsync."""

    synchronous = "FULL"

    def at(self, point: str) -> None:
        """Pass."""

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)
