"""One connection to a scanner with its core, and the few of them that are kept for the next message."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

from posthouse.lib.ports import Clock
from posthouse.lib.sansio import RemoteError
from posthouse.net.places import Place, PlaceDialer
from posthouse.net.ports import Stream

LONG_SECONDS = 3600.0
"""For single waits: who examines a message has one deadline for all of them."""
KEPT_SECONDS = 20.0
"""clamd ends a session that is silent for 30 s."""
MOST_KEPT = 4
MOST_OCTETS = 256 * 1024 * 1024
"""What one connection may say to us in all."""


class Core(Protocol):
    """What the cores of all scanners' protocols have in common."""

    @property
    def is_idle(self) -> bool: ...

    def receive_data(self, data: bytes) -> None: ...

    def next_event(self) -> Any: ...

    def send(self, action: Any, /) -> Sequence[bytes]: ...


AnyCore = TypeVar("AnyCore", bound=Core)


class Talk(Generic[AnyCore]):
    """A conversation. ``is_used``: it has served before, so that its first failure may mean nothing."""

    __slots__ = ("_heard", "_stream", "core", "is_used", "since")

    def __init__(self, stream: Stream, core: AnyCore) -> None:
        self._stream = stream
        self._heard = 0
        self.core = core
        self.is_used = False
        self.since = 0.0

    async def say(self, *actions: Any) -> None:
        """Send ``actions`` in one write."""
        pieces = [piece for action in actions for piece in self.core.send(action)]
        if pieces:
            await self._stream.write(pieces, LONG_SECONDS)

    async def hear(self) -> Any:
        """The next event, however long it takes."""
        while (event := self.core.next_event()) is None:
            await self._read(LONG_SECONDS)
        return event

    async def overhear(self) -> Any:
        """An event that is there already, or None."""
        try:
            while (event := self.core.next_event()) is None:
                await self._read(0)
        except TimeoutError:
            return None
        return event

    async def _read(self, seconds: float) -> None:
        octets = await self._stream.read(seconds)
        self._heard += len(octets)
        if self._heard > MOST_OCTETS:
            raise RemoteError("it never stops talking")
        self.core.receive_data(octets)

    def close(self) -> None:
        self._stream.close()


class Talks(Generic[AnyCore]):
    """The connections to one scanner."""

    __slots__ = ("_clock", "_dialer", "_kept", "_make", "_place")

    def __init__(self, dialer: PlaceDialer, place: Place, make: Callable[[], AnyCore], clock: Clock) -> None:
        self._dialer = dialer
        self._place = place
        self._make = make
        self._clock = clock
        self._kept: list[Talk[AnyCore]] = []

    @asynccontextmanager
    async def open(self, *, fresh: bool = False) -> AsyncIterator[Talk[AnyCore]]:
        """A conversation for one message; kept afterwards only if it ended as it should."""
        talk = None if fresh else self._take()
        if talk is None:
            talk = await self.dial()
        try:
            yield talk
        except BaseException:
            talk.close()
            raise
        self._keep(talk)

    async def dial(self) -> Talk[AnyCore]:
        """A new conversation, to be closed by whoever asked for it."""
        return Talk(await self._dialer.dial(self._place, deadline_seconds=LONG_SECONDS), self._make())

    def _take(self) -> Talk[AnyCore] | None:
        oldest = self._clock.monotonic() - KEPT_SECONDS
        while self._kept:
            talk = self._kept.pop()
            if talk.since >= oldest:
                return talk
            talk.close()
        return None

    def _keep(self, talk: Talk[AnyCore]) -> None:
        if talk.core.is_idle and len(self._kept) < MOST_KEPT:
            talk.is_used, talk.since = True, self._clock.monotonic()
            self._kept.append(talk)
        else:
            talk.close()

    def close(self) -> None:
        """Let go of those that are kept."""
        kept, self._kept = self._kept, []
        for talk in kept:
            talk.close()
