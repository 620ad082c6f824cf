"""Octets on a socket, from whatever address of loopback one likes. Knows lines, TLS and nothing else.

Every wait has a deadline: a server that says nothing is an observation, not a hang.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable
from typing import Self, TypeVar

from posthouse.drill.fence import Budget
from posthouse.drill.transcript import Transcript

PATIENCE = 10.0
PIECE = 65536
BUFFER_OCTETS = 1024 * 1024
"""A server that sends more than this without being read is left waiting, as any peer would leave it."""

T = TypeVar("T")


class Silent(Exception):
    """Nothing came in time."""


class Caller:
    """One connection. An empty line or reply means that the connection is over; ``Silent`` that nothing came."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        budget: Budget,
        transcript: Transcript,
        *,
        cafile: str = "",
    ) -> None:
        self.reader, self.writer = streams
        self.budget = budget
        self.transcript = transcript
        self.patience = PATIENCE
        self._cafile = cafile
        self._buffer = b""

    @classmethod
    async def connect(
        cls,
        where: tuple[str, int],
        source: str,
        budget: Budget,
        transcript: Transcript | None = None,
        *,
        cafile: str = "",
        tls: bool = False,
    ) -> Self:
        """Raises ``OSError`` when nobody listens, ``Silent`` when nobody answers."""
        budget.connect(where[0])
        streams = await _in_time(
            asyncio.open_connection(*where, local_addr=(source, 0), limit=BUFFER_OCTETS), PATIENCE, f"to reach {where}"
        )
        caller = cls(streams, budget, transcript or Transcript(), cafile=cafile)
        caller.transcript.note("connect", f"{source} to {where[0]}:{where[1]}".encode())
        if tls:
            await caller.shake_hands()
        return caller

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.close()

    # -- its life

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """End it as a broken line does: RST, nothing said."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def shake_hands(self, context: ssl.SSLContext | None = None) -> None:
        """TLS from here on. Raises ``ssl.SSLError`` or ``OSError`` when the server does not want it."""
        if context is None:
            context = ssl.create_default_context(cafile=self._cafile or None)
            if not self._cafile:  # whose certificate it is was settled by the kernel; an attack does not ask
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await _in_time(self.writer.start_tls(context, server_hostname="localhost"), self.patience, "for the handshake")
        self.transcript.note("tls", b"")

    # -- speaking

    async def say(self, *octets: bytes) -> bool:
        """Whether all of it could be sent. Waits while the server does not read, at most our patience."""
        whole = b"".join(octets)
        self.budget.send(len(whole))
        self.transcript.note("us", whole)
        try:
            self.writer.write(whole)
            await _in_time(self.writer.drain(), self.patience, "to be read")
        except (OSError, ssl.SSLError, Silent, RuntimeError):
            return False
        return not self.writer.is_closing()

    async def pour(self, octets: bytes, most: int, seconds: float = 10.0) -> int:
        """Send ``octets`` again and again until ``most`` are gone, nobody takes them, or time is up."""
        sent, end = 0, self.now() + min(seconds, self.budget.left)
        while sent < most and self.now() < end:
            self.budget.send(len(octets))
            try:
                self.writer.write(octets)
                await asyncio.wait_for(self.writer.drain(), max(0.01, end - self.now()))
            except (OSError, ssl.SSLError, TimeoutError, RuntimeError):
                break
            if self.writer.is_closing() or self.reader.at_eof():
                break
            sent += len(octets)
        self.transcript.note("us", b"%d octets poured" % sent)
        return sent

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    # -- listening

    async def _read(self, seconds: float) -> bool:
        try:
            octets = await _in_time(self.reader.read(PIECE), seconds, "for an answer")
        except (OSError, ssl.SSLError):
            octets = b""
        self._buffer += octets
        return bool(octets)

    async def line(self) -> bytes:
        """The next line, with its end; empty when the connection is over."""
        while b"\n" not in self._buffer:
            if not await self._read(self.patience):
                return b""
        line, end, self._buffer = self._buffer.partition(b"\n")
        self.transcript.note("it", line + end)
        return line + end

    async def take(self, octets: int) -> bytes:
        """Exactly so many octets; fewer when the connection is over."""
        pieces, have = [self._buffer], len(self._buffer)
        while have < octets:
            self._buffer = b""
            if not await self._read(self.patience):
                break
            pieces.append(self._buffer)
            have += len(self._buffer)
        whole = b"".join(pieces)
        self._buffer = whole[octets:]
        return whole[:octets]

    async def rest(self, seconds: float | None = None) -> bytes:
        """All that comes until the connection is over; raises ``Silent`` if it does not end."""
        end = self.now() + (self.patience if seconds is None else seconds)
        while await self._read(max(0.01, end - self.now())):
            pass
        found, self._buffer = self._buffer, b""
        self.transcript.note("it", found)
        return found

    async def ended(self, seconds: float) -> bool:
        """Whether the server ends the connection in time; what it says meanwhile is kept."""
        end = self.now() + seconds
        try:
            while await self._read(max(0.01, end - self.now())):
                if len(self._buffer) > BUFFER_OCTETS:
                    self._buffer = self._buffer[-1024:]
        except Silent:
            return False
        return True

    @property
    def heard(self) -> bytes:
        """What came and was not read yet."""
        return self._buffer


async def _in_time(wanted: Awaitable[T], seconds: float, what: str) -> T:
    try:
        return await asyncio.wait_for(wanted, seconds)
    except TimeoutError:
        raise Silent(f"waited {seconds:.1f} s in vain {what}") from None
