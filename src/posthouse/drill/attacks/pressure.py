"""Too much of everything, again: slow talkers, broken off messages, no files, squares, dead hosts, no names, crowds."""

import asyncio
import os
import resource

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Caller, Silent
from posthouse.drill.fence import Allowance
from posthouse.drill.sandbox import Wish
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter
from posthouse.drill.tricks import DOMAIN, Trickster, is_silent, playing, wish


async def slow_talkers(bench: Bench) -> None:
    """R02: thirty connections at three doors that say an octet a second; all are ended, and it costs no CPU."""
    crowd = [
        await bench.call(("smtp", "imap", "pop3")[number % 3], bench.stranger())
        for number in range(bench.so_many(30, 300))
    ]
    began = bench.vitals.cpu
    ended = await asyncio.gather(*(_drip(one, 14.0) for one in crowd))
    bench.expect("slow connections that were ended", len(crowd), sum(ended))
    spent = round(bench.vitals.cpu - began, 2)
    bench.expect("seconds of CPU", "below 5", spent, ok=spent < 5.0)
    await bench.benign("bob")


async def _drip(caller: Caller, seconds: float) -> bool:
    end = caller.now() + seconds
    caller.patience = 1.0
    while caller.now() < end:
        if not await caller.say(b"N") or await caller.ended(1.0):
            return True
    return False


async def almost_messages(bench: Bench) -> None:
    """R04: thirty messages from one address that break off before their end; it is told to wait, no file is left."""
    source, began, later = bench.stranger(), _files(bench), 0
    for _ in range(30):
        try:
            caller = await bench.smtp("smtp", source)
        except (OSError, EOFError, Silent):
            later += 1
            continue
        reply = await caller.envelope(bench.sender(), b"bob@office.test")
        if reply[:1] == b"2" and (await caller.ask(b"DATA\r\n"))[:1] == b"3":
            await caller.say(letter("almost"), b"x" * 20000)
        else:
            later += 1
        caller.reset()
    bench.expect("attempts that were told to come later", "at least 10", later, ok=later >= 10)
    await bench.wait(lambda: _files(bench) <= began + 5, 5.0)
    left = _files(bench) - began
    bench.expect("files that are left", "at most 5", left, ok=left <= 5)
    await bench.benign("bob")


def _files(bench: Bench) -> int:
    return sum(len(files) for _, _, files in os.walk(bench.place.directory))


async def no_files(bench: Bench) -> None:
    """R06: no more descriptors than are in use; CPU stays low, those who are in are served, and all comes back."""
    pid = bench.place.pid
    async with await bench.imap("bob") as imap:
        old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        callers: list[Caller] = []
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (bench.vitals.files + 4, old[1]))
            for _ in range(30):
                try:
                    callers.append(await bench.call("smtp", bench.stranger()))
                except (OSError, Silent):
                    continue
            began = bench.vitals.cpu
            await asyncio.sleep(6.0)
            spent = round(bench.vitals.cpu - began, 2)
            bench.expect("seconds of CPU in six", "below 0.6", spent, ok=spent < 0.6)
            bench.expect_soon("a reader is served", True, b" OK " in await imap.do("NOOP"))
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
            for caller in callers:
                caller.close()
    await asyncio.sleep(1.5)
    await bench.benign("bob")


def _shapes(number: int) -> dict[str, bytes]:
    """Headers and bodies of a size that grows with ``number``."""
    return {
        "comments": b"To: " + b"(" * number + b"\r\n",
        "encoded words": b"Subject: " + b"=?utf-8?q?a?=\r\n " * (number // 16) + b"\r\n",
        "parameters": b"Content-Type: text/plain" + b";a=b" * (number // 4) + b"\r\n",
        "quotes": b'To: "' + b'\\"' * (number // 2) + b"\r\n",
        "addresses": b"To: " + b"a@b.test,\r\n " * (number // 12) + b"c@d.test\r\n",
        "received": b"Received: from a by b; " + b"x (" * (number // 3) + b"\r\n",
    }


async def squares(bench: Bench) -> None:
    """R07: six kinds of header at n and 4n, each three times; four times as much may not cost ten times the CPU."""
    for name in _shapes(1):
        spent = []
        for number in (6000, 24000):
            began = bench.vitals.cpu
            for _ in range(3):
                mark = bench.unique("square")
                await bench.deliver("bob", _shapes(number)[name] + letter(mark))
            async with await bench.imap("bob", watching=True) as imap:
                await imap.do("SELECT INBOX")
                await imap.do("FETCH 1:* (ENVELOPE BODYSTRUCTURE)")
            spent.append(bench.vitals.cpu - began)
        most = 10 * spent[0] + 1.0
        bench.figures[f"cpu_{name.replace(' ', '_')}"] = round(spent[1], 2)
        bench.expect(f"CPU for four times the {name}", "at most ten times", round(spent[1], 2), ok=spent[1] <= most)
    await bench.empty("bob")
    await bench.benign("bob")


DEAD = tuple(f"dead{number}" for number in range(4))


async def the_dead(bench: Bench) -> None:
    """R08: forty letters for four hosts that never answer, then one for a live host; it leaves within seconds."""
    silent = {name: Trickster("greeting", is_silent) for name in DEAD}
    async with playing(silent):
        async with await bench.submitter() as caller:
            for number in range(40):
                to = f"x{number}@{DEAD[number % 4]}.{DOMAIN}"
                await caller.send(
                    b"alice@office.test", [to.encode()], letter("dead", sender="alice@office.test", to=to)
                )
        await asyncio.sleep(1.0)
        live = bench.unique("live") + "@far.test"
        async with await bench.submitter() as caller:
            content = letter("live", sender="alice@office.test", to=live)
            reply = await caller.send(b"alice@office.test", [live.encode()], content)
        bench.twin("mail for a live host is taken", "250", reply[:3].decode())
        bench.expect_soon("and leaves beside the dead", True, await bench.leaves(live, seconds=8.0))


async def no_names(bench: Bench) -> None:
    """R09: the name server says nothing, then nonsense; our people go on, strangers are never refused for good."""
    try:
        for mood in ("silent", "servfail"):
            bench.names.mood = mood
            async with await bench.submitter() as caller:
                mark = bench.unique("inside")
                content = letter(mark, sender="alice@office.test", to="bob@office.test")
                await caller.send(b"alice@office.test", [b"bob@office.test"], content)
            bench.expect_soon(f"mail among us ({mood})", True, await bench.arrives("bob", mark))
            async with await bench.smtp() as stranger:
                stranger.patience = 25.0
                sender = f"a@{bench.unique('s')}.policy.test"
                reply = await stranger.send(sender.encode(), [b"bob@office.test"], letter("x", sender=sender))
            bench.expect(
                f"a stranger's letter ({mood})", "not refused for good", reply[:30], ok=reply[:1] in {b"2", b"4"}
            )
    finally:
        bench.names.mood = "well"

    async def well() -> bool:
        return (await bench.deliver("bob", letter(bench.unique("well"))))[:3] == b"250"

    bench.twin("when it is well again, so are we", True, await bench.wait_until(well, 15.0))


async def crowd_of_addresses(bench: Bench) -> None:
    """R11: a new address for each of 150 connections, all of one network, kept open; counted together."""
    block = bench.chance.randrange(31)
    callers, greeted = [], 0
    for number in range(150):
        try:
            one = await bench.call("smtp", f"127.200.{8 * block + number // 25}.{1 + number % 25}")
        except (OSError, Silent):
            continue
        one.patience = 2.0
        callers.append(one)

    async def is_greeted(one: Caller) -> bool:
        try:
            return (await one.line()).startswith(b"220")
        except Silent:
            return False

    greeted = sum(await asyncio.gather(*map(is_greeted, callers)))
    bench.expect("connections of one network that were greeted", "at most 60", greeted, ok=greeted <= 60)
    for one in callers:
        one.close()
    await bench.benign("bob")


HURRY = Wish(config="[limits]\ncommand_seconds = 4\nearly_seconds = 4\nstress_seconds = 4\n")
PATIENT = "[limits]\ncommand_seconds = 600\nearly_seconds = 600\n"
FEW = Wish(config="[limits]\nclient_messages = 12\n")
SMALL = Wish(config="[limits]\nfar_connections = 60\nnear_connections = 40\nclient_connections = 20\n")
WIDE = "[limits]\nfar_connections = 10000\nnear_connections = 10000\nfar_connects = 100000\nnear_connects = 100000\n"

SCENARIOS = (
    Scenario("R02", slow_talkers, wish=HURRY, without=PATIENT, allowance=Allowance(connections=400, seconds=60)),
    Scenario("R04", almost_messages, wish=FEW, without="[limits]\nclient_messages = 100000\n"),
    Scenario("R06", no_files, weakened="R06", excused=frozenset({"H1"})),
    Scenario("R07", squares, weakened="R07", allowance=Allowance(seconds=60)),
    Scenario("R08", the_dead, wish=wish(DEAD), weakened="R08", allowance=Allowance(seconds=60)),
    Scenario("R09", no_names, weakened="R09", allowance=Allowance(seconds=60), excused=frozenset({"H1"})),
    Scenario("R11", crowd_of_addresses, wish=SMALL, without=WIDE, allowance=Allowance(connections=300)),
)
