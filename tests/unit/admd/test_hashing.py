"""Whose turn it is, and what a check says."""

import asyncio

import pytest

from posthouse.admd.credentials import make_verifiers
from posthouse.admd.hashing import RESERVED, WORK, Checked, Terms, ThreadHasher, Turns, WorkerHasher, check
from posthouse.lib.work import Failed

GOOD, WEAK = "correct horse battery", "Spring2026!"
TERMS = Terms(make_verifiers(GOOD, iterations=4096), "alice@office.test")


def test_the_work_says_whether_and_how_weak() -> None:
    assert check(GOOD.encode(), [list(TERMS.verifiers), TERMS.address, 12]) == Checked(True)
    assert check(b"wrong", [list(TERMS.verifiers), TERMS.address, 12]) == Checked(False)
    weak = [list(make_verifiers(WEAK, iterations=4096)), TERMS.address, 12]
    found = check(WEAK.encode(), weak)
    assert found.matched
    assert found.weakness
    assert WEAK not in found.weakness
    assert check(WEAK.encode(), [weak[0], "", 12]) == Checked(True)


async def test_without_workers_it_is_done_in_a_thread() -> None:
    class Dead:
        asked = ""

        async def run(self, work, *_, **__):
            self.asked = work
            raise Failed("busy")

    dead = Dead()
    hasher = WorkerHasher(dead, ThreadHasher(1))
    assert await hasher.check(GOOD, TERMS) == Checked(True)
    assert dead.asked == WORK
    hasher.close()


async def test_owners_go_before_strangers_who_came_first() -> None:
    """Threat O11."""
    turns = Turns(1, 10)
    assert await turns.take(is_owner=False)
    order = []

    async def wait(name: str, *, is_owner: bool) -> None:
        assert await turns.take(is_owner=is_owner)
        order.append(name)
        turns.give_back(is_owner=is_owner)

    waiting = [asyncio.create_task(wait(f"stranger {n}", is_owner=False)) for n in range(3)]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(wait("owner", is_owner=True)))
    await asyncio.sleep(0)
    turns.give_back(is_owner=False)
    await asyncio.gather(*waiting)
    assert order == ["owner", "stranger 0", "stranger 1", "stranger 2"]


async def test_strangers_fill_their_own_line_and_not_that_of_owners() -> None:
    turns = Turns(1, 3)
    assert await turns.take(is_owner=False)
    tasks = [asyncio.create_task(turns.take(is_owner=False)) for _ in range(2)]
    await asyncio.sleep(0)
    assert not await turns.take(is_owner=False)
    owners = [asyncio.create_task(turns.take(is_owner=True)) for _ in range(RESERVED)]
    await asyncio.sleep(0)
    assert not await turns.take(is_owner=True)
    for _ in range(RESERVED):
        turns.give_back(is_owner=True)
    for task in (*tasks, *owners):
        task.cancel()
    await asyncio.gather(*tasks, *owners, return_exceptions=True)


async def test_who_goes_away_while_he_waits_leaves_his_place() -> None:
    turns = Turns(1, 2)
    assert await turns.take(is_owner=False)
    gone = asyncio.create_task(turns.take(is_owner=False))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    turns.give_back(is_owner=False)
    assert await turns.take(is_owner=False)
    assert await asyncio.wait_for(asyncio.create_task(_take_soon(turns)), 60)


async def _take_soon(turns: Turns) -> bool:
    taking = asyncio.create_task(turns.take(is_owner=False))
    await asyncio.sleep(0)
    turns.give_back(is_owner=False)
    return await taking
