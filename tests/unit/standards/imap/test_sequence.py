"""Sequence sets: ranges that are never expanded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.imap.sequence import (
    MAX_RANGES,
    SAVED,
    STAR,
    SequenceSet,
    format_sequence_set,
    parse_sequence_set,
)


def test_parse():
    assert SequenceSet(((2, 2), (4, 7), (9, 9), (12, STAR))) == parse_sequence_set("2,4:7,9,12:*")
    assert parse_sequence_set("$") == SAVED


@pytest.mark.parametrize(
    "text", ["", "0", "1,", ",1", "1:", ":1", "a", "4294967296", "01", "1:2:3", "1 2", "**", "\u0661"]
)
def test_refuse(text):
    with pytest.raises(ValueError):
        parse_sequence_set(text)


def test_spans_are_merged_and_ascending():
    assert parse_sequence_set("10:7,2:3,1,8").spans(99) == [(1, 3), (7, 10)]


def test_star_is_the_largest():
    assert parse_sequence_set("*:5").spans(9) == [(5, 9)]
    assert parse_sequence_set("12:*").spans(9) == [(9, 12)]
    assert parse_sequence_set("1:*").spans(0) == []


def test_indexes_into_a_view():
    assert [range(1, 3)] == list(parse_sequence_set("4:6").indexes([1, 4, 6, 9]))
    assert [range(3, 4)] == list(parse_sequence_set("100:*").indexes([1, 4, 6, 9]))
    assert list(parse_sequence_set("*").indexes([])) == []


def test_the_largest_range_costs_nothing():
    """Threat I02: ``1:*`` over and over is as many pairs as were written."""
    assert parse_sequence_set(",".join(["1:4294967295"] * 1000)).spans(5) == [(1, 4294967295)]


@given(st.sets(st.integers(1, 60)))
def test_format_and_parse_are_inverse(numbers):
    if numbers:
        spans = parse_sequence_set(format_sequence_set(sorted(numbers))).spans(100)
        assert numbers == {number for low, high in spans for number in range(low, high + 1)}


def test_as_many_numbers_as_fit_into_a_line():
    """Scripts join what SEARCH gave them."""
    text = ",".join(str(number) for number in range(1, 6000, 2))
    assert len(text) < 16 * 1024
    assert len(parse_sequence_set(text).spans(6000)) == 3000
    with pytest.raises(ValueError, match="too many"):
        parse_sequence_set("1," * MAX_RANGES + "1")
