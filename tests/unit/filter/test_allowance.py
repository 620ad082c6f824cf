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
    for who in range(3 * TABLE_SIZE):
        allowance.take(who)
    assert len(allowance._table) <= TABLE_SIZE


def test_who_makes_us_forget_him_is_not_forgiven():
    """R11: what a stranger used is known in outline after as many others as the table has places."""
    clock = ManualClock()
    allowance: Allowance[int] = Allowance(10, 60, clock, size=64)
    while allowance.take(7):
        pass
    for who in range(1000, 1200):
        allowance.take(who)
    assert not allowance.take(7)
    clock.pass_time(60)
    assert allowance.take(7)


def test_a_changed_rule_begins_anew_and_the_same_rule_keeps_what_was_used():
    allowance: Allowance[str] = Allowance(1, 60, ManualClock())
    assert allowance.take("a")
    allowance.change(1, 60)
    assert not allowance.take("a")
    allowance.change(3, 60)
    assert [allowance.take("a") for _ in range(4)] == [True, True, True, False]


def test_a_debt_is_at_most_one_whole_allowance():
    clock = ManualClock()
    allowance: Allowance[str] = Allowance(100, 60, clock)
    allowance.charge("a", 1_000_000)
    clock.pass_time(60)
    assert not allowance.take("a")
    clock.pass_time(60)
    assert allowance.take("a", 100)
