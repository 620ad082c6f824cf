"""What was promised is there: kills, disks that say no, lines that are cut, two servers, half an upgrade."""

import asyncio
import contextlib
import resource
import sqlite3
from pathlib import Path

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import Allowance, Spent
from posthouse.drill.sandbox import NotStarted, free_base_port
from posthouse.drill.scenario import Scenario
from posthouse.drill.second import House, second
from posthouse.drill.smtp import letter
from posthouse.drill.tricks import DOMAIN, Trickster, playing, wish

SENDERS = 6


async def pump(bench: Bench, person: bytes, promised: list[str], over: asyncio.Event | None = None) -> None:
    """Letters one after the other, until nobody answers or it is over; those acknowledged are in ``promised``.

    To be cancelled is not enough: ``wait_for`` may lose that beside an answer (bpo-37658).
    """
    over = over or asyncio.Event()
    with contextlib.suppress(OSError, EOFError, Silent, Spent):
        while not over.is_set():
            async with await bench.smtp() as caller:
                for _ in range(20):
                    mark = bench.unique("kept")
                    if over.is_set() or (await caller.send(bench.sender(), [person], letter(mark)))[:3] != b"250":
                        break
                    promised.append(mark)
            await asyncio.sleep(0.1)


async def what_is_missing(bench: Bench, name: str, promised: list[str]) -> tuple[list[str], int]:
    """What was acknowledged and is not there, and how much is there twice."""
    found = [one for mailbox in ("INBOX", "Junk") for one in await bench.box(name, mailbox)]
    there = [one.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode() for one in found]
    return [mark for mark in promised if mark not in there], len(there) - len(set(there))


async def kills(bench: Bench) -> None:
    """P01: a server killed four times under load, begun anew; everything that was acknowledged is there, once."""
    promised: list[str] = []
    async with second(bench) as house:
        for number in range(bench.so_many(4, 8)):
            if number and bench.budget.left < 25.0:
                break
            there = await house.open()
            senders = [asyncio.create_task(pump(there, b"bob@office.test", promised)) for _ in range(SENDERS)]
            await asyncio.sleep(0.5 + bench.chance.random())
            await house.kill()
            await asyncio.wait(senders, timeout=15.0)
        there = await house.open()
        missing, doubled = await what_is_missing(there, "bob", promised)
        bench.figures["acknowledged_before_kills"] = len(promised)
        bench.expect("acknowledged and gone", [], missing)
        bench.expect("there twice", f"at most {SENDERS * 8}", doubled, ok=doubled <= SENDERS * 8)
        bench.twin("letters were acknowledged before it was killed", True, len(promised) > 4)


async def disk_says_no(bench: Bench) -> None:
    """P03: from one moment on every file is full for the server; deferred, nothing lost, and well after a restart."""
    promised: list[str] = []
    async with second(bench) as house:
        there = await house.open()
        for _ in range(5):
            mark = bench.unique("before")
            if (await there.deliver("bob", letter(mark)))[:3] == b"250":
                promised.append(mark)
        bench.twin("letters are taken while the disk is well", 5, len(promised))
        codes = []
        for most in (4096, 65536):
            _limit_files(there.place.pid, most)
            for _ in range(4):
                mark, reply = bench.unique("during"), b""
                with contextlib.suppress(OSError, EOFError, Silent):
                    reply = await there.deliver("bob", letter(mark, body=(b"d" * 76 + b"\r\n") * 400))
                codes.append(reply[:3].decode())
                promised += [mark] if reply[:3] == b"250" else []
        bench.expect("refusals for good", [], [code for code in codes if code.startswith("5")])
        bench.remark("what strangers were told", "4xx", sorted(set(codes)), ok=True)
        await house.kill()
        there = await house.open()
        missing, doubled = await what_is_missing(there, "bob", promised)
        bench.expect("acknowledged and gone", [], missing)
        bench.expect("there twice", 0, doubled)
        mark = bench.unique("after")
        bench.expect("letters are taken again", "250", (await there.deliver("bob", letter(mark)))[:3].decode())


def _limit_files(pid: int, octets: int) -> None:
    """No file of the process grows beyond that: write says EFBIG."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


CUT = ("office2",)


async def line_cut(bench: Bench) -> None:
    """P07: the other office is not there; letters wait, mail at home goes on, and all of it leaves once afterwards."""
    people = [f"{bench.unique('cut')}@office2.{DOMAIN}" for _ in range(10)]
    for person in people:
        async with await bench.submitter() as caller:
            content = letter(person.partition("@")[0], sender="alice@office.test", to=person)
            await caller.send(b"alice@office.test", [person.encode()], content)
    await bench.benign("carol")
    await asyncio.sleep(1.0)
    waiting = {str(row["to"]) for row in await bench.control("queue list")}
    bench.expect("letters that do not wait", [], [person for person in people if person not in waiting])
    office = Trickster()
    async with playing({"office2": office}):
        await bench.control("queue retry", domain=f"office2.{DOMAIN}")

        def all_there() -> bool:
            return len(office.contents) >= len(people)

        await bench.wait(all_there, 15.0)
        await asyncio.sleep(0.5)
    came = b"\n".join(office.contents)
    bench.expect("letters that never came", [], [one for one in people if one.partition("@")[0].encode() not in came])
    bench.expect("letters there in all", len(people), len(office.contents))


async def two_servers(bench: Bench) -> None:
    """P08: a second server on the directory of one that runs; it refuses with words, and the first goes on."""
    async with second(bench) as house:
        there = await house.open()
        mark = bench.unique("first")
        await there.deliver("bob", letter(mark))
        codes = []
        for number in range(bench.so_many(3, 8)):
            if number and bench.budget.left < 22.0:
                break
            intruder = await house.launch(free_base_port(bench.chance))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(intruder.wait(), 10.0)
            codes.append(intruder.returncode)
        bench.expect("second servers that served", [], [code for code in codes if code in {None, 0}])
        bench.expect("they say why", True, "in use" in house.log.read_text(errors="replace"))
        bench.expect("no traceback", False, "Traceback" in house.log.read_text(errors="replace"))
        bench.twin("the first has its mail", True, await there.arrives("bob", mark))
        bench.twin("and takes more", "250", (await there.deliver("bob", letter(bench.unique())))[:3].decode())


async def half_upgrade(bench: Bench) -> None:
    """P09: killed amid the making of its tables, six times; then data of a release to come, refused in words."""
    async with second(bench) as house:
        for number in range(6):
            process = await house.launch()
            await asyncio.sleep(0.25 + 0.15 * number)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        there = await house.open()
        mark = bench.unique("whole")
        reply = await there.deliver("bob", letter(mark))
        bench.twin("after all that it serves", "250", reply[:3].decode())
        bench.twin("and keeps mail", True, await there.arrives("bob", mark))
        await house.kill()
        await asyncio.to_thread(_from_the_future, house)
        before = len(house.log.read_text(errors="replace"))
        served = True
        try:
            await house.open()
        except NotStarted:
            served = False
        said = house.log.read_text(errors="replace")[before:]
        bench.expect("data of a release to come is served", False, served)
        bench.expect("a traceback", False, "Traceback" in said)
        bench.expect("it says that the data are newer", True, "new" in said.lower())


def _from_the_future(house: House) -> None:
    database: Path = house.directory / "data" / "store" / "posthouse.db"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO migration VALUES (9999, 'from the future', 'x', 0)")
        connection.execute("INSERT OR REPLACE INTO thing (name, value) VALUES ('schema.least', ?)", (b"9999",))
        connection.commit()


MINUTE = Allowance(connections=1500, seconds=60)

SCENARIOS = (
    Scenario("P01", kills, weakened="P01", allowance=MINUTE),
    Scenario("P03", disk_says_no, weakened="P03", allowance=MINUTE),
    Scenario("P07", line_cut, wish=wish(CUT), weakened="P07", allowance=MINUTE),
    Scenario("P08", two_servers, weakened="P08", allowance=MINUTE),
    Scenario("P09", half_upgrade, weakened="P09", allowance=MINUTE),
)
