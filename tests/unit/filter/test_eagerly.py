"""Works begun at once and finished elsewhere: results, failures, time and cancellation arrive where they belong."""

import asyncio

import pytest

from posthouse.filter.eagerly import Begun, together, within
from posthouse.filter.questions import MAX_QUESTIONS, Allowance, Questions
from posthouse.standards.dns.ports import Answer, DnsTrouble
from posthouse.testing.zone import Zone


class Still:
    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0


async def now(value: int) -> int:
    return value


async def later(value: int, turns: int = 2) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    await future
    return value


async def failing(turns: int) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    raise DnsTrouble("no")


async def test_what_need_not_wait_is_done_at_once() -> None:
    begun = Begun(now(3))
    assert begun.is_done
    assert await begun == 3
    before = len(asyncio.all_tasks())
    work = together(now(1), None, now(2))
    with pytest.raises(StopIteration) as end:
        work.send(None)
    assert end.value.value == [1, None, 2]
    assert len(asyncio.all_tasks()) == before


async def test_results_keep_their_order() -> None:
    assert await together(later(1, 5), now(2), None, later(3, 1), now(4)) == [1, 2, None, 3, 4]


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_a_failure_comes_out_and_ends_the_others(turns: int) -> None:
    with pytest.raises(DnsTrouble):
        await together(later(1, 50), failing(turns))
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_time_runs_out() -> None:
    assert await within(later(1), 10) == 1
    with pytest.raises(TimeoutError):
        await within(asyncio.Event().wait(), 0)
    with pytest.raises(DnsTrouble):
        await within(failing(2), 10)


class Slow(Zone):
    """Answers after a turn of the loop, as a cache does not."""

    async def txt(self, name: str) -> Answer[bytes]:
        answer = await super().txt(name)
        await asyncio.sleep(0)
        return answer


async def test_equal_questions_cost_one_and_too_many_are_trouble() -> None:
    zone = Slow({f"n{number}.test": {"txt": (b"x",)} for number in range(100)})
    allowance = Allowance(Still())
    questions = Questions(zone, allowance, kept=0)
    for _ in range(3):
        assert (await questions.txt("n0.test")).records == (b"x",)
    assert allowance.asked == 1
    for number in range(MAX_QUESTIONS):
        await questions.txt(f"n{number}.test")
    with pytest.raises(DnsTrouble):
        await questions.txt("n99.test")
    assert questions.spent
    assert allowance.asked == MAX_QUESTIONS == len(zone.asked)


async def test_views_share_an_allowance_and_have_their_own_most() -> None:
    zone = Zone({})
    allowance = Allowance(Still())
    spf, policy = Questions(zone, allowance, 40), Questions(zone, allowance, kept=0)
    for number in range(40):
        await spf.a(f"n{number}.test")
    with pytest.raises(DnsTrouble):
        await spf.a("one-more.test")
    assert (spf.spent, policy.spent) == (True, False)
    assert not (await policy.a("n1.test")).exists
    assert allowance.asked == 40
