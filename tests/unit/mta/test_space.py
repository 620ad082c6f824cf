"""Whether the disk has room (L28)."""

from posthouse.admd.limits import Limits
from posthouse.mta.space import Space
from posthouse.testing.ports import ManualClock

LIMITS = Limits(free_octets=1000, free_inodes=10)


def test_below_either_floor_there_is_no_room():
    for free, short in (((1000, 10), False), ((999, 10), True), ((1000, 9), True)):
        assert Space(lambda free=free: free, LIMITS, ManualClock()).is_short is short


def test_when_nobody_knows_there_is_no_room():
    def broken() -> tuple[int, int]:
        raise OSError("gone")

    assert Space(broken, LIMITS, ManualClock()).is_short


def test_the_machine_is_asked_at_most_once_a_second():
    asked = []

    def measure() -> tuple[int, int]:
        asked.append(1)
        return (10_000, 100) if len(asked) == 1 else (0, 0)

    clock = ManualClock()
    space = Space(measure, LIMITS, clock)
    assert [space.is_short for _ in range(5)] == [False] * 5
    clock.pass_time(1)
    assert space.is_short
    assert len(asked) == 2


def test_the_reserve_is_for_our_own_people_and_postmaster():
    for free, short, spent in (((1000, 10), False, False), ((999, 10), True, False), ((249, 10), True, True)):
        space = Space(lambda free=free: free, LIMITS, ManualClock())
        assert (space.is_short, space.is_spent) == (short, spent)
