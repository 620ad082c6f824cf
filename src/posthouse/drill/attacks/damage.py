"""What the disk gives back is not what it took: bits flipped in the database and in messages."""

import asyncio
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM

from posthouse.drill.bench import HOME, Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import Allowance
from posthouse.drill.sandbox import NotStarted
from posthouse.drill.scenario import Scenario
from posthouse.drill.second import House, ask_posthouse, second
from posthouse.drill.smtp import letter

FILLER = (b"f" * 76 + b"\r\n") * 20
LARGE = (b"g" * 76 + b"\r\n") * 4000
"""More than the database keeps beside its rows."""
FLIPS = 14


@dataclass(slots=True)
class Stored:
    """What was acknowledged: by its mark, the content as it was sent."""

    bench: Bench
    letters: dict[str, bytes] = field(default_factory=dict)

    async def add(self, there: Bench, fill: bytes) -> None:
        mark = self.bench.unique("stored")
        content = letter(mark, body=fill + f"the end of {mark}\r\n".encode())
        if (await there.deliver("bob", content))[:3] == b"250":
            self.letters[mark] = content

    async def compare(self, there: Bench) -> tuple[list[str], list[str], list[str]]:
        """Marks of letters that are there whole; that are there changed; of which only an error came."""
        whole: set[str] = set()
        changed: set[str] = set()
        served = await _all_that_is_served(there)
        for mark, content in self.letters.items():
            mine = [one for one in served if f"Subject: {mark}\r\n".encode() in one or content[-100:] == one[-100:]]
            whole |= {mark} if any(one.endswith(content) for one in mine) else set()
            changed |= {mark} if any(not one.endswith(content) for one in mine) else set()
        missing = set(self.letters) - whole - changed
        return sorted(whole), sorted(changed), sorted(missing)


async def _all_that_is_served(there: Bench) -> list[bytes]:
    """Whole messages of bob's, one question each: an error about one says nothing about the others."""
    found = []
    async with await there.imap("bob", HOME, watching=True) as imap:
        answer = await imap.do("EXAMINE INBOX")
        number = next((int(line.split()[1]) for line in answer.splitlines() if line.endswith(b" EXISTS")), 0)
    for at in range(1, number + 1):
        with suppress(OSError, EOFError, Silent):
            async with await there.imap("bob", HOME, watching=True) as imap:
                await imap.do("EXAMINE INBOX")
                answer = await imap.do(f"FETCH {at} (BODY.PEEK[])")
                head, _, rest = answer.partition(b"}\r\n")
                octets = int(head.rpartition(b"{")[2] or b"0") if b"{" in head else 0
                if octets and len(rest) >= octets:
                    found.append(rest[:octets])
    return found


async def rotten(bench: Bench) -> None:
    """P05: ten stored messages of which six change on the disk while the server is away; none is served changed."""
    stored = Stored(bench)
    async with second(bench) as house:
        there = await house.open()
        for number in range(10):
            await stored.add(there, LARGE if number % 2 else FILLER)
        bench.twin("letters are taken and served whole", 10, len((await stored.compare(there))[0]))
        await house.kill(SIGTERM)
        marks = list(stored.letters)[:6]
        rotted = [mark for mark in marks if await asyncio.to_thread(_rot, house.directory / "data" / "store", mark)]
        bench.twin("letters that could be changed on the disk", marks, rotted)
        code, said = await ask_posthouse(bench, "engine", "check", str(house.directory / "data" / "store"))
        bench.expect("damage that a check finds", 6, said.count("other octets than were stored"))
        bench.expect("it fails then", 1, code)
        there = await house.open()
        whole, changed, _ = await stored.compare(there)
        bench.expect("letters that were served changed", [], changed)
        bench.expect("letters that had not changed and are served", sorted(set(stored.letters) - set(rotted)), whole)
        bench.expect("the server lives", "250", (await there.deliver("bob", letter(bench.unique())))[:3].decode())
        bench.expect("tracebacks", 0, house.log.read_text(errors="replace").count("Traceback"))


def _rot(store: Path, mark: str) -> bool:
    """One bit of the end of a message, wherever it is kept; a database has old copies, too."""
    wanted, rotted = f"the end of {mark}".encode(), False
    for file in (store / "posthouse.db", *(one for one in (store / "blobs").rglob("*") if one.is_file())):
        octets, at = file.read_bytes(), -1
        while (at := octets.find(wanted, at + 1)) >= 0:
            _flip(file, at + 4, 0)
            rotted = True
    return rotted


def _flip(file: Path, at: int, bit: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        (octet,) = opened.read(1)
        opened.seek(at)
        opened.write(bytes([octet ^ (1 << bit)]))


async def broken_database(bench: Bench) -> None:
    """P04: fourteen bits of the database flipped one by one: found by a check, or harmless; then six at once."""
    stored = Stored(bench)
    async with second(bench) as house:
        there = await house.open()
        for _ in range(24):
            await stored.add(there, FILLER)
        await house.kill(SIGTERM)
        store = house.directory / "data" / "store"
        database, good = store / "posthouse.db", store / "good"
        await asyncio.to_thread(_settle, database)
        await asyncio.to_thread(shutil.copy, database, good)
        found, unseen = 0, list[tuple[int, int]]()
        for _ in range(FLIPS):
            at, bit = bench.chance.randrange(database.stat().st_size), bench.chance.randrange(8)
            await asyncio.to_thread(_flip, database, at, bit)
            code, said = await ask_posthouse(bench, "engine", "check", str(store))
            bench.expect("words of a check that are a traceback", False, "Traceback" in said)
            found += code != 0
            if code == 0:
                unseen.append((at, bit))
            await asyncio.to_thread(shutil.copy, good, database)
        bench.figures |= {"flips": FLIPS, "flips_found": found}
        if not await _harms_nobody(bench, house, stored, good, unseen):
            half = len(unseen) // 2
            for flips in (unseen[:half], unseen[half:]):
                await _harms_nobody(bench, house, stored, good, flips)
        await asyncio.to_thread(shutil.copy, good, database)
        for mark in list(stored.letters)[:6]:
            await asyncio.to_thread(_rot, store, mark)
        await _serves_nothing_false(bench, house, stored)


async def _harms_nobody(bench: Bench, house: House, stored: Stored, good: Path, flips: list[tuple[int, int]]) -> bool:
    """With flips that no check found all letters are served, whole; False: the server found them and did not start."""
    database = good.with_name("posthouse.db")
    await asyncio.to_thread(shutil.copy, good, database)
    for at, bit in flips:
        await asyncio.to_thread(_flip, database, at, bit)
    try:
        there = await house.open()
    except NotStarted as words:
        bench.remark("a flip that the server found itself", "words", words, ok=True)
        return False
    whole, changed, missing = await stored.compare(there)
    bench.expect("letters changed by what no check found", [], changed)
    bench.expect("letters gone by what no check found", [], missing)
    bench.twin("letters that are whole", len(stored.letters), len(whole))
    await house.kill(SIGTERM)
    return True


async def _serves_nothing_false(bench: Bench, house: House, stored: Stored) -> None:
    """A server that starts on a database with holes serves what is whole, or does not start, in words."""
    before = len(house.log.read_text(errors="replace"))
    try:
        there = await house.open()
    except NotStarted:
        bench.remark("it started on a broken database", "or not, in words", "not", ok=True)
    else:
        bench.expect("letters that were served changed", [], (await stored.compare(there))[1])
    bench.expect("tracebacks", 0, house.log.read_text(errors="replace")[before:].count("Traceback"))


def _settle(database: Path) -> None:
    """All of it in one file."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


MINUTE = Allowance(connections=800, seconds=60)

SCENARIOS = (
    Scenario("P04", broken_database, weakened="P04", allowance=MINUTE),
    Scenario("P05", rotten, weakened="P05", allowance=MINUTE),
)
