"""A table of moments that many strangers cannot make large, nor make forgive."""

import pytest

from posthouse.lib.pacetable import PaceTable


def test_a_moment_is_known_until_it_is_replaced():
    table = PaceTable()
    assert table.get(1) == 0
    table.put(1, 50.0, 10.0)
    assert table.get(1) == 50.0
    table.put(1, 60.0, 11.0)
    assert table.get(1) == 60.0


@pytest.mark.parametrize("others", [3, 10, 50, 500])
def test_what_is_pushed_out_is_never_remembered_as_less(others):
    table = PaceTable(8)
    table.put(1, 50.0, 10.0)
    for other in range(100, 100 + others):
        table.put(other, 20.0, 10.0)
    assert table.get(1) >= 50.0
    assert len(table) <= 8


def test_what_is_over_is_not_remembered():
    table = PaceTable(8)
    for key in range(100):
        table.put(key, 20.0, 30.0)
    assert table.get(0) == 0
    assert not table._first, "no sketch was needed"


def test_keys_used_again_and_again_stay_exact():
    table = PaceTable(8)
    for turn in range(1000):
        table.put(1, 50.0 + turn, 10.0)
        table.put(2, 70.0 + turn, 10.0)
        assert (table.get(1), table.get(2)) == (50.0 + turn, 70.0 + turn)


def test_strangers_are_seldom_taken_for_somebody_who_was_forgotten():
    """The sketch may err, but not often: of a thousand new ones nearly all begin with nothing."""
    table = PaceTable(1024)
    for key in range(5000):
        table.put(key, 1e9, 0.0)
    fresh = [table.get(key) == 0 for key in range(10**6, 10**6 + 1000)]
    assert sum(fresh) > 950
