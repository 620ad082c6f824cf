"""Signed messages, and a client that sends them on many connections: the same for every server."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import KeyPair, signing_key
from posthouse.standards.dkim.sign import SigningKey, format_signatures
from posthouse.standards.imf.header import parse_header

DOMAIN = "far.example"
SELECTOR = "bench"
HELO = "mail.far.example"
ADDRESSES = [f"192.0.2.{number}" for number in range(1, 21)]
LINE = b"The quick brown fox jumps over the lazy dog, as it does in every such letter.\r\n"
PEOPLE = 40


@dataclass(frozen=True)
class Message:
    sender: str
    content: bytes


def signed_messages(count: int, pair: KeyPair, recipient: str, *, octets: int = 4096, now: int) -> list[Message]:
    """Messages with different bodies, each signed by RSA-2048, by some people of one domain."""
    key = signing_key(DOMAIN, SELECTOR, pair.der)
    return [_signed(number, key, recipient, octets, now) for number in range(count)]


def _signed(number: int, key: SigningKey, recipient: str, octets: int, now: int) -> Message:
    sender = f"person{number % PEOPLE}@{DOMAIN}"
    head = (
        f"From: Person {number % PEOPLE} <{sender}>\r\nTo: <{recipient}>\r\nSubject: Letter {number}\r\n"
        f"Date: Sat, 21 Nov 2026 14:00:00 +0000\r\nMessage-ID: <{number}.{now}@{DOMAIN}>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    text = b"This is letter %d.\r\n" % number
    content = head + text + LINE * ((octets - len(head) - len(text) - 600) // len(LINE))
    header = parse_header(content)
    body = RelaxedBody()
    body.update(content[header.body_start :])
    return Message(sender, format_signatures(header, body.digest(), [key], now=now) + content)


class Client(asyncio.Protocol):
    """One connection: ``most`` messages of ``waiting``, then another connection. MAIL, RCPT and DATA go together."""

    def __init__(self, crowd: "Crowd", most: int) -> None:
        self.crowd, self.left = crowd, most
        self.held = b""
        self.message: Message | None = None
        self.step = "greeting"
        self.replies = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, octets: bytes) -> None:
        *lines, self.held = (self.held + octets).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-":
                self._hear(line)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.step != "over":
            self.crowd.fail(f"the connection was lost at {self.step}")
        self.crowd.closed(self)

    def _hear(self, line: bytes) -> None:
        expected = {"greeting": b"220", "hello": b"250", "envelope": b"354" if self.replies == 2 else b"250"}
        if self.step == "over":
            return
        if not line.startswith(expected.get(self.step, b"250")):
            self.step = "over"
            self.crowd.fail(line.decode("latin-1"))
            self.transport.close()
        elif self.step == "greeting":
            self._say("hello", f"EHLO {HELO}\r\n".encode())
        elif self.step == "envelope" and self.replies < 2:
            self.replies += 1
        elif self.step == "envelope":
            assert self.message is not None
            self._say("content", self.message.content + b".\r\n")
        else:
            if self.step == "content":
                self.crowd.done += 1
            self._next()

    def _next(self) -> None:
        self.message = self.crowd.take() if self.left else None
        if self.message is None:
            self._say("over", b"QUIT\r\n")
            return
        self.left -= 1
        self.replies = 0
        envelope = f"MAIL FROM:<{self.message.sender}>\r\nRCPT TO:<{self.crowd.recipient}>\r\nDATA\r\n"
        self._say("envelope", envelope.encode())

    def _say(self, step: str, octets: bytes) -> None:
        self.step = step
        self.transport.write(octets)


class Crowd:
    """Keeps so many connections at work until every message is accepted."""

    def __init__(self, port: int, recipient: str, messages: Sequence[Message], *, each: int) -> None:
        self.port, self.recipient, self.each = port, recipient, each
        self.messages: Iterator[Message] = iter(messages)
        self.wanted, self.done = len(messages), 0
        self.left = len(messages)
        self.failures: list[str] = []
        self.places = cycle(ADDRESSES)
        self.open = 0
        self.over = asyncio.Event()

    def take(self) -> Message | None:
        self.left -= 1
        return next(self.messages, None)

    def fail(self, why: str) -> None:
        self.failures.append(why)

    def closed(self, _client: Client) -> None:
        self.open -= 1
        if self.left > 0 and not self.failures:
            self._connect()
        elif not self.open:
            self.over.set()

    def _connect(self) -> None:
        self.open += 1
        self._tasks = [
            *[one for one in getattr(self, "_tasks", []) if not one.done()],
            asyncio.ensure_future(self._dial()),
        ]

    async def _dial(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: Client(self, self.each), "127.0.0.1", self.port, local_addr=(next(self.places), 0)
            )
        except OSError as error:
            self.open -= 1
            self.fail(str(error))
            self.over.set()

    async def run(self, connections: int) -> None:
        for _ in range(min(connections, self.wanted)):
            self._connect()
        await asyncio.wait_for(self.over.wait(), 300)
        if self.failures or self.done < self.wanted:
            raise RuntimeError(f"{self.done} of {self.wanted} accepted; {self.failures[:3]}")


def send(port: int, recipient: str, messages: Sequence[Message], *, connections: int, each: int) -> None:
    """Send them all; returns when the last was accepted."""

    async def work() -> None:
        await Crowd(port, recipient, messages, each=each).run(connections)

    asyncio.run(work())
