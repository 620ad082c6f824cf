"""A name server of our own: says what the test wants, about every name, over UDP and TCP.

Records are text, as a zone file writes them: ``zone["far.test", "MX"] = ["10 mx.far.test"]``; ``*.far.test``
stands for all names one level below. What is not in the zone does not exist. ``mood`` turns it into an outage.
"""

import asyncio
import contextlib
import ipaddress
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52}
NAMES = {number: name for name, number in TYPES.items()}
NXDOMAIN, SERVFAIL = 3, 2
LARGEST_DATAGRAM = 1232


@dataclass(frozen=True, slots=True)
class Question:
    """One, as it came: ``asked`` are its octets as an answer must repeat them."""

    name: str
    kind: str
    ident: bytes
    asked: bytes
    peer: tuple[str, int]


@dataclass(slots=True)
class Names:
    """``asked`` holds every question in order. ``mood``: well, servfail, silent."""

    zone: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    mood: str = "well"
    delay: float = 0.0
    ttl: int = 30
    twist: Callable[[str, bytes], bytes] = lambda _name, whole: whole
    """What becomes of an answer about a name before it leaves."""
    before: Callable[[Question], list[bytes]] | None = None
    """What is sent before a true answer over UDP."""
    port: int = 0
    _transport: asyncio.DatagramTransport | None = None
    _server: asyncio.Server | None = None

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=(host, port))
        self.port = self._transport.get_extra_info("sockname")[1]
        self._server = await asyncio.start_server(self._serve, host, self.port)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()

    def put(self, name: str, kind: str, *values: str) -> None:
        self.zone[name.lower(), kind] = list(values)

    def _owner(self, name: str) -> str:
        """Whose records they are: its own, or those of the wildcard one level up."""
        wildcard = "*." + name.partition(".")[2]
        if any((name, kind) in self.zone for kind in TYPES):
            return name
        return wildcard if any((wildcard, kind) in self.zone for kind in TYPES) else name

    async def answer(self, question: bytes, most: int) -> bytes:
        """The whole answer to a datagram; empty for none at all."""
        if self.mood == "silent" or len(question) < 17:
            return b""
        if self.delay:
            await asyncio.sleep(self.delay)
        name, end = _read_name(question)
        kind = NAMES.get(struct.unpack_from("!H", question, end)[0], "?")
        self.asked.append((name, kind))
        asked = question[12 : end + 4]
        owner = self._owner(name)
        values = self.zone.get((owner, kind)) or self.zone.get((owner, "CNAME"), [])
        found = kind if (owner, kind) in self.zone else "CNAME"
        known = any(one == owner or one.endswith("." + name) for one, _ in self.zone)
        code = SERVFAIL if self.mood == "servfail" else 0 if known else NXDOMAIN
        rows = [] if code else [record(found, value, self.ttl) for value in values]
        head = struct.pack("!2sHHHHH", question[:2], 0x8180 | code, 1, len(rows), 0, 0)
        whole = head + asked + b"".join(rows)
        whole = self.twist(name, whole)
        if len(whole) > most:
            return struct.pack("!2sHHHHH", question[:2], 0x8380, 1, 0, 0, 0) + asked  # cut: ask again over TCP
        return whole

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                whole = await self.answer(await reader.readexactly(length), 65535)
                writer.write(struct.pack("!H", len(whole)) + whole)
                await writer.drain()
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, names: Names) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.create_task(self._reply(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, question: bytes, where: tuple[str, int]) -> None:
        before = self._names.before
        if before is not None and len(question) >= 17 and self._transport is not None:
            for forged in before(read_question(question, where)):
                self._transport.sendto(forged, where)
        whole = await self._names.answer(question, LARGEST_DATAGRAM)
        if whole and self._transport is not None:
            self._transport.sendto(whole, where)


def read_question(octets: bytes, peer: tuple[str, int]) -> Question:
    """What is asked."""
    name, end = _read_name(octets)
    kind = NAMES.get(struct.unpack_from("!H", octets, end)[0], "?")
    return Question(name, kind, octets[:2], octets[12 : end + 4], peer)


def _read_name(question: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while at < len(question) and (length := question[at]):
        labels.append(question[at + 1 : at + 1 + length].decode("latin-1").lower())
        at += 1 + length
    return ".".join(labels), at + 1


def _write_name(name: str) -> bytes:
    labels = [one.encode("latin-1") for one in name.rstrip(".").split(".") if one]
    return b"".join(bytes([len(one)]) + one for one in labels) + b"\0"


def record(kind: str, value: str, ttl: int) -> bytes:
    """About the name that was asked for."""
    content = _content(kind, value)
    return struct.pack("!HHHIH", 0xC00C, TYPES[kind], 1, ttl, len(content)) + content


def _content(kind: str, value: str) -> bytes:
    if kind in {"A", "AAAA"}:
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        preference, _, host = value.partition(" ")
        return struct.pack("!H", int(preference)) + _write_name(host)
    if kind == "TXT":
        octets = value.encode()
        pieces = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
        return b"".join(bytes([len(one)]) + one for one in pieces)
    if kind == "TLSA":
        return bytes.fromhex(value)
    return _write_name(value)
