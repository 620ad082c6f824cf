"""Pauses grow to a bound, and chance moves them only as far as the jitter says."""

import pytest

from posthouse.lib.backoff import Backoff


def test_pauses_double_up_to_the_longest():
    backoff = Backoff(300, 7200)
    assert [backoff.pause(tries, 0.5) for tries in range(1, 8)] == [300, 600, 1200, 2400, 4800, 7200, 7200]


def test_jitter_stays_within_a_fifth():
    backoff = Backoff(300, 7200)
    assert backoff.pause(1, 0.0) == pytest.approx(240)
    assert backoff.pause(1, 0.999999) == pytest.approx(360, abs=0.01)


def test_any_number_of_tries_costs_the_same():
    assert Backoff(1, 100).pause(10**9, 0.5) == 100


@pytest.mark.parametrize("values", [(0, 1), (2, 1), (1, 2, 0.5), (1, 2, 2, 1)])
def test_nonsense_is_refused(values):
    with pytest.raises(ValueError, match="pauses"):
        Backoff(*values)
