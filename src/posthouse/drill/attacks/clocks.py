"""A clock that is set."""

import asyncio
from pathlib import Path

from posthouse.drill.bench import HOME, Bench
from posthouse.drill.fence import Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.second import second
from posthouse.drill.smtp import letter

HOUR, DAY = 3600, 86400
JUMPS = (10 * DAY, HOUR, -HOUR, -30 * DAY, -50 * 365 * DAY, 0)


async def jumping_clock(bench: Bench) -> None:
    """R10: letters wait for a host that says later; the clock goes ten days on, back thirty, back to 1976."""
    async with second(bench) as house:
        house.clock = house.directory / "clock"
        _set(house.clock, 0)
        there = await house.open()
        word = bench.unique("clock")
        people = [f"{word}-{number}@far.test" for number in range(5)]
        bench.sink.refuse = lambda who: b"451 4.3.0 later\r\n" if word.encode() in who else b""
        try:
            for person in people:
                async with await there.submitter("alice", HOME) as caller:
                    content = letter(person, sender="alice@office.test", to=person)
                    await caller.send(b"alice@office.test", [person.encode()], content)
            bench.twin("letters wait", True, await there.wait_until(lambda: _tried(there, people, 1), 10.0))
            for jump in JUMPS:
                await _jump(bench, there, house.clock, jump, people)
            told = house.log.read_text(errors="replace")
            bench.expect("jumps that the journal tells of", "at least 4", told.count("clock.jumped"),
                         ok=told.count("clock.jumped") >= 4)  # fmt: skip
            mine = [one for one in await there.box("alice") if word.encode() in one]
            bench.expect("reports of failure", 0, sum(b"Action: failed" in one for one in mine))
        finally:
            bench.sink.refuse = lambda _who: b""
        await there.control("queue retry", domain="far.test")
        left = [await bench.leaves(person, seconds=10.0) for person in people]
        bench.expect("letters that leave when the host takes them", [True] * 5, left)
        await asyncio.sleep(0.5)
        bench.expect("copies of each", [1] * 5, [len(bench.sink.to(person.encode())) for person in people])
        bench.expect("tracebacks", 0, house.log.read_text(errors="replace").count("Traceback"))


async def _jump(bench: Bench, there: Bench, clock: Path, jump: int, people: list[str]) -> None:
    """The clock is set; everything is tried again; nothing is gone, and people are served."""
    name = f"{jump // DAY} days" if abs(jump) >= DAY else f"{jump // HOUR} hours"
    _set(clock, jump)
    await asyncio.sleep(1.3)
    before = await _attempts(there)
    await there.control("queue retry", domain="far.test")
    await there.wait_until(lambda: _tried(there, people, max(before, default=0) + 1), 4.0)
    waiting = {str(row["to"]) for row in await there.control("queue list")}
    bench.expect(f"letters given up ({name})", [], [person for person in people if person not in waiting])
    mark = bench.unique("inside")
    async with await there.submitter("alice", HOME) as caller:
        content = letter(mark, sender="alice@office.test", to="bob@office.test")
        reply = await caller.send(b"alice@office.test", [b"bob@office.test"], content)
    bench.expect(f"mail among us ({name})", "250", reply[:3].decode())
    bench.expect_soon(f"and it is there ({name})", True, await there.arrives("bob", mark))


async def _attempts(there: Bench) -> list[int]:
    return [int(row["attempts"]) for row in await there.control("queue list")]


async def _tried(there: Bench, people: list[str], times: int) -> bool:
    found = await _attempts(there)
    return len(found) < len(people) or min(found) >= times


def _set(clock: Path, seconds: int) -> None:
    clock.write_text(str(seconds))


SCENARIOS = (Scenario("R10", jumping_clock, weakened="R10", allowance=Allowance(seconds=60)),)
