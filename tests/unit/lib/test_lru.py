"""A table that forgets rather than grow."""

import pytest

from posthouse.lib.lru import Lru


def test_the_entry_not_used_for_longest_is_forgotten():
    table: Lru[str, int] = Lru(2)
    table.put("a", 1)
    table.put("b", 2)
    table.get("a")
    table.put("c", 3)
    assert ("a" in table, "b" in table, "c" in table) == (True, False, True)


def test_a_million_strangers_cost_no_more_than_its_size():
    table: Lru[int, int] = Lru(100)
    for number in range(10_000):
        table.get_or_make(number, lambda: 0)
    assert len(table) == 100


def test_dropping_what_is_not_there_is_no_error():
    table: Lru[str, int] = Lru(1)
    table.drop("a")
    assert table.get("a") is None


def test_a_table_of_nothing_cannot_be_made():
    with pytest.raises(ValueError):
        Lru(0)
