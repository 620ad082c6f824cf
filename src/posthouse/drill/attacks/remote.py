"""The server that we send to, or somebody on the way there, is hostile."""

import asyncio
import re
import struct

from posthouse.drill.bench import Bench
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter
from posthouse.drill.tricks import (
    DOMAIN,
    Trickster,
    Twist,
    drips,
    hangs_up,
    is_silent,
    playing,
    pours,
    resets,
    says,
    tls_context,
    wish,
)

LONG = b"e" * 60_000
TRICKS: tuple[tuple[str, Twist], ...] = (
    ("greeting", pours(b"220-hello and hello again\r\n")), ("greeting", pours(b"2")), ("greeting", drips),
    ("greeting", is_silent), ("greeting", hangs_up), ("greeting", resets),
    ("greeting", says(b"HTTP/1.1 200 OK\r\n\r\n")),
    ("greeting", says(b"554 5.7.1 " + LONG + b"\r\n")), ("greeting", says(b"220 \0\0\xff hello\r\n")),
    ("EHLO", pours(b"250-SIZE 1000\r\n")), ("EHLO", says(b"250-a\r\n550 b\r\n")), ("EHLO", resets),
    ("EHLO", says(b"250-SIZE 99999999999999999999999999\r\n250-AUTH " + b"X " * 400 + b"\r\n250 \xff\xfe\r\n")),
    ("MAIL", says(b"354 go on\r\n")), ("MAIL", says(b"999 what\r\n")), ("MAIL", says(b"250 2.1.0 ok\r\n250 more\r\n")),
    ("MAIL", says(b"550 9.9.9 no\r\n")), ("RCPT", pours(b"550-no\r\n")), ("RCPT", says(b"\r\n")),
    ("RCPT", says(b"550 5.1.1 \x1b[31m<a@b>\0\r no\r\n")),
    ("RCPT", says(b"550-5.1.1 no\r\n" * 90 + b"550 5.1.1 no\r\n")),
    ("RCPT", says(b"25")), ("DATA", says(b"250 ok\r\n")), ("DATA", resets), ("DATA", says(b"999999\r\n")),
    ("end", resets), ("end", hangs_up), ("end", is_silent), ("end", says(b"354 go on\r\n")),
    ("end", says(b"550 5.6.0 " + b"f" * 1500 + b"\r\n")),
)  # fmt: skip
NAMES = tuple(f"t{number}" for number in range(len(TRICKS)))


async def hostile_servers(bench: Bench) -> None:
    """S15: thirty tricks, each by the next hop of one letter; other mail leaves, each letter ends well known."""
    tricksters = {name: Trickster(*trick) for name, trick in zip(NAMES, TRICKS, strict=True)}
    mark = bench.unique("x")
    people = {name: f"{mark}@{name}.{DOMAIN}" for name in NAMES}
    async with playing(tricksters):
        for person in people.values():
            await _send(bench, person)
        honest = bench.unique("honest") + "@far.test"
        await _send(bench, honest)
        bench.twin("other mail leaves meanwhile", True, await bench.leaves(honest, seconds=8.0))
        await asyncio.sleep(6.0)
        queue = await bench.control("queue list")
        reports = await bench.box("alice")
    waiting = {str(row["to"]) for row in queue}
    told = b"\n".join(reports)
    lost = [
        name for name, person in people.items()
        if person not in waiting and person.encode() not in told and not tricksters[name].contents
    ]  # fmt: skip
    bench.expect("letters of which nothing is known", [], lost)
    most = max(one.poured for one in tricksters.values())
    bench.figures["poured"] = most
    bench.expect("octets taken of one reply without an end", "less than 8 MiB", most, ok=most < 8 * MIB)
    said = [*reports, *(str(row["last"]).encode() for row in queue)]
    runs = [len(run) for text in said for run in re.findall(rb"e{100,}|f{100,}", re.sub(rb"\r\n\s*", b"", text))]
    bench.expect("longest piece of a reply in reports and lists", "at most 512", max(runs, default=0),
                 ok=max(runs, default=0) <= 512)  # fmt: skip
    bench.expect("control characters in them", [], [text[:80] for text in said if b"\x1b" in text or b"\0" in text])
    again = bench.unique("after") + "@far.test"
    await _send(bench, again)
    bench.expect_soon("mail leaves afterwards", True, await bench.leaves(again))


async def _send(bench: Bench, person: str) -> None:
    async with await bench.submitter() as caller:
        content = letter(person.partition("@")[0], sender="alice@office.test", to=person)
        await caller.send(b"alice@office.test", [person.encode()], content)


async def injected_replies(bench: Bench) -> None:
    """T02: replies in one breath with the answer to STARTTLS; the connection ends, the letter waits."""
    context = tls_context(bench.place.directory)
    evil = b"250-trick.test\r\n250 AUTH PLAIN\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n"
    tricksters = {
        "injects": Trickster(context=context, behind_starttls=evil),
        "honest": Trickster(context=context),
        "later": Trickster(context=context, behind_starttls=b"250 2.0.0 one line\r\n"),
    }
    mark = bench.unique("x")
    async with playing(tricksters):
        for name in tricksters:
            await _send(bench, f"{mark}@{name}.{DOMAIN}")
        arrived = await bench.wait(lambda: tricksters["honest"].tls_contents)
        bench.twin("an honest handshake is followed by the letter", True, arrived)
        await asyncio.sleep(1.5)
        waiting = {str(row["to"]) for row in await bench.control("queue list")}
    for name in ("injects", "later"):
        one = tricksters[name]
        bench.expect(f"{name}: hellos inside TLS", 0, one.hellos_in_tls)
        bench.expect(f"{name}: letters given away", 0, len(one.contents) + len(one.tls_contents))
        bench.expect_soon(f"{name}: the letter waits", True, f"{mark}@{name}.{DOMAIN}" in waiting)


REQUIRED = ("stripped", "broken", "unknown")
PROTECTED = ("stripped", "broken", "unknown", "maystrip", "maybreak")


async def taken_away(bench: Bench) -> None:
    """T03: STARTTLS struck, handshakes that fail, a certificate of nobody; in the clear only where that is allowed."""
    context = tls_context(bench.place.directory)
    tricksters = {
        "stripped": Trickster(),
        "broken": Trickster(context=context, breaks_handshake=True),
        "unknown": Trickster(context=context),
        "maystrip": Trickster(),
        "maybreak": Trickster(context=context),
    }
    mark = bench.unique("x")
    async with playing(tricksters):
        for name in tricksters:
            await _send(bench, f"{mark}@{name}.{DOMAIN}")
        clear = await bench.wait(lambda: tricksters["maystrip"].contents)
        bench.twin("where nothing is demanded, mail goes without TLS rather than not at all", True, clear)
        bench.twin("and with any certificate", True, await bench.wait(lambda: tricksters["maybreak"].tls_contents))
        await asyncio.sleep(1.5)
        rows = await bench.control("queue list")
    waiting = {str(row["to"]): str(row["last"]) for row in rows}
    for name in REQUIRED:
        one = tricksters[name]
        bench.expect(f"{name}: letters in the clear or to nobody known", 0, len(one.contents) + len(one.tls_contents))
        bench.expect_soon(f"{name}: the letter waits", True, f"{mark}@{name}.{DOMAIN}" in waiting)
    bench.remark("policies of the receiver (MTA-STS, DANE)", "kept", "not there yet: routes alone demand TLS", ok=True)


def _corrupt(bench: Bench, name: str, whole: bytes) -> bytes:
    """Answers about names of this attack, each broken in another way."""
    if ".fuzz.test" not in name:
        return whole
    chance = bench.chance
    head = whole[:2] + b"\x81\x80\0\1" + struct.pack("!HHH", chance.choice((1, 9, 65535)), 0, 0) + whole[12:]
    return chance.choice((
        whole[: chance.randrange(len(whole))], head, head + b"\xc0\x0c" * 200,
        head + b"\xc0" + bytes([len(head)]) + b"\0\x10\0\1\0\0\0\1\xff\xff", head + bench.random_octets(400),
        head + b"\x3f" * 900, head + b"\xc0\x0c\0\x05\0\1\0\0\0\1\0\x02\xc0\x0c",
        bytes(octet ^ (chance.random() < 0.05) * chance.randrange(256) for octet in whole),
        whole[:2] + bench.random_octets(60),
    ))  # fmt: skip


L37_SECONDS = 10.0


async def broken_answers(bench: Bench) -> None:
    """T08: thirty letters from domains whose answers are cut, endless, circular or noise; taken or put off."""
    codes: dict[str, int] = {}
    times: list[float] = []
    number = bench.so_many(30, 60)
    bench.names.put("*.fuzz.test", "A", "127.0.0.1")
    bench.names.put("*.fuzz.test", "MX", "10 mx.fuzz.test")
    bench.names.put("*.fuzz.test", "TXT", "v=spf1 include:a.fuzz.test mx ptr exists:%{i}.fuzz.test -all")
    bench.names.twist = lambda name, whole: _corrupt(bench, name, whole)
    gate = asyncio.Semaphore(30)

    async def send(_number: int) -> None:
        async with gate:
            domain = f"{bench.unique('d')}.fuzz.test"
            content = letter(bench.unique("fuzz"), sender=f"a@{domain}")
            async with await bench.smtp() as caller:
                caller.patience = 20.0
                began = caller.now()
                reply = await caller.send(f"a@{domain}".encode(), [b"carol@office.test"], content)
                times.append(caller.now() - began)
            codes[reply[:3].decode()] = codes.get(reply[:3].decode(), 0) + 1

    try:
        rows = await asyncio.gather(*map(send, range(number)), return_exceptions=True)
        await bench.benign("bob")
    finally:
        bench.names.twist = lambda _name, whole: whole
    lost = [row for row in rows if isinstance(row, BaseException)]
    bench.expect("letters that were answered", number, sum(codes.values()), ok=len(lost) <= 2)
    bench.remark("with what", "250, 451 or 550", codes, ok=True)
    longest = max(times, default=0.0)
    bench.figures["longest"] = round(longest, 2)
    bench.expect_soon("seconds for one letter (L37)", f"at most {L37_SECONDS:g} and what is not DNS", round(longest, 1),
                      ok=longest <= L37_SECONDS + 2.0 * bench.slowness)  # fmt: skip
    await bench.empty("carol")


SCENARIOS = (
    Scenario("T08", broken_answers, weakened="T08", allowance=Allowance(seconds=60)),
    Scenario(
        "S15", hostile_servers, wish=wish(NAMES), weakened="S15", memory=48 * MIB, allowance=Allowance(seconds=60)
    ),
    Scenario("T02", injected_replies, wish=wish(("injects", "honest", "later")), weakened="T02"),
    Scenario(
        "T03", taken_away, wish=wish(PROTECTED, required=frozenset(REQUIRED)), without=wish(PROTECTED).config,
    ),
)  # fmt: skip
