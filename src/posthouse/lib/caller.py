"""What the cores of clients do alike: keep what arrives, read what is whole, and be over for good once it is broken.

A core that asks others (a scanner, a web server) is a ``Caller`` with phases
of its own; it adds ``send`` and ``_read``. TLS is nothing to it: where there is
any, it stood before the first octet.
"""

from abc import ABC, abstractmethod
from enum import Enum, auto
from typing import Final, Generic, TypeVar

from posthouse.lib.linebuffer import LineBuffer
from posthouse.lib.sansio import Channel, RemoteError

Event = TypeVar("Event")
Phase = TypeVar("Phase", bound=Enum)


class Over(Enum):
    """The last phase of every core."""

    OVER = auto()


OVER: Final = Over.OVER


class Caller(ABC, Generic[Event, Phase]):
    """Three of the four verbs of ``lib.sansio.Conversation``, for the side that asks."""

    __slots__ = ("_buffer", "_ended", "_phase")

    def __init__(self, phase: Phase) -> None:
        self._buffer = LineBuffer()
        self._ended = False
        self._phase: Phase | Over = phase

    @property
    def closed(self) -> bool:
        return self._phase is OVER

    @property
    def wants_tls(self) -> bool:
        return False

    def receive_data(self, data: bytes) -> None:
        if data:
            self._buffer.feed(data)
        else:
            self._ended = True

    def next_event(self) -> Event | None:
        """What it says next, None while that is incomplete. Raises ``RemoteError`` for what it may not say now."""
        if self._phase is OVER:
            return None
        try:
            return self._read()
        except RemoteError:
            self._phase = OVER
            raise

    @abstractmethod
    def _read(self) -> Event | None:
        """The next event of this phase, None while it is incomplete. Raises ``RemoteError``."""

    def secured(self, channel: Channel) -> None:
        """Inside the tunnel nothing changes."""
