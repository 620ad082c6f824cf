"""The rig is what it says: the fence holds, the ledger sees, verdicts follow from what was observed."""

import asyncio
import json
import os
import random
import socket
import struct
from dataclasses import replace

import pytest

from posthouse.drill.access import literals
from posthouse.drill.attempt import slowness
from posthouse.drill.bench import Bench
from posthouse.drill.cage import Songs, percentile
from posthouse.drill.caller import Caller, Silent
from posthouse.drill.fence import MIB, Allowance, Budget, Refused, Spent, fence
from posthouse.drill.invariants import Seen, examine
from posthouse.drill.ledger import Audit, Ledger, marked
from posthouse.drill.live import listening_ports, recognise
from posthouse.drill.names import Names
from posthouse.drill.place import Absent, Place
from posthouse.drill.sandbox import merged
from posthouse.drill.sink import Hostile, Sink
from posthouse.drill.smtp import Smtp, letter
from posthouse.drill.transcript import Transcript
from posthouse.drill.tricks import Trickster, is_silent
from posthouse.drill.verdict import Assertion, Kind, Verdict, agree, judge
from posthouse.drill.vitals import Journal, Strain, Vitals, is_alive, measure, strain


def said(name, kind=Kind.ATTACK, ok=True):
    return Assertion(name, kind, "a", "a" if ok else "b", ok)


TWIN = said("twin", Kind.TWIN)

# -- the fence


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "8.8.8.8", "10.0.0.1", "::ffff:8.8.8.8", "localhost", "mx.example", "", "0.0.0.0"]
)
def test_nothing_but_loopback_may_be_called(host):
    with pytest.raises(Refused):
        fence(host)
    with pytest.raises(Refused):
        Budget(Allowance()).connect(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.250.3.9", "::1"])
def test_loopback_may_be_called(host):
    assert fence(host) == host


def test_a_budget_ends():
    budget = Budget(Allowance(connections=2, octets=10))
    budget.connect("127.0.0.1")
    budget.connect("127.0.0.1")
    with pytest.raises(Spent):
        budget.connect("127.0.0.1")
    budget.send(10)
    with pytest.raises(Spent):
        budget.send(1)


def test_no_entry_may_have_more_than_all():
    for too_much in ({"connections": 2001}, {"octets": 257 * MIB}, {"seconds": 61.0}):
        with pytest.raises(ValueError):
            Allowance(**too_much)


def test_endpoints_outside_are_refused(tmp_path):
    file = tmp_path / "endpoints.json"
    account = {"address": "a@b.test", "password": "x"}
    services = {"smtp": {"host": "192.0.2.7", "port": 25}}
    file.write_text(json.dumps({"pid": 1, "services": services, "accounts": [account], "admin": account}))
    with pytest.raises(Refused):
        Place.read(file)
    services["smtp"]["host"] = "127.0.0.1"
    file.write_text(json.dumps({"pid": 1, "services": services, "accounts": [account], "admin": account}))
    place = Place.read(file)
    assert place.where("smtp") == ("127.0.0.1", 25)
    assert place.domain == "b.test"
    with pytest.raises(Absent):
        place.where("https")


# -- verdicts


@pytest.mark.parametrize(
    ("assertions", "reason", "verdict"),
    [
        ((said("x"), TWIN), "", Verdict.HELD),
        ((said("x", ok=False), TWIN), "", Verdict.BROKEN),
        ((said("x", ok=False),), "it lost its connection", Verdict.BROKEN),
        ((said("x"), said("H1", Kind.INVARIANT, ok=False), TWIN), "", Verdict.BROKEN),
        ((said("x"), TWIN), "too busy", Verdict.UNPROVEN),
        ((said("x"), said("t", Kind.TWIN, ok=False)), "", Verdict.UNPROVEN),
        ((said("x"),), "", Verdict.UNPROVEN),
        ((TWIN,), "", Verdict.UNPROVEN),
        ((), "", Verdict.UNPROVEN),
        ((said("x"), said("r", Kind.REMARK, ok=False), TWIN), "", Verdict.HELD),
    ],
)
def test_a_verdict_follows_from_what_was_observed(assertions, reason, verdict):
    assert judge(assertions, reason)[0] is verdict


def test_several_runs_must_agree():
    held, broken, unproven = ((verdict, verdict.value) for verdict in (Verdict.HELD, Verdict.BROKEN, Verdict.UNPROVEN))
    assert agree([held, held])[0] is Verdict.HELD
    assert agree([broken, broken])[0] is Verdict.BROKEN
    assert agree([held, broken, held]) == (Verdict.UNPROVEN, "flaky: HELD, BROKEN, HELD; BROKEN")
    assert agree([unproven, held])[0] is Verdict.UNPROVEN


# -- the ledger


def test_the_ledger_sees_what_is_lost_altered_and_doubled():
    ledger = Ledger()
    contents = {key: marked(key, letter(key)) for key in ("a", "b", "c", "d")}
    for key, content in contents.items():
        ledger.acknowledge(key, content)
    found = [
        b"Received: x\r\n" + contents["a"],
        contents["b"].replace(b"Hello", b"Hallo"),
        contents["c"],
        contents["c"],
    ]
    audit = ledger.audit(found)
    assert (audit.lost, audit.altered, audit.duplicated) == (["d"], ["b"], ["c"])
    assert not audit.exact
    assert ledger.audit(contents.values()).exact


# -- invariants


def seen(**changes):
    good = Songs(10, 10, 0.01, 0.02, 0.01, 0.001)
    rest = Vitals(90 * MIB, 80 * MIB, 40, 1.0, (1,))
    values = {
        "before": rest, "peak": 95 * MIB, "after": rest, "alive": True, "songs": good, "idle": good, "audit": Audit(10),
        "journal": '{"peer":"127.9.8.7"}', "sources": frozenset({"127.9.8.7"}), "memory": 64 * MIB,
    }  # fmt: skip
    return Seen(**(values | changes))


def broken(findings):
    return {one.name[:2] for one in findings.assertions if not one.ok}


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("H1", {"songs": Songs(100, 98, 0.01, 0.02, 0.01, 0.001, ("421",))}),
        ("H1", {"songs": Songs(10, 10, 1.0, 2.5, 0.01, 0.001)}),
        ("H2", {"peak": 200 * MIB}),
        ("H2", {"after": Vitals(120 * MIB, 110 * MIB, 40, 1.0, (1,))}),
        ("H3", {"after": Vitals(90 * MIB, 80 * MIB, 46, 1.0, (1,))}),
        ("H4", {"alive": False}),
        ("H4", {"journal": "127.9.8.7 Traceback (most recent call last)"}),
        ("H5", {"audit": Audit(10, lost=["x"])}),
        ("H5", {"audit": None}),
        ("H6", {"journal": ""}),
        ("H7", {"songs": Songs(10, 10, 0.01, 0.02, 0.4, 0.001)}),
    ],
)
def test_each_invariant_breaks_by_what_it_is_about(code, changes):
    assert broken(examine(seen())) == set()
    assert broken(examine(seen(**changes))) - {"H6"} == {code} - {"H6"}
    assert broken(examine(seen(**changes), frozenset({code}))) - {"H6"} == set()


def test_a_busy_machine_proves_nothing_about_time():
    findings = examine(seen(songs=Songs(10, 10, 3.0, 4.0, 0.9, 0.5)))
    assert not broken(findings)
    assert "too busy" in findings.noise


@pytest.mark.parametrize(
    ("queued", "verdict"), [(0.3, "noise"), (0.0, "broken")], ids=["waited for a processor", "did not wait for one"]
)
def test_a_late_noop_is_the_servers_fault_only_if_it_had_a_processor(queued, verdict):
    songs = Songs(10, 10, 0.01, 0.02, 0.318, 0.001, probes=((5.0, 0.318, 0.0),))
    findings = examine(seen(songs=songs, strain=(Strain(4.9), Strain(5.4, queued=queued), Strain(9.0, queued=queued))))
    assert broken(findings) == ({"H7"} if verdict == "broken" else set())
    assert ("too busy" in findings.noise) is (verdict == "noise")


@pytest.mark.parametrize("what", ["cpu", "disk"])
def test_where_everybody_waits_lateness_proves_nothing_and_loss_is_loss(what):
    strain = (Strain(0.0), Strain(10.0, **{what: 6.0}))
    songs = Songs(10, 8, 0.01, 3.0, 0.02, 0.001)
    assert broken(examine(seen(songs=songs, strain=(Strain(0.0), Strain(10.0, cpu=4.0))))) == {"H1"}
    findings = examine(seen(songs=songs, audit=Audit(10, lost=["x"]), strain=strain))
    assert broken(findings) == {"H5"}
    assert "60%" in findings.noise


def test_a_machine_that_is_slow_in_peace_is_given_more_time():
    assert slowness(None) == 1.0
    assert slowness(Songs(10, 10, 0.05, 0.1, 0.01, 0.001)) == 1.0
    assert slowness(Songs(10, 10, 0.5, 0.75, 0.01, 0.001)) == 3.0
    assert slowness(Songs(10, 10, 5.0, 9.0, 0.01, 0.001)) == 5.0


def test_the_kernel_counts_who_waits():
    first, second = strain(os.getpid()), strain(os.getpid())
    assert first.at <= second.at
    assert 0.0 <= first.queued <= second.queued
    assert strain(2**22 + 1).queued == 0.0


def test_percentiles():
    assert percentile([], 0.99) == 0.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(number) for number in range(100)], 0.99) == 98.0


# -- callers, the sink, the name server


async def test_a_caller_and_the_sink_understand_each_other():
    sink = Sink()
    await sink.open()
    try:
        transcript = Transcript()
        where = ("127.0.0.1", sink.port)
        async with await Smtp.connect(where, "127.7.7.7", Budget(Allowance()), transcript) as caller:
            assert (await caller.greet())[:3] == b"250"
            assert (await caller.ask(b"DATA\r\n"))[:3] == b"554"
            assert (await caller.send(b"a@b.test", [b"c@d.test"], letter("hello")))[:3] == b"250"
        (one,) = sink.to(b"C@D.test")
        assert one.peer == "127.7.7.7"
        assert b"Subject: hello\r\n" in one.content
        assert "us      MAIL FROM" in transcript.text()
    finally:
        await sink.close()
        await the_others()


async def test_a_server_that_says_nothing_is_silent_and_one_that_ends_is_over():
    async def serve(reader, writer):
        if await reader.readline():
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    where = server.sockets[0].getsockname()[:2]
    async with await Caller.connect(where, "127.0.0.1", Budget(Allowance())) as caller:
        caller.patience = 0.05
        with pytest.raises(Silent):
            await caller.line()
        await caller.say(b"bye\r\n")
        caller.patience = 5.0
        assert await caller.line() == b""
        assert await caller.ended(1.0)
    server.close()
    await the_others()


async def test_the_name_server_answers_by_its_zone_and_its_mood():
    names = Names()
    names.put("far.test", "MX", "10 mx.far.test")
    names.put("*.else.test", "A", "127.0.0.1")
    assert (await ask(names, "far.test", 15))[3] & 15 == 0
    assert b"\x02mx\x03far\x04test\x00" in await ask(names, "far.test", 15)
    assert (await ask(names, "far.test", 1))[3] & 15 == 0  # there, but without an address
    assert (await ask(names, "nowhere.test", 1))[3] & 15 == 3
    assert (await ask(names, "x.else.test", 1))[-4:] == bytes([127, 0, 0, 1])
    names.mood = "servfail"
    assert (await ask(names, "far.test", 15))[3] & 15 == 2
    names.mood = "silent"
    assert await ask(names, "far.test", 15) == b""
    assert names.asked[0] == ("far.test", "MX")


async def test_a_trick_that_never_ends_ends_with_its_server_and_nobody_complains(caplog):
    silent = Hostile(Trickster("greeting", is_silent).play)
    await silent.open("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", silent.port)
    while not silent.connections:
        await asyncio.sleep(0)
    before = len(asyncio.all_tasks())
    await silent.close()
    assert await reader.read() == b""
    while len(asyncio.all_tasks()) != before - 1:
        await asyncio.sleep(0)
    writer.close()
    assert not caplog.records


async def test_what_is_forged_comes_before_the_true_answer_and_knows_the_question():
    names, heard = Names(), []
    names.put("bank.test", "TXT", "v=spf1 -all")
    names.before = lambda question: [heard.append(question) or b"forged" + question.ident]
    await names.open()
    loop = asyncio.get_running_loop()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.bind(("127.0.0.1", 0))
            question = struct.pack("!6H", 7, 256, 1, 0, 0, 0) + b"\x04bank\x04test\0" + struct.pack("!HH", 16, 1)
            asking.sendto(question, ("127.0.0.1", names.port))
            answers = [await asyncio.wait_for(loop.sock_recv(asking, 512), 60) for _ in range(2)]
            assert answers[0] == b"forged\0\7"
            assert b"v=spf1 -all" in answers[1]
            (one,) = heard
            assert (one.name, one.kind, one.peer) == ("bank.test", "TXT", asking.getsockname())
            assert one.asked == question[12:]
    finally:
        await names.close()


def test_a_long_profile_takes_more():
    small = Bench(None, None, None, random.Random(1), Budget(Allowance()), iter(()), Journal(None))
    assert small.so_many(3, 9) == 3
    assert replace(small, large=True).so_many(3, 9) == 9


async def test_what_must_happen_soon_is_known_as_such():
    bench = Bench(None, None, None, random.Random(1), Budget(Allowance()), iter(()), Journal(None))
    assert not bench.expect_soon("in time", True, False)
    assert bench.timely == {"in time"}
    assert bench.assertions[0].kind is Kind.ATTACK


async def the_others():
    """Until every other task of the loop has ended."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


async def ask(names, name, kind):
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    return await names.answer(
        struct.pack("!6H", 7, 256, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1), 1232
    )


def test_literals_of_a_fetch():
    answer = b"* 1 FETCH (UID 3 BODY[] {5}\r\nhello)\r\n* 2 FETCH (BODY[HEADER.FIELDS (X)] {2}\r\nhi)\r\na OK\r\n"
    assert literals(answer) == [b"hello", b"hi"]


# -- the kernel and the journal


def test_the_kernel_is_asked_about_a_process():
    found = measure(os.getpid())
    assert found.resident >= found.own > MIB
    assert found.files > 2
    assert is_alive(os.getpid())
    assert measure(2**22 + 1) is None


def test_the_journal_gives_whole_lines_written_since(tmp_path):
    file = tmp_path / "log"
    file.write_text('{"event":"before"}\n')
    journal = Journal(file)
    with file.open("a") as log:
        log.write('{"event":"mail.refused"}\nno json\n{"event":"half')
    assert journal.entries() == [{"event": "mail.refused"}]
    assert Journal(None).text() == ""


def test_the_operators_file_and_what_an_attack_needs():
    assert merged("", "[limits]\nhops = 5\n").startswith('hostname = "mx.office.test"\n[limits]')
    assert merged('hostname = "a.test"\n', "[limits]\nhops = 5\n") == 'hostname = "a.test"\n[limits]\nhops = 5\n'


def test_chance_is_the_same_for_the_same_seed():
    assert random.Random("42:S01").random() == random.Random("42:S01").random()


# -- a live server


async def test_only_ports_of_that_very_process_are_found_and_known_by_their_words():
    sink = Sink()
    await sink.open()
    other = socket.socket()
    other.bind(("127.0.0.1", 0))  # bound by us, and nobody listens
    try:
        ports = listening_ports(os.getpid())
        assert sink.port in ports
        assert other.getsockname()[1] not in ports
        assert listening_ports(os.getppid()) != ports
        assert await recognise(sink.port) == "smtp"
    finally:
        other.close()
        await sink.close()
        await the_others()
