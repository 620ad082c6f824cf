"""Ids and the clock."""

import re

from posthouse.supervisor.ports import LETTERS, RandomIds, SystemClock


def test_ids_are_short_different_and_in_order():
    ids = RandomIds()
    made = [ids.trace_id() for _ in range(5000)]
    assert len(set(made)) == 5000
    assert {len(one) for one in made} == {12}
    assert made == sorted(made)
    assert all(re.fullmatch(f"[{LETTERS}]{{12}}", one) for one in made)


def test_no_word_can_come_of_an_id():
    assert not set(LETTERS) & set("aeiou")


def test_two_houses_do_not_give_the_same_ids():
    first, second = RandomIds(), RandomIds()
    assert not {first.trace_id() for _ in range(300)} & {second.trace_id() for _ in range(300)}


def test_whoever_begins_behind_an_id_gives_none_that_was_given_before():
    earlier = RandomIds()
    given = [earlier.trace_id() for _ in range(50_000)]  # ahead of the clock by now
    later = RandomIds()
    later.slot = earlier.slot = 7
    later.resume(given[-1])
    made = [later.trace_id() for _ in range(1000)]
    assert made[0][:8] > given[-1][:8]
    assert made == sorted(made)


def test_what_is_no_id_of_ours_moves_nothing():
    ids = RandomIds()
    first = ids.trace_id()
    for other in ("", "t00000000001x", "aaaaaaaaaaaa", "zzzz", "\U0010ffff" * 12):
        ids.resume(other)
    assert ids.trace_id()[:3] == first[:3]


def test_tokens_have_the_octets_asked_for():
    ids = RandomIds()
    assert len(ids.token(12)) == 16
    assert ids.token(18) != ids.token(18)


def test_measured_time_never_goes_back():
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
