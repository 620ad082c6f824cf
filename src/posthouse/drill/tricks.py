"""Next hops that play tricks: servers with a route of their own, each broken or hostile in its own way."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posthouse.drill.sandbox import Wish
from posthouse.drill.sink import Hostile

HOST = "127.0.0.77"
FIRST_PORT = 24990
DOMAIN = "trick.test"
PIECE = b"x" * 65536
MOST_POURED = 48 * 1024 * 1024
STAGES = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "end")

Twist = Callable[["Trickster", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
"""What is done instead of an honest answer; whether the conversation goes on."""

HONEST: Mapping[str, bytes] = {
    "greeting": b"220 trick.test ESMTP\r\n", "EHLO": b"250-trick.test\r\n250 DSN\r\n", "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n", "DATA": b"354 go on\r\n", "end": b"250 2.0.0 taken\r\n",
}  # fmt: skip


@dataclass(slots=True)
class Trickster:
    """An SMTP server that is honest but at ``stage``; with ``context`` it offers STARTTLS."""

    stage: str = ""
    twist: Twist | None = None
    context: ssl.SSLContext | None = None
    behind_starttls: bytes = b""
    """Said in one breath with the answer to STARTTLS."""
    breaks_handshake: bool = False
    contents: list[bytes] = field(default_factory=list)
    tls_contents: list[bytes] = field(default_factory=list)
    hellos_in_tls: int = 0
    poured: int = 0

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure = False
        if not await self._answer("greeting", reader, writer):
            return
        while line := await asyncio.wait_for(reader.readline(), 60.0):
            verb = line[:4].upper().decode("latin-1")
            if verb == "STAR" and self.context is not None:
                writer.write(b"220 2.0.0 go on\r\n" + self.behind_starttls)
                if self.breaks_handshake:
                    writer.write(b"this is no handshake\r\n")
                    return
                await writer.start_tls(self.context)
                secure = True
            elif verb == "EHLO" and self.context is not None and not secure:
                writer.write(b"250-trick.test\r\n250 STARTTLS\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                return
            elif verb == "DATA":
                if not await self._answer("DATA", reader, writer):
                    return
                content = await asyncio.wait_for(reader.readuntil(b"\r\n.\r\n"), 20.0)
                (self.tls_contents if secure else self.contents).append(content)
                if not await self._answer("end", reader, writer):
                    return
            else:
                self.hellos_in_tls += secure and verb in {"EHLO", "HELO"}
                if not await self._answer(verb if verb in HONEST else "MAIL", reader, writer):
                    return
            await writer.drain()

    async def _answer(self, stage: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if stage == self.stage and self.twist is not None:
            return await self.twist(self, reader, writer)
        writer.write(HONEST[stage])
        await writer.drain()
        return True


def says(octets: bytes) -> Twist:
    """Says something else, and goes on."""

    async def twist(_self: Trickster, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(octets)
        await writer.drain()
        return True

    return twist


def pours(octets: bytes) -> Twist:
    """Never ends."""

    async def twist(self: Trickster, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        piece = octets * (65536 // len(octets))
        while self.poured < MOST_POURED:
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), 20.0)
            self.poured += len(piece)
        return False

    return twist


async def drips(_self: Trickster, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """An octet a second."""
    for octet in b"250-slow, very slow and not even at an end\r\n250 now":
        writer.write(bytes([octet]))
        await writer.drain()
        await asyncio.sleep(1.0)
    return False


async def is_silent(_self: Trickster, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(60.0)
    return False


async def hangs_up(_self: Trickster, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.close()
    return False


async def resets(_self: Trickster, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    writer.transport.abort()
    return False


def wish(names: tuple[str, ...], *, required: frozenset[str] = frozenset(), config: str = "") -> Wish:
    """A server that sends what is for NAME.trick.test to the trickster of that name."""
    rows = [
        f'[[relay.route]]\ndomain = "{name}.{DOMAIN}"\nhost = "{HOST}"\nport = {FIRST_PORT + number}\n'
        + ('tls = "required"\n' if name in required else "")
        for number, name in enumerate(names)
    ]
    return Wish(config=config + "".join(rows))


@contextlib.asynccontextmanager
async def playing(tricksters: Mapping[str, Trickster]) -> AsyncIterator[None]:
    """All of them, in the order of the wish."""
    servers = [Hostile(one.play) for one in tricksters.values()]
    try:
        for number, server in enumerate(servers):
            await server.open(HOST, FIRST_PORT + number)
        yield
    finally:
        for server in servers:
            await server.close()


def tls_context(directory: Path) -> ssl.SSLContext:
    """With the sandbox's own certificate, which nobody outside of it believes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "tls" / "server.pem", directory / "tls" / "server.key")
    return context
