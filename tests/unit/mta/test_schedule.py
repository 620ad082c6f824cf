"""When a message is given up: when it is old, and was tried as often as that takes."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.mta.schedule import FEWEST, Schedule

DAY = 86400 * 1000


@pytest.fixture
def schedule():
    return Schedule.of(Limits())


def test_a_clock_that_jumps_gives_up_nothing(schedule):
    expires = schedule.expires(0, is_report=False)
    assert not schedule.is_over(1, 0, expires, 100 * DAY)
    assert not schedule.is_over(FEWEST - 1, 0, expires, 100 * DAY)
    assert schedule.is_over(FEWEST, 0, expires, 100 * DAY)


def test_many_tries_alone_give_up_nothing(schedule):
    expires = schedule.expires(0, is_report=False)
    assert not schedule.is_over(1000, 0, expires, expires - 1)
    assert schedule.is_over(1000, 0, expires, expires)


@pytest.mark.parametrize(("seconds", "tries"), [(60, 1), (1200, 2), (3600, 3), (86400, 10), (5 * 86400, FEWEST)])
def test_what_has_little_time_needs_few_tries(schedule, seconds, tries):
    expires = seconds * 1000
    assert schedule.is_over(tries, 0, expires, expires)
    assert tries == 1 or not schedule.is_over(tries - 1, 0, expires, expires)
