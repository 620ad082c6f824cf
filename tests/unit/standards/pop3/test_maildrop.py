"""Numbers, sizes and marks of one session."""

import pytest

from posthouse.standards.pop3.maildrop import Maildrop, NoSuchMessage


def maildrop() -> Maildrop:
    drop = Maildrop(77, [5, 8, 13], 600)
    drop.learn({5: 100, 8: 200, 13: 300})
    return drop


def test_stat_leaves_out_what_is_deleted() -> None:
    drop = maildrop()
    drop.delete(2)
    assert drop.stat() == (2, 400)
    drop.reset()
    assert drop.stat() == (3, 600)


def test_numbers_do_not_move() -> None:
    """RFC 1939 section 8."""
    drop = maildrop()
    drop.delete(1)
    assert drop.uid(2) == 8
    assert b"".join(drop.scan_listings(10)) == b"2 200\r\n3 300\r\n"


def test_unique_ids_are_uidvalidity_and_uid() -> None:
    assert b"".join(maildrop().unique_ids(2)) == b"1 77-5\r\n2 77-8\r\n3 77-13\r\n"


@pytest.mark.parametrize("number", [0, 4, 10**9])
def test_other_numbers_do_not_exist(number: int) -> None:
    with pytest.raises(NoSuchMessage):
        maildrop().uid(number)


def test_a_deleted_message_cannot_be_deleted_again() -> None:
    drop = maildrop()
    drop.delete(1)
    with pytest.raises(NoSuchMessage):
        drop.delete(1)
    assert drop.deleted == [5]


def test_what_was_retrieved_and_deleted_is_only_deleted() -> None:
    drop = maildrop()
    drop.mark_retrieved(5)
    drop.mark_retrieved(8)
    drop.delete(1)
    assert drop.retrieved == [8]


def test_a_message_that_vanished_is_left_out_of_the_listing() -> None:
    drop = Maildrop(1, [5, 8], 0)
    assert [list(batch) for batch in drop.unknown(1)] == [[5], [8]]
    drop.learn({8: 200})
    assert b"".join(drop.scan_listings(10)) == b"2 200\r\n"
