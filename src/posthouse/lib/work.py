"""Work that is heavy or hostile, done by a process that may be killed: the port, and what may become of it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec

Answer = TypeVar("Answer")


class Failed(Exception):
    """The work has no answer, and ``reason`` says whose fault that is.

    ``busy``: too much waits already, or the octets do not come; another time it may be done. ``late``: it took longer
    than it was given. ``died``: the process ended on it, out of memory most likely. ``broken``: the work itself failed.
    """

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class Source(msgspec.Struct, frozen=True):
    """Octets that are not at hand: ``read(start, length)`` gives them, at most 1 MiB at a time."""

    size: int
    read: Callable[[int, int], Awaitable[bytes]]


class Workers(Protocol):
    """Processes without network, files or children, each doing one work at a time."""

    async def run(
        self, work: str, octets: bytes | Source, answer: type[Answer], *, terms: Any = None, seconds: float
    ) -> Answer:
        """What the function ``work`` ("posthouse.room.module:function") says to ``octets`` and ``terms``.

        ``terms`` go over and the answer comes back as MessagePack. Raises ``Failed``.
        """
