"""Who fails again and again is left alone, and asked again later and later."""

from posthouse.filter.scanners.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, OPENS_AFTER, Breaker
from posthouse.testing.ports import ManualClock


def opened() -> tuple[Breaker, ManualClock]:
    clock = ManualClock()
    breaker = Breaker(clock)
    for _ in range(OPENS_AFTER):
        assert breaker.may_try()
        breaker.failed()
    return breaker, clock


def test_one_failure_may_be_the_messages_doing() -> None:
    breaker = Breaker(ManualClock())
    for _ in range(OPENS_AFTER - 1):
        breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.may_try()


def test_after_a_few_nobody_may_try() -> None:
    breaker, _ = opened()
    assert breaker.is_open
    assert not breaker.may_try()


def test_after_the_pause_one_may_try_for_all() -> None:
    breaker, clock = opened()
    clock.pass_time(FIRST_PAUSE_SECONDS)
    assert breaker.wants_probe
    assert breaker.may_try()
    assert not breaker.may_try()
    breaker.succeeded()
    assert breaker.may_try()
    assert not breaker.is_open


def test_the_pause_doubles_up_to_a_limit() -> None:
    breaker, clock = opened()
    pauses = []
    for _ in range(8):
        waited = 0.0
        while not breaker.may_try():
            clock.pass_time(0.5)
            waited += 0.5
        pauses.append(waited)
        breaker.failed()
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
