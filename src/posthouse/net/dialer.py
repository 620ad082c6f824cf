"""Outbound connections: the only way out of the house."""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Sequence
from typing import cast

from posthouse.lib.sansio import Channel, Piece, Slice
from posthouse.net.ports import BlobReader
from posthouse.net.tls import Tunnel

READ_OCTETS = 64 * 1024
SLICE_OCTETS = 64 * 1024

UNREAD_OCTETS = 256 * 1024
"""What a server may have said that nobody asked for yet, before we stop reading."""

Policy = Callable[[str, int], bool]
"""Whether we may connect to this address and port at all."""

Contexts = Callable[[bool], ssl.SSLContext]
"""The client's TLS context, for ``verify`` or not."""


class TcpDialer:
    """Implements ``net.ports.Dialer``."""

    __slots__ = ("_blobs", "_contexts", "_local", "_may")

    def __init__(
        self, blobs: BlobReader, contexts: Contexts, *, may: Policy | None = None, local: str | None = None
    ) -> None:
        self._blobs = blobs
        self._contexts = contexts
        self._may = may
        self._local = local

    async def dial(self, host: str, port: int, *, deadline_seconds: float, implicit_tls: bool = False) -> "TcpStream":
        """Connect to an IP literal: names are resolved by those who know what the answer may be used for."""
        ipaddress.ip_address(host)
        if self._may is not None and not self._may(host, port):
            raise PermissionError(f"{host} port {port} is out of bounds here")
        loop = asyncio.get_running_loop()
        local = (self._local, 0) if self._local else None
        async with asyncio.timeout(deadline_seconds):
            _, stream = await loop.create_connection(
                lambda: TcpStream(loop, self._blobs, self._contexts), host, port, local_addr=local
            )
            if implicit_tls:
                try:
                    await stream.secure(host, verify=False, deadline_seconds=deadline_seconds)
                except BaseException:
                    stream.close()
                    raise
        return stream


class TcpStream(asyncio.Protocol):
    """Implements ``net.ports.Stream``: what has arrived is kept until it is asked for."""

    __slots__ = (
        "_blobs", "_contexts", "_drained", "_ended", "_error", "_loop", "_paused", "_transport", "_tunnel", "_unread",
        "_waiting",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, blobs: BlobReader, contexts: Contexts) -> None:
        self._loop = loop
        self._blobs = blobs
        self._contexts = contexts
        self._transport: asyncio.Transport
        self._tunnel: Tunnel | None = None
        self._unread = bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._ended = self._paused = False
        self._error: OSError | None = None

    # -- what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            try:
                data = self._tunnel.receive(data)
            except ssl.SSLError as error:
                self._fail(error)
                return
            self._transport.write(self._tunnel.outgoing())
            self._ended = self._ended or self._tunnel.ended
        self._unread += data
        if len(self._unread) > UNREAD_OCTETS and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._tell()

    def eof_received(self) -> bool:
        self._ended = True
        self._tell()
        return self._tunnel is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if isinstance(exc, OSError):
            self._error = self._error or exc
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._tell()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _tell(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, error: OSError) -> None:
        self._error = error
        self._transport.abort()
        self._tell()

    # -- the port

    @property
    def channel(self) -> Channel | None:
        return self._tunnel.channel if self._tunnel is not None else None

    async def read(self, deadline_seconds: float) -> bytes:
        """At least one octet, at most 64 KiB; ``b""`` at the end."""
        end = self._loop.time() + deadline_seconds
        while not self._unread:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            await self._wait_for_news(end - self._loop.time())
        octets = bytes(self._unread[:READ_OCTETS])
        del self._unread[:READ_OCTETS]
        if self._paused and not self._unread:
            self._paused = False
            self._transport.resume_reading()
        return octets

    async def _wait_for_news(self, seconds: float) -> None:
        """One timer, no task: this is on the way of every relayed message."""
        if seconds <= 0:
            raise TimeoutError
        waiting = self._waiting = self._loop.create_future()
        timer = self._loop.call_later(seconds, _time_out, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting = None

    async def write(self, pieces: Sequence[Piece], deadline_seconds: float) -> None:
        """Returns when the kernel has taken the pieces, but for what fits the transport's buffer."""
        end = self._loop.time() + deadline_seconds
        plain: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, Slice):
                self._put(b"".join(plain))
                plain = []
                await self._copy(piece, end)
            else:
                plain.append(piece)
        self._put(b"".join(plain))
        await self._drain(end)

    async def _copy(self, piece: Slice, end: float) -> None:
        at, last = piece.start, piece.start + piece.length
        while at < last:
            octets = await self._blobs.read(piece.blob, at, min(SLICE_OCTETS, last - at))
            if not octets:
                raise EOFError(f"blob {piece.blob} ends before {last}")
            self._put(octets)
            await self._drain(end)
            at += len(octets)

    def _put(self, octets: bytes) -> None:
        if self._error is not None:
            raise self._error
        if self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        if not octets:
            return
        if self._tunnel is not None:
            octets = self._tunnel.wrap(octets)
        self._transport.write(octets)

    async def _drain(self, end: float) -> None:
        drained = self._drained
        if drained is None:
            return
        timer = self._loop.call_later(max(0.0, end - self._loop.time()), _time_out, drained)
        try:
            await drained
        finally:
            timer.cancel()
        if self._error is not None:
            raise self._error

    async def secure(self, server_name: str, *, verify: bool, deadline_seconds: float) -> Channel:
        """TLS handshake as a client. What came before it in the clear is an attack (RFC 3207 section 4.2)."""
        if self._unread:
            self._fail(ConnectionAbortedError("the server talked before the TLS handshake"))
            raise self._error or ConnectionAbortedError
        tunnel = self._tunnel = Tunnel(self._contexts(verify), server_side=False, server_name=server_name or None)
        tunnel.begin()
        self._transport.write(tunnel.outgoing())
        end = self._loop.time() + deadline_seconds
        while tunnel.channel is None:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise ConnectionResetError("the server hung up during the TLS handshake")
            await self._wait_for_news(end - self._loop.time())
        return tunnel.channel

    def close(self) -> None:
        if self._tunnel is not None and self._tunnel.channel is not None and not self._transport.is_closing():
            self._tunnel.end()
            self._transport.write(self._tunnel.outgoing())
        if self._drained is not None:
            self._transport.abort()  # it does not read: there is nobody to flush to
        else:
            self._transport.close()


def _time_out(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_exception(TimeoutError())
