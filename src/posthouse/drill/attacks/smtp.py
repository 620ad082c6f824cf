"""Where a message or a command ends: smuggling, endless lines, sizes that lie."""

import asyncio
import re
from dataclasses import dataclass, field

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import Smtp, letter

ENDS = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\n\n",
    b"\r\r\n.\r\r\n", b"\r\n\r.\r\n", b"\n.\r", b"\r.\n", b"\r\n.\r\r\n", b"\0\r\n.\n", b"\n\r.\n\r", b"\r\n .\r\n",
    b"\r\n..\r\n", b"\r\n.\x85", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\x0b.\x0b", b"\x0c.\x0c", b"\r\n.\t\r\n",
)  # fmt: skip
"""What some server somewhere took for the end of a message; only CRLF.CRLF is."""

HIDDEN = (
    b"MAIL FROM:<forged@hidden.else.test>\r\nRCPT TO:<%s>\r\nDATA\r\n"
    b"From: forged@hidden.else.test\r\nSubject: SMUGGLED\r\n\r\nhidden\r\n.\r\n"
)
TOP = b"From: a@else.test\r\nTo: carol@office.test\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"


async def smuggling(bench: Bench) -> None:
    """S01: a second transaction behind each false end, by DATA whole and split, and inside a chunk of BDAT."""
    await bench.empty("carol")
    hidden, odd = HIDDEN % _carol(bench), []
    for end in ENDS:
        content = TOP + b"Subject: outer\r\n\r\nbody" + end
        for split in (0, len(content) - 1, len(content)):
            reply, after = await _smuggle(bench, content + hidden, split)
            strays = any(mark in end.replace(b"\r\n", b"") for mark in (b"\r", b"\n", b"\0"))
            if reply[:3] not in ({b"550"} if strays else {b"250"}) or (strays and after):
                odd.append((end, reply[:40], after[:40]))
        reply = await _chunk(bench, content + hidden)
        if reply[:1] not in b"25":
            odd.append((end, b"BDAT", reply[:40]))
    bench.expect("false ends answered otherwise than they must be", [], odd)
    found = await bench.box("carol")
    heads = [one.partition(b"\r\n\r\n")[0] for one in found]
    smuggled = sum(re.search(rb"^Subject: SMUGGLED", head, re.MULTILINE) is not None for head in heads)
    bench.expect("second messages in the mailbox", 0, smuggled)
    bench.expect("messages of the forged sender", 0, sum(b"forged@hidden.else.test" in head for head in heads))
    dots = await bench.deliver("carol", TOP + b"Subject: dots " + bench.unique().encode() + b"\r\n\r\n..\r\n...two\r\n")
    bench.twin("dots at line beginnings are taken", "250", dots[:3].decode())
    bench.twin("and unstuffed", True, any(one.endswith(b"\r\n\r\n.\r\n..two\r\n") for one in await bench.box("carol")))


def _carol(bench: Bench) -> bytes:
    return bench.place.person("carol").address.encode()


async def _smuggle(bench: Bench, octets: bytes, split: int) -> tuple[bytes, bytes]:
    """The reply to the content, and what was answered after it to the hidden commands, if anything."""
    async with await bench.smtp() as caller:
        caller.patience = 5.0
        await caller.envelope(bench.sender(), _carol(bench))
        if (await caller.ask(b"DATA\r\n"))[:3] != b"354":
            return b"", b""
        if split:
            await caller.say(octets[:split])
            await asyncio.sleep(0.002)
        await caller.say(octets[split:])
        reply = await caller.reply()
        await caller.say(b"QUIT\r\n")
        try:
            after = await caller.rest(3.0)
        except Silent:
            return reply, b"(the connection does not end)"
        return reply, after.replace(b"221", b"", 1) if after.count(b"\n") > 1 else (
            b"" if after[:3] in {b"221", b""} else after
        )


async def _chunk(bench: Bench, content: bytes) -> bytes:
    async with await bench.smtp() as caller:
        await caller.envelope(bench.sender(), _carol(bench))
        return await caller.ask(b"BDAT %d LAST\r\n" % len(content), content)


async def oversize(bench: Bench) -> None:
    """S05: what is larger than it may be, or larger than it said: refused by code, soon, and without being kept."""
    async with await bench.smtp() as caller:
        told = int((re.search(rb"SIZE (\d+)", await caller.ask(b"EHLO drill.test\r\n")) or [b"", b"0"])[1])
        for size in (told + 1, 1 << 63, 10**40):
            reply = await caller.envelope(bench.sender(), parameters=b" SIZE=%d" % size)
            bench.expect(f"MAIL with SIZE={size:.3g}", "5", reply[:1].decode())
            await caller.ask(b"RSET\r\n")
    bench.expect("a limit is announced", "1 to 1000000000", told, ok=0 < told <= 10**9)
    for name, line, wanted in (
        ("one line of 4 MiB in the body", b"\r\n" + b"x" * (4 * MIB), {"554", "552", "550"}),
        ("a header of 4 MiB", b"X-Long: " + b"y" * (4 * MIB) + b"\r\n\r\n", {"554", "552", "550"}),
        ("5000 header fields", b"X-Many: z\r\n" * 5000 + b"\r\n", {"554", "552", "550"}),
    ):
        reply = await bench.deliver("carol", TOP + b"Subject: big\r\n" + line + b"\r\n")
        bench.expect(name, "552 or 554", reply[:3].decode(), ok=reply[:3].decode() in wanted)
    reply = await _liar(bench, min(told + MIB, 64 * MIB))
    bench.expect("SIZE=1 and then more than the limit", "552", reply[:3].decode())
    mark = bench.unique("large")
    reply = await bench.deliver("carol", TOP + b"Subject: %s\r\n\r\n" % mark.encode() + (b"w" * 76 + b"\r\n") * 20_000)
    bench.twin("1.5 MiB in ordinary lines are taken", "250", reply[:3].decode())
    bench.twin("and arrive", True, await bench.arrives("carol", mark))
    await bench.empty("carol")


async def _liar(bench: Bench, octets: int) -> bytes:
    """The reply after a message that said it had one octet and has ``octets``."""
    async with await bench.smtp() as caller:
        await caller.envelope(bench.sender(), b"carol@office.test", parameters=b" SIZE=1")
        if (await caller.ask(b"DATA\r\n"))[:3] != b"354":
            return b""
        await caller.say(TOP, b"\r\n")
        await caller.pour((b"v" * 998 + b"\r\n") * 64, octets)
        await caller.say(b".\r\n")
        return await caller.reply()


async def endless_command(bench: Bench) -> None:
    """S04: twenty connections, each with a command that has no end; what is taken is counted."""

    async def pour(source: str) -> tuple[int, bool]:
        async with await bench.smtp("smtp", source) as caller:
            sent = await caller.pour(b"A" * 65536, 8 * MIB, 5.0)
            return sent, await caller.ended(10.0)

    ends = await asyncio.gather(*(pour(bench.stranger()) for _ in range(20)))
    bench.expect("connections that were not ended", 0, sum(not ended for _, ended in ends))
    most = max(sent for sent, _ in ends)  # what the kernel's buffers hold on both sides is no doing of the server
    bench.expect("octets taken of one line", "less than 8 MiB", most, ok=most < 8 * MIB)
    async with await bench.smtp() as caller:
        bench.twin("a command of 500 octets", "250", (await caller.ask(b"NOOP " + b"x" * 493 + b"\r\n"))[:3].decode())


async def smuggling_out(bench: Bench) -> None:
    """S02: two hundred bodies of CR, LF, dots and NUL by submission; every octet that leaves is looked at."""
    before = len(bench.sink.deliveries)
    sent: dict[bytes, bytes] = {}
    for number in range(bench.so_many(200, 600)):
        mark = bench.unique("body")
        body = b"".join(bench.chance.choice(PIECES) for _ in range(12))
        content = letter(mark, sender="alice@office.test", to="far@far.test", body=body + b"\r\n")
        async with await bench.submitter() as caller:
            await caller.envelope(b"alice@office.test", b"far@far.test", parameters=b" BODY=8BITMIME")
            if number % 2:
                reply = await caller.ask(b"BDAT %d LAST\r\n" % len(content), content)
            else:
                await caller.ask(b"DATA\r\n")
                reply = await caller.ask(content.replace(b"\r\n.", b"\r\n.."), b".\r\n")
        if reply[:1] == b"2":
            sent[mark.encode()] = body
    await bench.wait(lambda: len(bench.sink.deliveries) - before >= len(sent), 10.0)
    left = bench.sink.deliveries[before:]
    stray = [one for one in left if re.search(rb"(?<!\r)\n|\r(?!\n)", one.content)]
    bench.expect("messages that left with a stray CR or LF", 0, len(stray))
    bench.expect("messages that left", len(sent), len(left))
    changed = [
        mark
        for mark, body in sent.items()
        if not any(
            mark in one.content and one.content.replace(b"\r\n.", b"\r\n").endswith(body + b"\r\n") for one in left
        )
    ]
    bench.expect("bodies that arrived changed", [], changed)
    bench.twin("clean bodies with dots were taken", True, len(sent) > 0)


PIECES = (b"\r\n", b"\r\n", b"\r\n.\r\n", b".", b"x", b"..", b"\r\n..", b"word ", b"\r\n. ", b"\r", b"\n", b"\0")


async def many_copies(bench: Bench) -> None:
    """S12: one message of a mebibyte for fifty people at one host; then many of them, until the account is stopped."""
    people = [f"{bench.unique('copy')}@far.test".encode() for _ in range(50)]
    before = len(bench.sink.deliveries)
    body = (b"w" * 76 + b"\r\n") * 14_000
    async with await bench.submitter() as caller:
        reply = await caller.send(b"alice@office.test", people, letter("copies", sender="alice@office.test", body=body))
        bench.twin("fifty recipients are taken", "250", reply[:3].decode())
        small = bench.unique("small") + "@far.test"
        await caller.send(b"alice@office.test", [small.encode()], letter("small", sender="alice@office.test"))
    bench.twin("all fifty get it", True, await bench.leaves(people[0].decode()))
    bench.twin("a small letter leaves soon after", True, await bench.leaves(small))
    copies = [one for one in bench.sink.deliveries[before:] if len(one.content) > len(body)]
    bench.expect("transfers for fifty recipients at one host", "1", len(copies), ok=len(copies) == 1)
    name = await bench.account("bulk")
    taken = 0
    async with await bench.submitter(name, bench.stranger()) as caller:
        for _ in range(12):
            await caller.ask(b"MAIL FROM:<", bench.place.person(name).address.encode(), b">\r\n")
            for _ in range(25):
                reply = await caller.ask(b"RCPT TO:<", bench.unique("b").encode(), b"@far.test>\r\n")
                taken += reply[:1] == b"2"
            await caller.ask(b"RSET\r\n")
    bench.expect("recipients outside in a few seconds from one account", "at most 150 of 300", taken, ok=taken <= 150)


async def state(bench: Bench) -> None:
    """S07: random walks of commands with faults; replies and what is delivered are those of a small model."""
    names = [await bench.account("model") for _ in range(2)]
    walk = Walk(bench, [bench.place.person(name).address for name in names])
    for _ in range(bench.so_many(80, 300)):
        async with await bench.smtp() as caller:
            await walk.take(caller)
    bench.expect("replies that the model does not give", [], walk.wrong[:3])
    there = set()
    for name in names:
        found = await bench.box(name)
        marks = {one.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode() for one in found}
        bench.expect("messages there twice", 0, len(found) - len(marks))
        there |= {(bench.place.person(name).address, mark) for mark in marks}
    bench.expect("messages that should be there and are not", set(), walk.due - there)
    bench.expect("messages that should not be there", set(), there - walk.due)
    bench.twin("some were delivered", True, bool(walk.due))


STEPS = ("MAIL", "MAIL", "RCPT", "RCPT", "RCPT", "DATA", "DATA", "BDAT", "RSET", "EHLO", "NOOP", "NOBODY", "BADCHUNK")


@dataclass(slots=True)
class Walk:
    """The model: whether there is a sender, and who the recipients are. ``due`` is what must be delivered to whom."""

    bench: Bench
    people: list[str]
    due: set[tuple[str, str]] = field(default_factory=set)
    wrong: list[tuple[list[str], bytes]] = field(default_factory=list)
    has_sender: bool = False
    recipients: set[str] = field(default_factory=set)

    async def take(self, caller: Smtp) -> None:
        """One session of at most fourteen steps and three faults."""
        steps: list[str] = []
        faults = 0
        self._forget()
        while len(steps) < 14 and faults < 4:
            step = self.bench.chance.choice(STEPS)
            steps.append(step)
            reply, wanted = await self._step(caller, step)
            faults += wanted == b"5"
            if not reply or reply[:3] in {b"421", b"554"} or (step == "BADCHUNK" and reply[:1] == b"5"):
                return  # thrown out, which a server may always do; nothing more is delivered here
            if reply[:1] != wanted:
                self.wrong.append((steps, reply))
                return

    def _forget(self) -> None:
        self.has_sender, self.recipients = False, set()

    def _deliver(self, mark: str) -> None:
        self.due |= {(one, mark) for one in self.recipients}
        self._forget()

    async def _step(self, caller: Smtp, step: str) -> tuple[bytes, bytes]:
        """What was said, and the first digit of what had to be."""
        mark = self.bench.unique("walk")
        if step == "MAIL":
            wanted = b"5" if self.has_sender else b"2"
            self.has_sender = True
            return await caller.ask(b"MAIL FROM:<", self.bench.sender(), b">\r\n"), wanted
        if step in {"RCPT", "NOBODY"}:
            who = self.bench.chance.choice(self.people) if step == "RCPT" else f"{mark}@office.test"
            wanted = b"2" if self.has_sender and step == "RCPT" else b"5"
            if wanted == b"2":
                self.recipients.add(who)
            return await caller.ask(b"RCPT TO:<", who.encode(), b">\r\n"), wanted
        if step == "DATA":
            wanted = b"3" if self.recipients else b"5"
            reply = await caller.ask(b"DATA\r\n")
            if reply[:1] != b"3" or wanted != b"3":
                return reply, wanted
            reply = await caller.ask(letter(mark), b".\r\n")
            self._deliver(mark)
            return reply, b"2"
        if step in {"BDAT", "BADCHUNK"}:
            octets = letter(mark) if step == "BDAT" else b"\0bare\nlf" + letter(mark)
            wanted = b"2" if self.recipients and step == "BDAT" else b"5"
            if wanted == b"2":
                self._deliver(mark)
            self._forget()  # a refused chunk ends the transaction: there is no half of a message
            return await caller.ask(b"BDAT %d LAST\r\n" % len(octets), octets), wanted
        if step in {"RSET", "EHLO"}:
            self._forget()
        return await caller.ask({"EHLO": b"EHLO again.test"}.get(step, step.encode()), b"\r\n"), b"2"


ENDLESS = '[limits]\ncommand_octets = "1GiB"\noverlong_drain_octets = "1GiB"\n'
ONE_COPY_EACH = "[limits]\nrecipients_per_transfer = 1\naccount_recipients_burst = 100000\n"

SCENARIOS = (
    Scenario("S01", smuggling, allowance=Allowance(connections=120, seconds=60), live_safe=True, weakened="S01"),
    Scenario("S02", smuggling_out, allowance=Allowance(connections=640, seconds=60), weakened="S02"),
    Scenario("S04", endless_command, allowance=Allowance(octets=200 * MIB), memory=24 * MIB, without=ENDLESS),
    Scenario("S05", oversize, allowance=Allowance(connections=60, octets=160 * MIB, seconds=60), weakened="S05"),
    Scenario("S07", state, allowance=Allowance(connections=330, seconds=60), weakened="S07"),
    Scenario("S12", many_copies, without=ONE_COPY_EACH),
)
