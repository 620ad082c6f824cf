"""How odds are made of counts: the seldom seen says little, nothing is certain, who looks like both is unsure."""

import math

import pytest

from posthouse.filter.classifier.combining import (
    EDGE,
    LEAST_SCORE,
    MOST_SCORE,
    NO_WEIGHT,
    Odds,
    belief,
    chi_squared_tail,
    combine,
    weight_of,
)


def odds(*beliefs: float) -> Odds:
    return combine([weight_of(f"t{number}", one) for number, one in enumerate(beliefs)])


def test_what_was_never_seen_is_what_was_believed_before():
    assert belief(0, 0, 10, 10) == 0.5
    assert belief(0, 0, 10, 10, before=0.9) == 0.9


def test_more_sightings_are_surer_and_never_certain():
    seen = [belief(count, 0, 1000, 1000) for count in (1, 2, 10, 1000)]
    assert seen == sorted(seen)
    assert seen[0] < 0.9
    assert seen[-1] == 1 - EDGE
    assert belief(0, 1000, 1000, 1000) == EDGE


def test_counts_are_relative_to_how_much_was_taught():
    assert belief(5, 5, 10, 1000) > 0.9


def test_ones_own_sightings_outweigh_what_all_believe():
    assert belief(0, 1, 10, 10, before=0.99, strength=1.0) == pytest.approx(0.495)
    assert belief(0, 8, 10, 10, before=0.99, strength=1.0) < 0.12


@pytest.mark.parametrize("counts", [(-1, 0), (-5, -5), (50, 0), (0, 50)])
def test_counts_that_cannot_be_are_bounded(counts):
    assert 0 < belief(*counts, 10, 10) < 1


def test_both_kinds_of_evidence_is_unsure():
    assert odds(*[0.99] * 20, *[0.01] * 20).junk == pytest.approx(0.5)
    assert odds().junk == odds(0.5, 0.55, 0.45).junk == 0.5
    assert weight_of("x", 0.5) is NO_WEIGHT


def test_one_kind_is_sure():
    assert odds(*[0.95] * 15).junk > 0.99
    assert odds(*[0.05] * 15).junk < 0.01


@pytest.mark.parametrize("edge", [EDGE, 1 - EDGE])
def test_the_most_extreme_message_is_still_a_number(edge):
    found = odds(*[edge] * 1000)
    assert math.isfinite(found.junk)
    assert abs(found.junk - 0.5) == pytest.approx(0.5)


def test_the_score_can_put_into_junk_and_never_refuse():
    assert Odds(1.0).score == MOST_SCORE < 15
    assert Odds(0.0).score == LEAST_SCORE
    assert Odds(0.5).score == 0
    assert Odds(0.9).score < 5 < Odds(0.98).score


def test_reasons_are_the_ten_strongest():
    found = odds(*[0.7] * 20, 0.99)
    assert found.reasons.startswith("t20 0.99, ")
    assert len(found.tokens) == 10
    assert found.count == 21


@pytest.mark.parametrize(("value", "pairs", "tail"), [(0, 1, 1.0), (5.991, 1, 0.05), (18.307, 5, 0.05), (2000, 50, 0)])
def test_chi_squared(value, pairs, tail):
    assert chi_squared_tail(value, pairs) == pytest.approx(tail, abs=1e-4)
