"""Where mail for the rest of the world goes: a server that takes everything, and one that plays tricks."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

PATIENCE = 60.0
MOST_OCTETS = 64 * 1024 * 1024
"""Of one message; more is a fault of the test, not of the server."""

ENDS = (
    OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError, RuntimeError,
)  # fmt: skip
"""How a conversation may end. Nobody awaits the task of one: that it was cancelled is told to nobody, either."""

Session = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Guests:
    """Who is being served, and by which task: when the house closes, both are ended, and nobody complains."""

    tasks: "dict[asyncio.StreamWriter, asyncio.Task[object] | None]" = field(default_factory=dict)

    @contextlib.contextmanager
    def hosting(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self.tasks[writer] = asyncio.current_task()
        try:
            with contextlib.suppress(*ENDS):
                yield
        finally:
            writer.close()
            self.tasks.pop(writer, None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it came over the wire, dots still doubled."""

    connection: int
    peer: str
    sender: bytes
    recipients: tuple[bytes, ...]
    content: bytes
    at: float


@dataclass(slots=True)
class Sink:
    """Takes all mail. ``verbs`` are all commands it heard, in order; ``refuse`` may answer RCPT."""

    deliveries: list[Delivery] = field(default_factory=list)
    verbs: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    refuse: Callable[[bytes], bytes] = lambda _recipient: b""
    _server: asyncio.Server | None = None
    _guests: Guests = field(default_factory=Guests)

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, host, port, limit=MOST_OCTETS)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        await _shut(self._server, self._guests)

    def to(self, recipient: bytes) -> list[Delivery]:
        return [one for one in self.deliveries if recipient.lower() in map(bytes.lower, one.recipients)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with self._guests.hosting(writer):
            await self._converse(self.connections, reader, writer)

    async def _converse(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, recipients = b"", list[bytes]()
        peer = writer.get_extra_info("peername")[0]
        writer.write(b"220 sink.test ESMTP\r\n")
        while line := await asyncio.wait_for(reader.readline(), PATIENCE):
            self.verbs.append(line[:1000])
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(
                    b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 0\r\n"
                )
            elif verb == b"DATA" and not recipients:
                writer.write(b"554 5.5.1 no valid recipients\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                content = await asyncio.wait_for(reader.readuntil(b"\r\n.\r\n"), PATIENCE)
                self.deliveries.append(
                    Delivery(number, peer, sender, tuple(recipients), content[:-3], time.monotonic())
                )
                writer.write(b"250 2.0.0 sunk\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            elif verb == b"RCPT":
                recipient = _path(line)
                refusal = self.refuse(recipient)
                if not refusal:
                    recipients.append(recipient)
                writer.write(refusal or b"250 2.1.5 ok\r\n")
            else:
                if verb in {b"MAIL", b"RSET", b"HELO"}:
                    sender, recipients = _path(line), []
                writer.write(b"250 2.0.0 ok\r\n")
            await writer.drain()


def _path(line: bytes) -> bytes:
    return line.partition(b"<")[2].partition(b">")[0]


@dataclass(slots=True)
class Hostile:
    """A server whose every session is whatever ``play`` does; sessions are counted."""

    play: Session
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _guests: Guests = field(default_factory=Guests)

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        await _shut(self._server, self._guests)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with self._guests.hosting(writer):
            await self.play(reader, writer)


async def _shut(server: asyncio.Server | None, guests: Guests) -> None:
    """Nobody new, and nobody who is still there."""
    if server is not None:
        server.close()
    for writer, task in list(guests.tasks.items()):
        writer.transport.abort()
        if task is not None:
            task.cancel()
    await asyncio.sleep(0)
