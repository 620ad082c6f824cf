"""A name server on loopback for tests of senders: dnspython answers over UDP and TCP from a table that may grow."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import dns.rrset

CLASSIC_OCTETS = 1232


@dataclass
class NameServer:
    """``zone`` is ``{name: {type: [texts]}}``, TXT records as one text or octets of any length.

    Everything at and below a name in ``broken`` is SERVFAIL. ``asked`` remembers.
    """

    zone: dict[str, dict[str, list]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @contextlib.contextmanager
    def running(self) -> Iterator["NameServer"]:
        datagrams, streams = self._bind()
        workers = [
            threading.Thread(target=self._talk, args=(datagrams,), daemon=True),
            threading.Thread(target=self._listen, args=(streams,), daemon=True),
        ]
        for worker in workers:
            worker.start()
        try:
            yield self
        finally:
            datagrams.close()
            streams.close()

    def _bind(self) -> tuple[socket.socket, socket.socket]:
        for _ in range(50):
            datagrams, streams = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
            datagrams.bind(("127.0.0.1", 0))
            self.port = datagrams.getsockname()[1]
            try:
                streams.bind(("127.0.0.1", self.port))
            except OSError:
                datagrams.close()
                streams.close()
            else:
                streams.listen(64)
                return datagrams, streams
        raise AssertionError("no free port")

    def publish(self, name: str, **records: list) -> None:
        """Add records: ``publish("far.test", txt=["v=spf1 -all"], a=["127.0.0.1"])``."""
        self.zone.setdefault(name, {}).update(records)

    def _talk(self, one: socket.socket) -> None:
        while True:
            try:
                octets, where = one.recvfrom(65535)
            except OSError:
                return
            reply = self._answer(octets)
            wire = reply.to_wire(max_size=65535)
            if len(wire) > CLASSIC_OCTETS:
                reply.flags |= dns.flags.TC
                reply.answer = []
                wire = reply.to_wire()
            with contextlib.suppress(OSError):
                one.sendto(wire, where)

    def _listen(self, streams: socket.socket) -> None:
        while True:
            try:
                connection, _ = streams.accept()
            except OSError:
                return
            threading.Thread(target=self._stream, args=(connection,), daemon=True).start()

    def _stream(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, struct.error), connection.makefile("rb") as reader:
            while head := reader.read(2):
                wire = self._answer(reader.read(struct.unpack("!H", head)[0])).to_wire(max_size=65535)
                connection.sendall(struct.pack("!H", len(wire)) + wire)

    def _answer(self, octets: bytes) -> dns.message.Message:
        query = dns.message.from_wire(octets)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if any(name == one or name.endswith("." + one) for one in self.broken):
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.zone:
            if not any(other.endswith("." + name) for other in self.zone):
                reply.set_rcode(dns.rcode.NXDOMAIN)
        elif records := self.zone[name].get(kind.lower()):
            made = [_record(question.rdtype, one) for one in records]
            reply.answer.append(dns.rrset.from_rdata_list(question.name, 300, made))
        return reply


def _record(kind: dns.rdatatype.RdataType, value: str | bytes) -> dns.rdata.Rdata:
    if kind == dns.rdatatype.TXT:
        octets = value.encode("latin-1") if isinstance(value, str) else value
        strings = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
        return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, kind, strings)
    return dns.rdata.from_text(dns.rdataclass.IN, kind, value)
