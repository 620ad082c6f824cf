"""IMAP and POP3 again: nesting, silence, names that are paths, other people's mail, the side door, the maildrop."""

import asyncio
from collections.abc import Callable

from posthouse.drill.access import Imap
from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.sandbox import Wish
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter


async def _told(imap: Imap, command: bytes) -> str:
    """OK, NO, BAD, BYE, or that there was no answer."""
    try:
        answer = await imap.do(command)
    except Silent:
        return "silent"
    last = answer.rstrip().rpartition(b"\r\n")[2].split(b" ")
    return last[1].decode("latin-1") if len(last) > 1 else "ended"


async def nesting(bench: Bench) -> None:
    """I02: parentheses, NOT and OR by the hundred in SEARCH, and a set of millions; refused or answered at once."""
    shapes: dict[str, Callable[[int], bytes]] = {
        "parentheses": lambda n: b"SEARCH " + b"(" * n + b"ALL" + b")" * n,
        "parentheses and NOT": lambda n: b"SEARCH " + b"NOT (" * n + b"ALL" + b")" * n,
    }
    for name, shape in shapes.items():
        for depth in (500, 1000, 2000):
            async with await bench.imap("bob", bench.stranger()) as imap:
                await imap.do("SELECT INBOX")
                told = await _told(imap, shape(depth))
                bench.expect(f"{name}, {depth} deep", "NO or BAD", told, ok=told in {"NO", "BAD"})
    async with await bench.imap("bob", bench.stranger()) as imap:
        await imap.do("SELECT INBOX")
        for command in (b"SEARCH " + b"NOT " * 1500 + b"ALL", b"SEARCH " + b"OR ALL " * 1500 + b"ALL"):
            told = await _told(imap, command)
            bench.expect(f"{command[7:13].decode()} 1500 times", "an answer", told, ok=told in {"OK", "NO", "BAD"})
        told = await _told(imap, b"UID FETCH 1:4294967294,1:4294967295 (FLAGS)")
        bench.expect("a set that names thousands of millions", "OK", told)
        bench.twin("an honest search", "OK", await _told(imap, b"SEARCH OR (SEEN) (NOT (DELETED SUBJECT x))"))
    async with await bench.guest() as guest:
        bench.expect("two levels before login", "BAD", await _told(guest, b'ID (("a" "b"))'))


async def endless_lines(bench: Bench) -> None:
    """I03: a tag without end, a login octet by octet, ten silent sessions; all are ended within their time."""
    async with await bench.guest() as caller:
        caller.patience = 5.0
        sent = await caller.pour(b"a" * 16384, 8 * MIB, seconds=6.0)
        bench.expect("octets of one tag that were read", "below 4 MiB", sent, ok=sent < 4 * MIB)
    silent = [await bench.guest() for _ in range(5)] + [await bench.pop3() for _ in range(5)]
    async with await bench.guest() as slow:
        for octet in b"a LOGIN bo":
            await slow.say(bytes([octet]))
            await asyncio.sleep(0.5)
        bench.expect_soon("a login octet by octet is ended at its deadline", True, await slow.ended(8.0))
    ended = sum(await asyncio.gather(*(one.ended(8.0) for one in silent)))
    bench.expect("sessions without login that were ended", len(silent), ended)
    async with await bench.imap("bob") as imap:
        bench.twin("who logs in stays", "OK", await _told(imap, b"NOOP"))


async def deaf(bench: Bench) -> None:
    """I05: four readers ask two hundred times for a message of 256 KiB and read nothing; memory stays where it is."""
    name = await bench.account("deaf")
    async with await bench.imap(name) as imap:
        await imap.append("INBOX", letter("large", body=(b"x" * 76 + b"\r\n") * 3360))
    before = bench.vitals.resident
    readers = [await bench.imap(name, bench.stranger()) for _ in range(4)]
    for reader in readers:
        await reader.do("SELECT INBOX")
        reader.patience = 1.0
        await reader.say(b"".join(b"b%d FETCH 1 (BODY.PEEK[])\r\n" % one for one in range(200)))
    await asyncio.sleep(4.0)
    more = bench.vitals.resident - before
    bench.figures["more_octets"] = more
    bench.expect("memory for what nobody reads", "below 24 MiB", more, ok=more < 24 * MIB)
    for reader in readers:
        reader.reset()
    async with await bench.imap("bob") as imap:
        bench.twin("others are served", "OK", await _told(imap, b"NOOP"))


async def dear_reading(bench: Bench) -> None:
    """I06: LIST with a hundred wildcards against long names, a search in everything; answered within seconds."""
    name = await bench.account("dear")
    async with await bench.imap(name, bench.stranger()) as imap:
        for number in range(3):
            await imap.do(b"CREATE %s%d" % (b"a" * 200, number))
        imap.patience = 6.0
        for pattern in (b"*a" * 100 + b"*b", b"%a" * 100 + b"%b", b"*" * 900):
            told = await _told(imap, b'LIST "" "%s"' % pattern)
            bench.expect(f"LIST of {len(pattern)} octets {pattern[:4].decode()}", "OK", told)
        await imap.do("SELECT INBOX")
        told = await _told(imap, b"SEARCH " + b" ".join(b"TEXT a%d" % one for one in range(500)))
        bench.expect("SEARCH for 500 words", "an answer", told, ok=told in {"OK", "BAD", "NO"})
    async with await bench.imap("bob") as imap:
        bench.twin("an honest pattern", "OK", await _told(imap, b'LIST "" "%"'))


PATHS = (
    b"../alice", b"../../etc/passwd", b"a/../b", b"/etc/drill", b"~alice", b"~/x", b"#user.alice", b"a//b", b"./x",
    b"a/./b", b"&AAA-", b"a&AAo-b", b"&2AA-", b"&-&", b"&", b"x" * 300, b"/".join([b"d"] * 30), b"%", b"in*box",
)  # fmt: skip


async def hostile_names(bench: Bench) -> None:
    """I07: names that are paths, hold NUL or line ends, or are too long; none is made, in no way."""
    name = await bench.account("names")

    async def works(command: bytes) -> bool:
        async with await bench.imap(name, bench.stranger()) as imap:  # a few faults end a session
            return await _told(imap, command) == "OK"

    bench.twin("a mailbox to rename", True, await works(b"CREATE Honest"))
    for verb in (b"CREATE", b"RENAME Honest", b"SELECT"):
        done = [path for path in PATHS if await works(b'%s "%s"' % (verb, path))]
        bench.expect(f"names that {verb.decode()} took", [], done)
    word = b"Caf&AOk-/Se&APE-or"
    bench.twin("an honest name is made", True, await works(b'CREATE "%s"' % word))
    bench.twin("and removed", True, await works(b'DELETE "%s"' % word))
    root = bench.place.directory
    found = [str(one) for word in ("passwd", "drill", "alice") for one in root.rglob(word)]
    bench.expect("files of such a name", [], found)


SMALL = '[limits]\nmessage_octets = "256KiB"\n'


async def side_door(bench: Bench) -> None:
    """I08: APPEND beyond the size and the quota, and with results it wrote itself; no room is made, none believed."""
    name = await bench.account("side", quota=MIB)
    line = b"Authentication-Results: mx.office.test; dmarc=pass header.from=bank.test\r\n"
    async with await bench.imap(name, bench.stranger()) as imap:
        answer = await imap.append("INBOX", letter("large", body=(b"x" * 76 + b"\r\n") * 6720))
        bench.expect("a message above the size is kept", False, b" OK " in answer)
    body = (b"x" * 76 + b"\r\n") * 2600
    kept = 0
    async with await bench.imap(name, bench.stranger()) as imap:
        for number in range(8):
            kept += b" OK " in await imap.append("INBOX", letter(f"part {number}", body=body))
        bench.expect("messages of 200 KiB in a mailbox of 1 MiB", "at most 5", kept, ok=kept <= 5)
        await imap.empty()
        mark = bench.unique("side")
        answer = await imap.append("INBOX", line + letter(mark))
        bench.twin("what an owner appends is kept", True, b" OK " in answer)
    bench.twin("as it is", True, any(line in one for one in await bench.box(name)))


async def others_mail(bench: Bench) -> None:
    """I09: every way to name another's mailbox, and what EXAMINE, STATUS, COPY, LIST say; as if it did not exist."""
    mark, owner = bench.unique("secret"), await bench.account("owner")
    other = await bench.account("other")
    await bench.deliver(owner, letter(mark))
    bench.twin("the owner has it", True, await bench.arrives(owner, mark))
    address = bench.place.person(owner).address
    forms = (
        f"user/{address}", f"user.{owner}", f"Other Users/{address}", f"Other Users/{owner}/INBOX", f"#user/{owner}",
        f"/{address}/INBOX", f"{address}", f"{address}/INBOX", f"../{owner}/INBOX", f"INBOX/../../{owner}", f"~{owner}",
        "Quarantine", "INBOX\\0",
    )  # fmt: skip
    seen = []
    async with await bench.imap(other, bench.stranger()) as imap:
        for form in forms:
            for command in (f'EXAMINE "{form}"', f'STATUS "{form}" (MESSAGES)', f'LIST "" "{form}/*"'):
                answer = await imap.do(command)
                if b"* " in answer and b"* BYE" not in answer:
                    seen.append(command)
        await imap.do("SELECT INBOX")
        answer = await imap.do("UID FETCH 1:* (BODY.PEEK[])") + await imap.do('LIST "" "*"')
    bench.expect("others' mailboxes that could be seen", [], seen)
    bench.expect("others' mail or names in one's own", False, mark.encode() in answer or owner.encode() in answer)


async def maildrop(bench: Bench) -> None:
    """I10: DELE and then a broken line, endless arguments, numbers nobody has; the mail is there."""
    name = await bench.account("drop")
    marks = [bench.unique("kept") for _ in range(3)]
    for mark in marks:
        await bench.deliver(name, letter(mark))
    bench.twin("three letters arrive", True, await bench.arrives(name, marks[-1]))
    pop3 = await bench.pop3(name, bench.stranger())
    answers = [(await pop3.ask(b"DELE %d" % number))[:3] for number in (1, 2, 3)]
    bench.twin("they can be marked", [b"+OK"] * 3, answers)
    pop3.reset()
    await asyncio.sleep(1.0)
    left = b"".join(await bench.box(name))
    bench.expect("letters that are gone without QUIT", [], [mark for mark in marks if mark.encode() not in left])
    async with await bench.pop3(name, bench.stranger()) as caller:
        for argument in (b"0", b"-1", b"4294967297", b"9" * 200, b"1 1 1"):
            bench.expect(f"RETR {argument[:12].decode()}", b"-ERR", (await caller.ask(b"RETR ", argument))[:4])
    async with await bench.pop3("", bench.stranger()) as caller:
        sent = await caller.pour(b"USER " + b"x" * 16000, 8 * MIB, seconds=5.0)
        bench.expect("octets of one line that were read", "below 4 MiB", sent, ok=sent < 4 * MIB)


EARLY = "[limits]\nearly_seconds = 4\n"
LATE = '[limits]\nearly_seconds = 600\nimap_early_line_octets = "1GiB"\n'

SCENARIOS = (
    Scenario("I02", nesting, without="[limits]\nimap_depth = 1000000\n", allowance=Allowance(seconds=60)),
    Scenario("I03", endless_lines, wish=Wish(config=EARLY), without=LATE, allowance=Allowance(seconds=60)),
    Scenario("I05", deaf, weakened="I05", memory=40 * MIB, allowance=Allowance(seconds=60)),
    Scenario("I06", dear_reading, weakened="I06", allowance=Allowance(seconds=60)),
    Scenario("I07", hostile_names, weakened="I07"),
    Scenario("I08", side_door, wish=Wish(config=SMALL), without='[limits]\nmessage_octets = "8MiB"\n'),
    Scenario("I09", others_mail, weakened="I09", allowance=Allowance(seconds=60)),
    Scenario("I10", maildrop, weakened="I10", live_safe=False),
)
