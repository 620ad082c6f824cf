"""Workers can do nothing but their work, and whatever becomes of one, the pool goes on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from posthouse.lib.work import Failed, Source
from posthouse.supervisor.workers import WorkerPool
from posthouse.testing.journal import KeptJournal

HOME = "posthouse.testing.works:"
NAMES = ("measure", "hang", "wait", "grow", "die", "fail", "try_everything")


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    made = WorkerPool([HOME + name for name in NAMES], journal=KeptJournal(), most=1, backlog=1)
    yield made
    await made.close()


async def measure(pool: WorkerPool, octets: bytes | Source = b"abc") -> tuple[int, object]:
    return await pool.run(HOME + "measure", octets, tuple[int, object], terms={"a": [1, None]}, seconds=30)


async def test_a_work_is_done_and_the_worker_kept_for_the_next(pool: WorkerPool) -> None:
    assert await measure(pool) == (3, {"a": [1, None]})
    first = pool.pids
    assert await measure(pool, b"") == (0, {"a": [1, None]})
    assert pool.pids == first
    assert len(first) == 1


async def test_octets_that_are_not_at_hand_are_read_a_piece_at_a_time(pool: WorkerPool) -> None:
    asked: list[tuple[int, int]] = []

    async def read(start: int, length: int) -> bytes:
        asked.append((start, length))
        return bytes(length)

    size = 5 * 1024 * 1024 + 7
    assert (await measure(pool, Source(size, read)))[0] == size
    assert max(length for _, length in asked) <= 1024 * 1024


async def test_a_source_that_fails_is_its_own_error_and_harms_nobody(pool: WorkerPool) -> None:
    async def read(start: int, length: int) -> bytes:
        raise RuntimeError("the disk")

    with pytest.raises(RuntimeError, match="the disk"):
        await measure(pool, Source(10, read))
    assert (await measure(pool))[0] == 3


async def test_octets_that_end_too_early_or_come_slowly_are_nobodys_fault(pool: WorkerPool) -> None:
    async def nothing(start: int, length: int) -> bytes:
        return b""

    async def slowly(start: int, length: int) -> bytes:
        await asyncio.sleep(0.3)
        return bytes(length)

    with pytest.raises(Failed) as failure:
        await measure(pool, Source(10, nothing))
    assert failure.value.reason == "busy"
    assert await pool.run(HOME + "measure", Source(9, slowly), tuple[int, object], seconds=0.2) == (9, None)


@pytest.mark.parametrize(
    ("work", "reason", "text"),
    [
        ("hang", "late", "late"),
        ("grow", "died", "out of memory"),
        ("die", "died", "its process ended"),
        ("fail", "broken", "ValueError: a bug of ours"),
        ("nobody", "broken", ""),
    ],
)
async def test_whatever_becomes_of_a_worker_the_next_work_is_done(
    pool: WorkerPool, work: str, reason: str, text: str
) -> None:
    await measure(pool)
    with pytest.raises(Failed) as failure:
        await pool.run(HOME + work, b"", int, seconds=0.3 if work == "hang" else 30)
    assert failure.value.reason == reason
    assert text in str(failure.value)
    assert (await measure(pool))[0] == 3


async def test_one_that_the_machine_gives_no_time_is_not_late() -> None:
    pool = WorkerPool([HOME + name for name in NAMES], journal=KeptJournal(), least_seconds=0.1)
    await measure(pool)
    with pytest.raises(Failed, match="the machine gave it no time") as failure:
        await pool.run(HOME + "wait", b"", int, seconds=0.02)
    assert failure.value.reason == "busy"
    assert (await measure(pool))[0] == 3
    await pool.close()


async def test_one_that_died_while_nothing_was_asked_of_it_is_not_the_next_works_fault(pool: WorkerPool) -> None:
    await measure(pool)
    (idle,) = pool.pids
    os.kill(idle, signal.SIGKILL)
    while pool.pids:
        await asyncio.sleep(0.01)
    assert (await measure(pool))[0] == 3


async def test_a_worker_that_hung_is_gone(pool: WorkerPool) -> None:
    await measure(pool)
    (pid,) = pool.pids
    with pytest.raises(Failed):
        await pool.run(HOME + "hang", b"", int, seconds=0.2)
    assert pid not in pool.pids
    await pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_nothing_else_can_be_done_there(pool: WorkerPool) -> None:
    assert await pool.run(HOME + "try_everything", b"", list[str], seconds=30) == []
    assert "no_new_privs" in pool.measures


async def test_more_than_the_backlog_is_turned_away_at_once(pool: WorkerPool) -> None:
    await measure(pool)
    slow = [asyncio.create_task(pool.run(HOME + "hang", b"", int, seconds=0.3)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Failed, match="busy"):
        await measure(pool)
    assert {one.reason for one in await asyncio.gather(*slow, return_exceptions=True)} == {"late"}


async def test_who_gives_up_waiting_leaves_no_worker_behind(pool: WorkerPool) -> None:
    await measure(pool)
    waiting = asyncio.create_task(pool.run(HOME + "hang", b"", int, seconds=60))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert pool.pids == ()
    assert (await measure(pool))[0] == 3


async def test_a_closed_pool_does_nothing(pool: WorkerPool) -> None:
    await measure(pool)
    await pool.close()
    assert pool.pids == ()
    with pytest.raises(Failed, match="busy"):
        await measure(pool)
