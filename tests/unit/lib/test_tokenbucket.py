"""So many at once, so many a second."""

from posthouse.lib.tokenbucket import TokenBucket

RULE = {"rate": 2.0, "burst": 10.0}


def test_a_bucket_begins_full_and_gives_no_more_than_it_has():
    bucket = TokenBucket(10, now=0)
    assert [bucket.take(4, 0, **RULE) for _ in range(3)] == [True, True, False]


def test_what_is_refused_costs_nothing():
    bucket = TokenBucket(10, now=0)
    assert not bucket.take(11, 0, **RULE)
    assert bucket.level(0, **RULE) == 10


def test_it_fills_at_its_rate_and_not_beyond_its_burst():
    bucket = TokenBucket(10, now=0)
    bucket.take(10, 0, **RULE)
    assert bucket.level(3, **RULE) == 6
    assert bucket.level(1000, **RULE) == 10


def test_a_clock_that_goes_back_fills_nothing():
    bucket = TokenBucket(10, now=100)
    bucket.take(10, 100, **RULE)
    assert bucket.level(50, **RULE) == 0


def test_a_debt_is_paid_off_before_anything_is_given_and_is_never_more_than_one_burst():
    bucket = TokenBucket(10, now=0)
    bucket.charge(10_000, 0, **RULE)
    assert bucket.level(0, **RULE) == -10
    assert not bucket.take(1, 5, **RULE)
    assert bucket.take(1, 6, **RULE)
