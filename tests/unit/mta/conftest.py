"""What the tests of the road out share: items as the store gives them, a next hop that plays a script, and a relay."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Recipient
from posthouse.mail.ids import BlobId, QueueId
from posthouse.mta.load import Load
from posthouse.mta.mx import MxLookup, Ourselves
from posthouse.mta.relay import Relay
from posthouse.mta.route import Hop, HostRoute, Routes, Terms, TlsPolicy
from posthouse.net.dialer import TcpDialer
from posthouse.net.tls import client_context
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.queue import Item, State
from posthouse.testing.ports import CountedIds

LETTER = b"From: alice@office.test\r\nSubject: hello\r\n\r\nDear Bob,\r\n.a dot\r\n"


class RunningClock:
    """The loop's own time: a relay's deadlines are real here."""

    def now(self) -> float:
        return 1_800_000_000.0 + self.monotonic()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class HeldWriter:
    """Implements ``storage.ports.BlobWriter`` in memory."""

    is_full = False

    def __init__(self, octets: dict[str, bytes]) -> None:
        self._octets = octets
        self._written = bytearray()
        self._name = BlobId(f"written{len(octets)}")

    @property
    def size(self) -> int:
        return len(self._written)

    async def drained(self) -> None: ...

    def write(self, chunk: bytes) -> None:
        self._written += chunk

    async def finish(self) -> Blob:
        self._octets[self._name] = bytes(self._written)
        return Blob(self._name, self.size)

    def discard(self) -> None:
        self._octets.pop(self._name, None)


class HeldBlobs:
    """Implements ``storage.ports.Blobs`` from memory, but for ``verify``."""

    def __init__(self) -> None:
        self.octets: dict[str, bytes] = {}

    def open(self) -> HeldWriter:
        return HeldWriter(self.octets)

    async def read(self, blob: str, start: int = 0, length: int | None = None) -> bytes:
        octets = self.octets[blob]
        return octets[start : len(octets) if length is None else start + length]


def make_item(number: int = 1, to: str = "bob@elsewhere.test", content: bytes = LETTER, **values) -> Item:
    recipient = values.pop("recipient", None) or Recipient(parse_mailbox(to))
    prefix = values.pop("prefix", b"Received: by office.test; now\r\n")
    octets = None if values.pop("stored", False) else content
    fields = {
        "item": number,
        "queue_id": QueueId("q1"),
        "token": 1,
        "recipient": recipient,
        "domain": recipient.address.domain,
        "attempts": 0,
        "created_at": 1_800_000_000_000,
        "due_at": 1_800_000_060_000,
        "expires_at": 1_800_432_000_000,
        "state": State.WAITING,
        "claimed": True,
        "warned": False,
        "last": "",
        "last_host": "",
        "reverse_path": "alice@office.test",
        "content": Content(prefix, Blob(BlobId("b1"), len(content), octets)),
        "body": Body.SEVENBIT,
        "utf8": False,
        "ret": None,
        "envid": None,
        "submitter": None,
        "require_tls": False,
        "is_report": False,
    }
    return Item(**{**fields, **values})


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class NextHop:
    """A server on loopback that does to each connection what a function says, and keeps what it was told."""

    def __init__(self) -> None:
        self.port = 0
        self.said: list[bytes] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, conversation: Conversation, tls: ssl.SSLContext | None = None) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            self.writers.append(writer)
            task = asyncio.current_task()
            self._tasks.add(task)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await conversation(reader, writer)
            with contextlib.suppress(Exception):
                writer.close()

        self._server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=4_000_000, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for writer in self.writers:
                writer.transport.abort()
            await asyncio.sleep(0)

    def speak(
        self, *, keywords: tuple[str, ...] = (), answers: dict[str, str] | None = None, greeting="220 hop"
    ) -> Conversation:
        """SMTP as it should be, with other ``answers`` to commands that begin with a key; ``-`` hangs up."""
        answers = answers or {}

        def answer(line: str, usual: str) -> str:
            return next((given for start, given in answers.items() if line.upper().startswith(start)), usual)

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"{greeting}\r\n".encode())
            accepted = 0
            while line := await reader.readline():
                self.said.append(line)
                text = line.decode("utf-8", "replace").strip()
                verb = text.split(" ")[0].upper()
                given = answer(text, {"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 2.0.0 ok"))
                if given == "-":
                    writer.transport.abort()
                    return
                if verb in {"EHLO", "LHLO"} and verb not in answers:
                    names = ["hop", *keywords]
                    given = "".join(f"250{'-' if name is not names[-1] else ' '}{name}\r\n" for name in names)[:-2]
                if verb == "MAIL":
                    accepted = 0
                if verb == "RCPT" and given.startswith("2"):
                    accepted += 1
                if verb == "BDAT":
                    self.said.append(await reader.readexactly(int(text.split(" ")[1])))
                    given = answer("END", given) if accepted else "503 5.5.1 no recipients"
                    if given == "-":
                        writer.transport.abort()
                        return
                writer.write(f"{given}\r\n".encode())
                if verb == "DATA" and given.startswith("354"):
                    content = await reader.readuntil(b"\r\n.\r\n") if accepted else await reader.readline()
                    self.said.append(content)
                    ending = answer("END", "250 2.0.0 taken" if accepted else "554 5.5.1 nobody")
                    if ending == "-":
                        writer.transport.abort()
                        return
                    for one in ending.split("|"):
                        writer.write(f"{one}\r\n".encode())
                if verb == "QUIT":
                    return

        return conversation

    @property
    def mails(self) -> list[bytes]:
        """The senders of all transactions that were begun."""
        return [line for line in self.said if line.startswith(b"MAIL")]

    @property
    def commands(self) -> list[str]:
        return [line.decode("utf-8", "replace").rstrip() for line in self.said if line.count(b"\n") == 1]


@pytest.fixture
async def hop() -> AsyncIterator[NextHop]:
    server = NextHop()
    yield server
    await server.stop()


class NoResolver:
    async def mx(self, name):
        raise AssertionError(name)

    a = aaaa = mx


class Road:
    """A relay over loopback, and what a test wants to vary."""

    def __init__(self, hop: NextHop) -> None:
        self.hop = hop
        self.blobs = HeldBlobs()

        def contexts(verify: bool):
            return client_context(verify=verify)

        self.clock = RunningClock()
        mx = MxLookup(NoResolver(), Ourselves(frozenset({"office.test"})), lambda: 0.5)
        self.relay = Relay(
            dialer=TcpDialer(self.blobs, contexts),
            routes=Routes(mx, table={}),
            blobs=self.blobs,
            clock=self.clock,
            ids=CountedIds(),
            hostname="office.test",
        )

    def route(self, *ports: int, **terms) -> HostRoute:
        hops = tuple(Hop("hop.test", port, ("127.0.0.1",)) for port in ports or (self.hop.port,))
        return HostRoute("test", hops, Terms(**{"tls": TlsPolicy.MAY, **terms}))

    async def carry(self, *items: Item, link=None, route=None, may_send=lambda _load: True, keep=False):
        for item in items:
            self.blobs.octets.setdefault(item.content.blob.blob_id, item.content.blob.octets or b"")
        trip = await self.relay.carry(route or self.route(), Load(items), link, may_send)
        if trip.link is not None and not keep:
            await trip.link.quit()
        return trip


@pytest.fixture
async def road(hop: NextHop) -> Road:
    return Road(hop)


@pytest.fixture
def item() -> Callable[..., Item]:
    return make_item
