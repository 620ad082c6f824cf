"""So much in so much time, for everybody one asks about."""

from posthouse.filter.allowance import TABLE_SIZE, Allowance
from posthouse.testing.ports import ManualClock


def test_each_has_an_allowance_of_his_own():
    allowance: Allowance[str] = Allowance(1, 60, ManualClock())
    assert (allowance.take("a"), allowance.take("b"), allowance.take("a")) == (True, True, False)


def test_asking_costs_nothing():
    allowance: Allowance[str] = Allowance(1, 60, ManualClock())
    assert not any(allowance.is_spent("a") for _ in range(10))
    assert allowance.take("a")
    assert allowance.is_spent("a")


def test_strangers_without_number_do_not_make_it_grow():
    allowance: Allowance[int] = Allowance(1, 60, ManualClock())
    for who in range(TABLE_SIZE + 10):
        allowance.take(who)
    assert len(allowance._buckets) == TABLE_SIZE
