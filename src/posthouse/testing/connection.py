"""A connection without a socket: a whole session of the real loop reads as a dialogue."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from posthouse.lib.sansio import Conversation
from posthouse.net.house import House
from posthouse.net.ports import BlobReader, Door, Line, Peer
from posthouse.net.session import Session
from posthouse.net.tls import Tunnel
from posthouse.net.watch import Watch
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock

HIGH_WATER = 64 * 1024
PATIENCE_SECONDS = 5.0

OpenDoor = Callable[[Line], tuple[Conversation[Any, Any], Door[Any, Any]]]


class FakeTransport(asyncio.Transport):
    """Keeps what is written; ``reads`` False is a peer that does not read."""

    def __init__(self, session: Session, peer: Peer) -> None:
        super().__init__({"peername": (peer.address, peer.port), "sockname": (peer.local_address, peer.local_port)})
        self._session = session
        self.written = bytearray()
        self.stuck = bytearray()
        self.reads = True
        self.reading = True
        self.half_closed = False
        self.closed = False
        self.writes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.closed or not data:
            return
        self.writes += 1
        if self.reads:
            self.written += data
            return
        was = len(self.stuck)
        self.stuck += data
        if was <= HIGH_WATER < len(self.stuck):
            self._session.pause_writing()

    def read_on(self) -> None:
        """The peer reads everything that was stuck, and goes on reading."""
        self.reads = True
        was = len(self.stuck)
        self.written += self.stuck
        self.stuck.clear()
        if was > HIGH_WATER:
            self._session.resume_writing()

    def get_write_buffer_size(self) -> int:
        return len(self.stuck)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed and not self.stuck:
            self.abort()

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._session.connection_lost, None)


class NoBlobs:
    """Implements ``net.ports.BlobReader``: there are none."""

    async def read(self, blob: str, _start: int, _length: int) -> bytes:
        raise LookupError(blob)


class Connection:
    """One session, its far end in the hand of a test. Implements ``net.house.Porch``."""

    def __init__(
        self,
        open_door: OpenDoor,
        *,
        peer: Peer | None = None,
        clock: ManualClock | None = None,
        blobs: BlobReader | None = None,
        tunnel: Callable[[], Tunnel | None] = lambda: None,
        implicit_tls: bool = False,
        refusal: bytes | None = None,
    ) -> None:
        self.name = "test"
        self.implicit_tls = implicit_tls
        self.journal = KeptJournal()
        self.clock = clock or ManualClock()
        self.here = 0
        self._open = open_door
        self._tunnel = tunnel
        self._refusal = refusal
        self.house = House(asyncio.get_running_loop(), self.clock, Watch(), blobs or NoBlobs(), self.journal)
        self.session = Session(self)
        self.transport = FakeTransport(self.session, peer or Peer("192.0.2.1", 4711, "198.51.100.1", 25))
        self._seen = 0

    def admit(self, _peer: Peer) -> bytes | None:
        if self._refusal is None:
            self.here += 1
        return self._refusal

    def open(self, line: Line) -> tuple[Conversation[Any, Any], Door[Any, Any]]:
        return self._open(line)

    def tunnel(self) -> Tunnel | None:
        return self._tunnel()

    def left(self, _peer: Peer) -> None:
        self.here -= 1

    async def connect(self) -> bytes:
        """The greeting."""
        self.session.connection_made(self.transport)
        return await self.hear()

    async def say(self, octets: bytes) -> bytes:
        """Send ``octets`` and give all that is answered."""
        self.session.data_received(octets)
        return await self.hear()

    async def say_slowly(self, octets: bytes) -> bytes:
        """The same, one octet in a packet."""
        for at in range(len(octets)):
            if self.transport.closed:
                break
            self.session.data_received(octets[at : at + 1])
            await asyncio.sleep(0)
        return await self.hear()

    async def end(self) -> bytes:
        """Say that no more will come."""
        if not self.session.eof_received():
            self.transport.close()
        return await self.hear()

    async def vanish(self) -> None:
        """The connection breaks."""
        self.transport.closed = True
        self.session.connection_lost(None)
        await self.hear()

    async def hear(self) -> bytes:
        """What was said since the last time, once the session has nothing more to do."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._settle()
        heard = bytes(self.transport.written[self._seen :])
        self._seen = len(self.transport.written)
        return heard

    async def _settle(self) -> None:
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0)
            quiet = 0 if self.session.busy and self.transport.reads else quiet + 1

    async def pass_time(self, seconds: float) -> bytes:
        """Let time go by, second by second, as the wheel sees it."""
        for _ in range(int(seconds)):
            self.clock.pass_time(1)
            self.house.watch.turn(self.clock.monotonic())
        return await self.hear()
