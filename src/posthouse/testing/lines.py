"""The least protocol there can be, and a door that speaks it: what the loop is tested with."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from posthouse.lib.sansio import Channel, RemoteError, Slice
from posthouse.net.ports import Answer, Farewell, Line


class Lines:
    """A core whose events are lines; ``quit`` ends it, ``tls`` upgrades it, ``break`` breaks it."""

    def __init__(self) -> None:
        self._data = b""
        self.closed = self.wants_tls = self.ended = False
        self.channel: Channel | None = None

    def receive_data(self, data: bytes) -> None:
        self.ended = self.ended or not data
        self._data += data

    def next_event(self) -> bytes | None:
        line, end, rest = self._data.partition(b"\n")
        if not end:
            return None
        self._data = rest
        if line == b"break":
            raise RemoteError("broken on purpose")
        return line

    def send(self, action: bytes | Slice) -> tuple[bytes | Slice, ...]:
        if isinstance(action, bytes):
            self.closed = action.startswith(b"bye")
            self.wants_tls = action.startswith(b"go ahead")
        return (action,)

    def secured(self, channel: Channel) -> None:
        self.channel, self.wants_tls = channel, False


class Door:
    """Answers a line at once, ``wait…`` when it is told to, ``bug`` never.

    300,000 octets are the answer to ``wait many``, piece by piece, and to ``wait large``, in one.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.patience = 60.0
        self.receives_content = False
        self.gates: list[asyncio.Event] = []
        self.heard: list[bytes] = []
        self.farewells: list[Farewell] = []
        self.left = 0

    def greet(self) -> Iterable[bytes]:
        return (b"hello\n",)

    def handle(self, event: bytes) -> Answer[bytes | Slice]:
        self.heard.append(event)
        if event.startswith(b"wait"):
            return self.long(event) if event in {b"wait many", b"wait large"} else self.late(event)
        if event == b"bug":
            raise ValueError("bug on purpose")
        if event == b"quit":
            return (b"bye\n",)
        if event == b"many":
            return (b"x" * 1000,) * 200
        if event == b"blob":
            return [b"<", Slice("b", 10, 150_000), b">"]
        return (b"ok " + event + b"\n",)

    async def late(self, event: bytes) -> Iterable[bytes]:
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()
        if event == b"wait bug":
            raise ValueError("late bug on purpose")
        return (b"done 0\n",)

    async def long(self, event: bytes) -> AsyncIterator[bytes]:
        await self.late(event)
        octets = b"y" * (1000 if event == b"wait many" else 300_000)
        for _ in range(300_000 // len(octets)):
            yield octets

    def woken(self) -> Iterable[bytes]:
        return (b"news\n",)

    def farewell(self, reason: Farewell) -> Iterable[bytes]:
        self.farewells.append(reason)
        return (b"bye " + reason.value.encode() + b"\n",)

    def gone(self) -> None:
        self.left += 1
