"""The resolver, asked by the house, answered by a small name server on loopback."""

import asyncio
import struct
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from posthouse.net import resolver as module
from posthouse.net.resolver import DnsResolver
from posthouse.standards.dns.ports import Answer, DnsTrouble, Mx, Srv
from posthouse.testing.freeports import free_ports
from posthouse.testing.journal import KeptMeter
from posthouse.testing.ports import ManualClock

pytestmark = pytest.mark.asyncio

RECORDS = {
    ("office.test.", "MX"): ["20 backup.office.test.", "10 MX.Office.Test."],
    ("null.test.", "MX"): ["0 ."],
    ("mx.office.test.", "A"): ["192.0.2.25"],
    ("mx.office.test.", "AAAA"): ["2001:db8::25"],
    ("office.test.", "TXT"): ['"v=spf1 " "mx -all"', '"\\255\\000x"'],
    ("25.2.0.192.in-addr.arpa.", "PTR"): ["mx.office.test."],
    ("_25._tcp.mx.office.test.", "TLSA"): ["3 1 1 " + "ab" * 32],
    ("_imaps._tcp.office.test.", "SRV"): ["2 1 993 mx.office.test."],
    ("large.test.", "TXT"): [f'"{number} {"x" * 200}"' for number in range(40)],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from ``RECORDS``; large answers over UDP are cut off (TC)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.authentic = False
        self.servers: list = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, where) -> None:
        response = self.answer(data, "udp")
        octets = response.to_wire(max_size=65535)
        if len(octets) > 1232:
            response.flags |= dns.flags.TC
            response.answer = []
            octets = response.to_wire()
        self.transport.sendto(octets, where)

    async def talk(self, reader, writer) -> None:
        length = struct.unpack("!H", await reader.readexactly(2))[0]
        octets = self.answer(await reader.readexactly(length), "tcp").to_wire(max_size=65535)
        writer.write(struct.pack("!H", len(octets)) + octets)
        await writer.drain()
        writer.close()

    def answer(self, data: bytes, over: str) -> dns.message.Message:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, over))
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA | (dns.flags.AD if self.authentic else 0)
        if name == "broken.test.":
            response.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in RECORDS:
            response.answer.append(dns.rrset.from_text_list(question.name, 300, "IN", kind, RECORDS[name, kind]))
        else:
            soa = "ns.test. root.test. 1 2 3 4 60"
            response.authority.append(dns.rrset.from_text("test.", 120, "IN", "SOA", soa))
            if not any(known == name for known, _ in RECORDS):
                response.set_rcode(dns.rcode.NXDOMAIN)
        return response


@asynccontextmanager
async def world():
    server = NameServer()
    loop = asyncio.get_running_loop()
    (port,) = free_ports(1)
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", port))
    try:
        async with await asyncio.start_server(server.talk, "127.0.0.1", port):
            clock, meter = ManualClock(), KeptMeter()
            yield server, DnsResolver(clock, meter, ("127.0.0.1", port)), clock
    finally:
        transport.close()


async def test_records_come_as_the_house_wants_them():
    async with world() as (_, resolver, _clock):
        # a name server may give the records of an answer in any order
        assert set((await resolver.mx("office.test")).records) == {
            Mx(20, "backup.office.test"),
            Mx(10, "mx.office.test"),
        }
        assert await resolver.mx("null.test") == Answer((Mx(0, ""),))
        assert await resolver.a("mx.office.test") == Answer(("192.0.2.25",))
        assert await resolver.aaaa("mx.office.test") == Answer(("2001:db8::25",))
        assert set((await resolver.txt("office.test")).records) == {b"v=spf1 mx -all", b"\xff\x00x"}
        assert await resolver.ptr("192.0.2.25") == Answer(("mx.office.test",))
        assert await resolver.tlsa("_25._tcp.mx.office.test") == Answer(((3, 1, 1, b"\xab" * 32),))
        assert await resolver.srv("_imaps._tcp.office.test") == Answer((Srv(2, 1, 993, "mx.office.test"),))


async def test_no_such_name_and_no_such_record_are_different_answers():
    async with world() as (_, resolver, _clock):
        assert await resolver.a("nobody.test") == Answer((), exists=False)
        assert await resolver.aaaa("office.test") == Answer((), exists=True)


async def test_trouble_is_not_an_answer_and_is_not_remembered():
    async with world() as (server, resolver, _clock):
        for _ in range(2):
            with pytest.raises(DnsTrouble):
                await resolver.mx("broken.test")
        assert len(server.asked) >= 2


async def test_no_resolver_set_up_is_trouble_until_there_is_one(monkeypatch):
    def no_file(*_arguments):
        raise dns.resolver.NoResolverConfiguration

    with monkeypatch.context() as without:
        without.setattr(dns.resolver.BaseResolver, "read_resolv_conf", no_file)
        resolver = DnsResolver(ManualClock(), KeptMeter())
        for _ in range(2):
            with pytest.raises(DnsTrouble, match="no DNS resolver"):
                await resolver.mx("office.test")
    assert resolver._load() is not None


async def test_answers_are_remembered_as_long_as_the_zone_says():
    async with world() as (server, resolver, clock):
        await resolver.a("mx.office.test")
        clock.pass_time(299)
        await resolver.a("mx.office.test")
        assert len(server.asked) == 1
        clock.pass_time(2)
        await resolver.a("mx.office.test")
        assert len(server.asked) == 2


async def test_who_has_just_changed_a_zone_is_not_told_what_was_before():
    async with world() as (server, resolver, _clock):
        await resolver.a("mx.office.test")
        resolver.forget()
        await resolver.a("mx.office.test")
        assert len(server.asked) == 2


async def test_no_is_remembered_by_the_minimum_of_the_zone():
    """RFC 2308 section 5."""
    async with world() as (server, resolver, clock):
        await resolver.a("nobody.test")
        clock.pass_time(59)
        await resolver.a("nobody.test")
        assert len(server.asked) == 1
        clock.pass_time(2)
        await resolver.a("nobody.test")
        assert len(server.asked) == 2


async def test_equal_questions_are_asked_once():
    async with world() as (server, resolver, _clock):
        answers = await asyncio.gather(*(resolver.a("mx.office.test") for _ in range(20)))
        assert set(answers) == {Answer(("192.0.2.25",))}
        assert len(server.asked) == 1


async def test_who_gives_up_does_not_take_the_answer_from_the_others():
    async with world() as (_, resolver, _clock):
        first = asyncio.ensure_future(resolver.a("mx.office.test"))
        second = asyncio.ensure_future(resolver.a("mx.office.test"))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).records == ("192.0.2.25",)


async def test_large_answers_come_over_tcp():
    async with world() as (server, resolver, _clock):
        answer = await resolver.txt("large.test")
        assert len(answer.records) == 40
        assert [over for _, _, over in server.asked] == ["udp", "tcp"]


async def test_a_resolver_on_this_machine_may_vouch_for_an_answer():
    async with world() as (server, resolver, _clock):
        server.authentic = True
        assert (await resolver.a("mx.office.test")).authentic


async def test_a_resolver_elsewhere_may_not():
    async with world() as (server, resolver, _clock):
        server.authentic = True
        resolver._load()
        resolver._trusted = False  # as for any address that is not loopback
        assert not (await resolver.a("mx.office.test")).authentic


async def test_large_answers_push_out_old_ones_before_memory_runs_out(monkeypatch):
    monkeypatch.setattr(module, "MAX_CACHED_OCTETS", 40_000)
    async with world() as (server, resolver, _):
        await resolver.txt("large.test")
        await resolver.mx("office.test")
        before = len(server.asked)
        for number in range(60):  # 600 octets each: the oldest, which is the largest, has to go
            await resolver.a(f"n{number}.test")
        await resolver.txt("large.test")
        assert ("large.test.", "TXT", "tcp") in server.asked[before:]
        await resolver.mx("office.test")
        resolver.forget()
        assert (await resolver.txt("large.test")).records
