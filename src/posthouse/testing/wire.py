"""A session that reads as a dialogue: what the client says, what the server answers, what came of it.

    with Wire(ServerConnection(offer), Agreeable()) as wire:
        wire.server("220 mx.office.test")
        wire.client("EHLO client.example")
        wire.server("250-mx.office.test", "250-PIPELINING", ...)

An expectation is the whole line or its beginning up to a space or hyphen
(``250`` matches ``250-mx.office.test``). What the server said and nobody
expected fails the test when the wire is let go.

``Wire`` drives a door whose answers need no waiting; ``AsyncWire`` any door.
Both feed the octets whole; ``piece`` makes them come in pieces of that size.
"""

from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any, Self

from posthouse.lib.sansio import Channel, Conversation, Slice
from posthouse.mail.reply import Reply, reply
from posthouse.net.ports import Answer
from posthouse.standards.smtp.events import (
    AuthResponse,
    AuthStart,
    ContentChunk,
    EndContent,
    Event,
    Hello,
    Malformed,
    Quit,
    StartContent,
    StartTls,
)
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection

TLS = Channel(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", bits=256)


class _Line:
    """What both wires share: the core, what was written, what is expected."""

    def __init__(self, core: Conversation[Any, Any], *, piece: int | None = None) -> None:
        self.core = core
        self.written = b""
        self._piece = piece

    def server(self, *lines: str) -> None:
        """The server's next lines are these."""
        for expected in lines:
            said, end, rest = self.written.partition(b"\r\n")
            assert end, f"expected {expected!r}, the server said nothing more"
            text = said.decode()
            matches = text == expected or (text.startswith(expected) and text[len(expected)] in " -")
            assert matches, f"expected {expected!r}, the server said {text!r}"
            self.written = rest

    def hangs_up(self) -> None:
        """The server said all there was to say, and closed."""
        assert not self.written, f"the server also said {self.written!r}"
        assert self.core.closed, "the connection is open"

    def _octets(self, said: str | bytes) -> list[bytes]:
        octets = said if isinstance(said, bytes) else said.encode() + b"\r\n"
        piece = self._piece or len(octets) or 1
        return [octets[at : at + piece] for at in range(0, len(octets), piece)]

    def _write(self, action: Any) -> None:
        for part in self.core.send(action):
            assert not isinstance(part, Slice), "a wire has no blobs"
            self.written += part

    def _check(self, error: type[BaseException] | None) -> None:
        if error is None:
            assert not self.written, f"nobody expected {self.written!r}"


class Wire(_Line):
    """A core and a door whose answers are iterables."""

    def __init__(self, core: Conversation[Any, Any], door: Any = None, *, piece: int | None = None) -> None:
        super().__init__(core, piece=piece)
        self.door = Agreeable(core) if door is None and isinstance(core, ServerConnection) else door
        self._answer(self.door.greet())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._check(error)

    def client(self, *said: str | bytes) -> None:
        """The client says these lines (text, a CRLF is added) or octets (bytes, as they are) in one go."""
        octets = b"".join(b"".join(self._octets(each)) for each in said)
        for piece in self._octets(octets):
            self.core.receive_data(piece)
            self._run()

    def client_hangs_up(self) -> None:
        self.core.receive_data(b"")
        self._run()

    def secured(self) -> None:
        """The handshake that the server agreed to happens."""
        assert self.core.wants_tls, "the server does not wait for TLS"
        self.core.secured(TLS)
        self._run()

    def _run(self) -> None:
        while (event := self.core.next_event()) is not None:
            self._answer(self.door.handle(event))

    def _answer(self, actions: Iterable[Any]) -> None:
        for action in actions:
            self._write(action)


class AsyncWire(_Line):
    """A core and any door; ``await`` what the client says."""

    def __init__(self, core: Conversation[Any, Any], door: Any, *, piece: int | None = None) -> None:
        super().__init__(core, piece=piece)
        self.door = door

    async def __aenter__(self) -> Self:
        await self._answer(self.door.greet())
        return self

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.door.gone()
        self._check(error)

    async def client(self, *said: str | bytes) -> None:
        octets = b"".join(b"".join(self._octets(each)) for each in said)
        for piece in self._octets(octets):
            self.core.receive_data(piece)
            await self._run()

    async def client_hangs_up(self) -> None:
        self.core.receive_data(b"")
        await self._run()

    async def secured(self) -> None:
        assert self.core.wants_tls, "the server does not wait for TLS"
        self.core.secured(TLS)
        await self._run()

    async def _run(self) -> None:
        while (event := self.core.next_event()) is not None:
            await self._answer(self.door.handle(event))

    async def _answer(self, actions: Answer[Any]) -> None:
        if isinstance(actions, AsyncIterator):
            async for action in actions:
                self._write(action)
        else:
            for action in await actions if isinstance(actions, Awaitable) else actions:
                self._write(action)


class Agreeable:
    """A door that says yes to everything an SMTP client may ask, and keeps what it heard.

    ``instead`` answers the next event of a type otherwise, once: ``door.instead[RcptTo] = reply(550, ...)``.
    """

    def __init__(self, core: ServerConnection) -> None:
        self.core = core
        self.heard: list[Event] = []
        self.instead: dict[type, Reply] = {}
        self.delivered: list[bytes] = []
        self._content = b""

    def greet(self) -> Iterable[Reply]:
        yield reply(220, None, f"{self.core.offer.hostname} ESMTP")

    def handle(self, event: Event) -> Iterable[Reply]:
        self._keep(event)
        if type(event) in self.instead:
            yield self.instead.pop(type(event))
        elif isinstance(event, Malformed):
            yield event.reply
        elif isinstance(event, Hello):
            yield self.core.hello_reply(event)
        elif isinstance(event, EndContent):
            yield from self._end(event)
        elif isinstance(event, AuthStart | AuthResponse):
            yield self._authenticate(event)
        elif not isinstance(event, ContentChunk) and not (isinstance(event, StartContent) and event.chunked):
            yield self._yes(event)

    def _keep(self, event: Event) -> None:
        if isinstance(event, StartContent):
            self._content = b""
        if isinstance(event, ContentChunk):
            self._content += event.octets
            if self.heard and isinstance(self.heard[-1], ContentChunk):
                self.heard[-1] = ContentChunk(self.heard[-1].octets + event.octets)
                return
        self.heard.append(event)

    def _end(self, event: EndContent) -> Iterable[Reply]:
        transaction = self.core.transaction
        assert transaction is not None
        if event.fault is None:
            self.delivered.append(self._content)
        self._content = b""
        for _ in range(transaction.accepted if self.core.offer.lmtp else 1):
            yield event.fault or reply(250, "2.0.0", "it is ours now")

    def _authenticate(self, event: AuthStart | AuthResponse) -> Reply:
        if isinstance(event, AuthResponse):
            return reply(501, "5.7.0", "as you like") if event.octets is None else reply(235, "2.7.0", "welcome")
        return reply(334, None, "") if event.initial is None else reply(235, "2.7.0", "welcome")

    def _yes(self, event: Event) -> Reply:
        if isinstance(event, StartContent):
            return reply(354, None, "go on")
        if isinstance(event, StartTls):
            return reply(220, "2.0.0", "ready")
        if isinstance(event, Quit):
            return reply(221, "2.0.0", "bye")
        return reply(250, "2.0.0", "ok")

    def gone(self) -> None:
        self._content = b""


HELLO = "EHLO client.example"
MAIL = "MAIL FROM:<a@client.example>"
RCPT = "RCPT TO:<b@office.test>"


def smtp(*said: str | bytes, tls: bool = False, **offer: Any) -> Wire:
    """A wire over a core that was greeted and to which ``said`` was said, line by line; its answers are behind us."""
    fields: dict[str, Any] = {"hostname": "mx.office.test", "max_octets": 100_000, "starttls": True}
    core = ServerConnection(Offer(**(fields | {"mechanisms": ("PLAIN", "LOGIN")} | offer)))
    wire = Wire(core)
    if tls:
        wire.client("STARTTLS")
        wire.secured()
    for line in said:
        wire.client(line)
    wire.written = b""
    return wire
