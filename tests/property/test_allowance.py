"""A table that forgets never allows more than one that remembers everything."""

from hypothesis import given
from hypothesis import strategies as st

from posthouse.filter.allowance import Allowance
from posthouse.lib.tokenbucket import TokenBucket
from posthouse.testing.ports import ManualClock

BURST, SECONDS = 5, 60.0
STEPS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from((1, 1, 1, 2, 5)), st.sampled_from((0, 0, 0, 1, 7, 30))), max_size=200
)


@given(STEPS, st.integers(2, 64))
def test_whatever_is_forgotten_nobody_gets_more_than_his_allowance(steps, size):
    clock = ManualClock()
    table: Allowance[int] = Allowance(BURST, SECONDS, clock, size=size)
    exact: dict[int, TokenBucket] = {}
    rate = BURST / SECONDS
    for who, amount, seconds in steps:
        clock.pass_time(seconds)
        now = clock.monotonic()
        bucket = exact.setdefault(who, TokenBucket(BURST, now))
        if table.take(who, amount):
            assert bucket.level(now, rate=rate, burst=BURST) >= amount - 1e-4
            bucket.charge(amount, now, rate=rate, burst=BURST)


@given(STEPS)
def test_who_is_remembered_gets_exactly_his_allowance(steps):
    clock = ManualClock()
    table: Allowance[int] = Allowance(BURST, SECONDS, clock)
    exact: dict[int, TokenBucket] = {}
    rate = BURST / SECONDS
    for who, amount, seconds in steps:
        clock.pass_time(seconds)
        now = clock.monotonic()
        bucket = exact.setdefault(who, TokenBucket(BURST, now))
        level = bucket.level(now, rate=rate, burst=BURST)
        took = table.take(who, amount)
        if abs(level - amount) > 1e-4:  # at the very edge fractions decide
            assert took is (level > amount)
        if took:
            bucket.charge(amount, now, rate=rate, burst=BURST)
