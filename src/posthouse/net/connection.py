"""A connection without what is spoken on it: octets out, perhaps through a tunnel, deadlines, and its end.

What a ``net.session.Session`` is made on. A deadline costs no timer
(``net.watch``); who does not read what we say is cut off (L18); last words get
the time to be read.
"""

import asyncio
import fcntl
import os
import socket
import ssl
import termios
from collections.abc import Sequence

from posthouse.lib.sansio import Channel, Piece, Slice
from posthouse.net.house import Porch
from posthouse.net.pace import ReaderPace
from posthouse.net.ports import Peer
from posthouse.net.tls import HANDSHAKE_SECONDS, ForeignProtocol, Tunnel
from posthouse.observe.ports import Level

BACKLOG_OCTETS = 256 * 1024
"""What a peer may have sent ahead while an answer is in progress, before we stop reading."""

SLICE_OCTETS = 64 * 1024
"""How much of a stored message is in memory at once on its way out."""

LINGER_SECONDS = 5.0
"""How long a peer may take to read our last words and hang up too."""

QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux has it; elsewhere there is nothing to do."""
EARLY_OCTETS = 64 * 1024
"""How much of what a peer says before we greet is looked at first; the rest comes as usual."""
NOTHING = bytes(4)
"""FIONREAD's answer when nothing has arrived."""
INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})


class Connection(asyncio.Protocol):
    """One connection, as its session stands on it."""

    __slots__ = (
        "_backlog", "_deadline", "_drained", "_eof", "_house", "_lost", "_over", "_porch", "_reader", "_received",
        "_sent", "_transport", "_tunnel", "peer", "slot",
    )  # fmt: skip

    def __init__(self, porch: Porch) -> None:
        self._porch = porch
        self._house = porch.house
        self._transport: asyncio.Transport
        self._tunnel: Tunnel | None = None
        self._drained: asyncio.Future[None] | None = None
        """Set while the peer does not read fast enough; done when it has."""
        self._eof = self._over = self._lost = False
        self._backlog = self._received = self._sent = 0
        self._deadline = 0.0
        self._reader: ReaderPace | None = None
        """Since the peer first did not read fast enough."""
        self.peer: Peer
        self.slot = 0

    @property
    def channel(self) -> Channel | None:
        return self._tunnel.channel if self._tunnel is not None else None

    # -- octets

    def _write(self, pieces: list[bytes]) -> None:
        if not pieces or self._over:
            return
        octets = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._tunnel is not None:
            octets = self._tunnel.wrap(octets)
        self._sent += len(octets)
        self._transport.write(octets)

    async def _copy(self, pieces: Sequence[Piece]) -> None:
        """Write ``pieces``, large ones in small parts, never ahead of what the peer reads."""
        plain: list[bytes] = []
        for piece in pieces:
            if isinstance(piece, bytes) and len(piece) <= SLICE_OCTETS:
                plain.append(piece)
                continue
            self._write(plain)
            plain = []
            if isinstance(piece, Slice):
                await self._copy_slice(piece)
            else:
                await self._copy_octets(piece)
        self._write(plain)
        if self._drained is not None:
            await self._drained

    async def _copy_octets(self, octets: bytes) -> None:
        for at in range(0, len(octets), SLICE_OCTETS):
            if self._drained is not None:
                await self._drained
            self._write([octets[at : at + SLICE_OCTETS]])

    async def _copy_slice(self, piece: Slice) -> None:
        at, end = piece.start, piece.start + piece.length
        while at < end and not self._over:
            if self._drained is not None:
                await self._drained
            try:
                octets = await self._house.blobs.read(piece.blob, at, min(SLICE_OCTETS, end - at))
                if not octets:
                    raise EOFError(f"blob {piece.blob} ends before {end}")  # noqa: TRY301 - as bad as no answer
            except OSError as error:
                self._note("net.slice-lost", Level.ALARM, reason=str(error))
                self._abort()
                return
            except Exception as error:  # noqa: BLE001 - whatever is said now would be taken for the rest of the content
                self._bug("net.slice", error)
                self._abort()
                return
            self._write([octets])
            at += len(octets)

    def pause_writing(self) -> None:
        self._drained = self._house.loop.create_future()
        now, read = self._house.clock.monotonic(), self._read
        if self._reader is None:
            self._reader = ReaderPace(now, read)
        else:
            self._reader.stalled(now, read)
        self._expect(self._reader.left(now))

    @property
    def _read(self) -> int:
        """How many octets of what we said the peer has taken."""
        return self._sent - self._transport.get_write_buffer_size()

    def _acknowledge_at_once(self) -> None:
        """The content did not come whole. Who sends it in two writes waits for our ACK of the first (Nagle), and the
        kernel would like to send it with our next reply, in 40 ms at the latest: there will be none.
        """
        carrier = self._transport.get_extra_info("socket")
        if carrier is not None and QUICK_ACK is not None and carrier.family in INTERNET:
            carrier.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)

    # -- deadlines

    def _expect(self, seconds: float) -> None:
        """Something must happen within ``seconds``."""
        self._deadline = deadline = self._house.clock.monotonic() + seconds
        if not self.slot or deadline + 1 < self.slot:
            self._house.watch.put(self, deadline)

    def due(self, now: float) -> None:
        """The wheel says that the deadline may have passed; what that means its session knows."""

    def _judge_reader(self, now: float, reader: ReaderPace) -> None:
        """L18 the other way round: what we have to say must be read at the least rate too."""
        if not reader.is_over(now):
            self._expect(reader.left(now))
            return
        read = self._read
        if reader.is_too_slow(now, read, self._house.least_rate):
            waiting = self._transport.get_write_buffer_size()
            self._note("net.slow_reader", seconds=round(reader.seconds(now)), waiting=waiting)
            self._abort()
            return
        reader.renew(now, read)
        self._expect(reader.left(now))

    # -- TLS

    @property
    def _in_handshake(self) -> bool:
        return self._tunnel is not None and self._tunnel.channel is None

    def _shake_hands(self) -> None:
        """Nothing that arrived before may be taken for something that came inside: the core has seen to it
        (RFC 3207 section 4.2), and what arrives from now on goes into the tunnel.
        """
        self._tunnel = self._porch.tunnel()
        if self._tunnel is None or self._eof:
            self._abort()
            return
        self._expect(HANDSHAKE_SECONDS)

    def _unwrap(self, data: bytes, tunnel: Tunnel) -> bytes:
        """What ``data`` says inside the tunnel."""
        try:
            plain = tunnel.receive(data)
        except ssl.SSLError as error:
            self._tls_failed(error, tunnel)
            return b""
        outgoing = tunnel.outgoing()
        if outgoing:
            self._transport.write(outgoing)
        return plain

    def _tls_failed(self, error: ssl.SSLError, tunnel: Tunnel) -> None:
        why = str(error) if isinstance(error, ForeignProtocol) else (error.reason or "TLS error")
        self._note("net.tls_failed", Level.INFO, reason=why)
        self._over = True
        self._expect(LINGER_SECONDS)
        self._transport.write(tunnel.outgoing())
        self._transport.close()

    # -- the end

    def _hang_up(self, *, linger: bool) -> None:
        """Write what is left and close; ``linger`` when the peer may still be talking."""
        self._over = True
        if self._lost:
            return
        transport = self._transport
        self._received = 0
        if self._tunnel is not None:
            self._tunnel.end()
            transport.write(self._tunnel.outgoing())
        if linger or transport.get_write_buffer_size():  # otherwise there is nothing that the peer could hold up
            self._expect(LINGER_SECONDS)
        if linger and not self._eof and transport.can_write_eof():
            try:
                transport.write_eof()
            except OSError:  # the peer has gone already, and the loop has not heard of it yet
                self._abort()
                return
            if self._backlog > BACKLOG_OCTETS:
                transport.resume_reading()
        else:
            transport.close()

    def _turn_away(self, refusal: bytes) -> None:
        """Not admitted: neither core nor door exist."""
        self._over = True
        if refusal and not self._porch.implicit_tls:
            self._transport.write(refusal)
            self._expect(LINGER_SECONDS)
            self._transport.close()
        else:
            self._transport.abort()

    def _abort(self) -> None:
        self._over = True
        if not self._lost:
            self._transport.abort()

    def _bug(self, event: str, error: BaseException) -> None:
        self._house.journal.bug(event, error, door=self._porch.name, peer=self.peer.address)

    def _note(self, event: str, level: Level = Level.INFO, **values: object) -> None:
        self._house.journal.note(event, level, door=self._porch.name, peer=self.peer.address, **values)


def arrived(transport: asyncio.Transport) -> bytes:
    """What the peer said before we did; nearly always nothing, and then it costs one cheap system call."""
    carrier = transport.get_extra_info("socket")
    if carrier is None:
        return b""
    try:
        descriptor = carrier.fileno()
        if fcntl.ioctl(descriptor, termios.FIONREAD, NOTHING) == NOTHING:
            return b""
        return os.read(descriptor, EARLY_OCTETS)
    except (OSError, ValueError):  # gone already: the transport will say so
        return b""


def peer_of(transport: asyncio.Transport) -> Peer:
    far, near = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if not far or not near or not isinstance(far, tuple):
        return Peer("", 0, "", 0)
    return Peer(far[0].partition("%")[0], far[1], near[0].partition("%")[0], near[1])
