"""Work that is heavy or hostile, done by a process that may be killed: the port, and what may become of it."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec

Answer = TypeVar("Answer")

FULL = "out of memory"
"""What ``Failed`` says if it is known that there was not enough of it."""


class Failed(Exception):
    """The work has no answer, and ``reason`` says whose fault that is.

    ``busy``: too much waits already, the octets do not come, or the machine gave it no time; another time it may be
    done. ``late``: it took more of the processor than it was given. ``died``: the process ended on it, ``FULL`` or not.
    ``broken``: the work itself failed.
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

        ``terms`` go over and the answer comes back as MessagePack. ``seconds`` of the processor are given; who has not
        got them after a few times as long is ``busy``. Raises ``Failed``.
        """
