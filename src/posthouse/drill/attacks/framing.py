"""Where a message or a command ends: smuggling, endless lines, sizes that lie."""

import asyncio
import re

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.scenario import Scenario

ENDS = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\n\n",
    b"\r\r\n.\r\r\n", b"\r\n\r.\r\n", b"\n.\r", b"\r.\n", b"\r\n.\r\r\n", b"\0\r\n.\n", b"\n\r.\n\r", b"\r\n .\r\n",
    b"\r\n..\r\n", b"\r\n.\x85", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\x0b.\x0b", b"\x0c.\x0c", b"\r\n.\t\r\n",
)  # fmt: skip
"""What some server somewhere took for the end of a message; only CRLF.CRLF is."""

HIDDEN = (
    b"MAIL FROM:<forged@hidden.else.test>\r\nRCPT TO:<carol@office.test>\r\nDATA\r\n"
    b"From: forged@hidden.else.test\r\nSubject: SMUGGLED\r\n\r\nhidden\r\n.\r\n"
)
TOP = b"From: a@else.test\r\nTo: carol@office.test\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"


async def smuggling(bench: Bench) -> None:
    """S01: a second transaction behind each false end, by DATA whole and split, and inside a chunk of BDAT."""
    await bench.empty("carol")
    odd = []
    for end in ENDS:
        content = TOP + b"Subject: outer\r\n\r\nbody" + end
        for split in (0, len(content) - 1, len(content)):
            reply, after = await _smuggle(bench, content + HIDDEN, split)
            strays = any(mark in end.replace(b"\r\n", b"") for mark in (b"\r", b"\n", b"\0"))
            if reply[:3] not in ({b"550"} if strays else {b"250"}) or (strays and after):
                odd.append((end, reply[:40], after[:40]))
        reply = await _chunk(bench, content + HIDDEN)
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


async def _smuggle(bench: Bench, octets: bytes, split: int) -> tuple[bytes, bytes]:
    """The reply to the content, and what was answered after it to the hidden commands, if anything."""
    async with await bench.smtp() as caller:
        caller.patience = 5.0
        await caller.envelope(bench.sender(), b"carol@office.test")
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
        await caller.envelope(bench.sender(), b"carol@office.test")
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


SCENARIOS = (
    Scenario("S01", smuggling, allowance=Allowance(connections=120, seconds=60), weakened="S01"),
    Scenario("S05", oversize, allowance=Allowance(connections=60, octets=160 * MIB, seconds=60), weakened="S05"),
)
