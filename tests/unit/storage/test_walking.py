"""A look for due mail goes so far and no further, and the next begins where it ended."""

import pytest

from posthouse.storage.errors import StorageError
from posthouse.storage.sql.walking import SLICES, START, Walk


class Queue:
    """So many slices of avoided items; ``found`` by the number of the slice."""

    def __init__(self, slices: int, **found: str) -> None:
        self.slices = slices
        self.found = {int(key[1:]): list(value) for key, value in found.items()}
        self.asked: list[int] = []
        self.is_away = False

    async def step(self, after, room):
        number = 0 if after == START else after[0]
        self.asked.append(number)
        if self.is_away:
            raise StorageError("away")
        there = self.found.get(number, [])
        items, self.found[number] = there[:room], there[room:]
        return items, (number + 1, "") if number + 1 < self.slices else None


async def test_a_short_queue_is_walked_from_its_beginning_each_time() -> None:
    walk, queue = Walk(), Queue(1, s0="abc")
    assert await walk.claim(2, queue.step) == ["a", "b"]
    assert await walk.claim(2, queue.step) == ["c"]
    assert await walk.claim(2, queue.step) == []
    assert queue.asked == [0, 0, 0]


async def test_a_long_one_is_walked_a_part_at_a_time_and_then_anew() -> None:
    walk, queue = Walk(), Queue(SLICES + 5, **{f"s{SLICES + 1}": "x"})
    assert await walk.claim(1, queue.step) == []
    assert queue.asked == list(range(SLICES))
    queue.found[2] = ["y"]
    assert await walk.claim(2, queue.step) == ["x", "y"]
    assert queue.asked[SLICES:] == [20, 21, 22, 23, 24, 0, 1, 2]


async def test_what_was_claimed_is_told_though_the_walk_cannot_go_on() -> None:
    walk, queue = Walk(), Queue(3, s0="a")

    async def step(after, room):
        answer = await queue.step(after, room)
        queue.is_away = True
        return answer

    assert await walk.claim(2, step) == ["a"]
    with pytest.raises(StorageError):
        await walk.claim(2, step)
