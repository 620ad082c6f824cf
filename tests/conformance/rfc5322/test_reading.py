"""RFC 5322: what a reader of messages must make of them."""

import pytest

from posthouse.standards.imf.address import Group, Mailbox, parse_addresses
from posthouse.standards.imf.date import format_date, parse_date
from posthouse.standards.imf.header import parse_header
from posthouse.standards.imf.messageid import parse_message_ids


@pytest.mark.rfc(5322, "2.1", "MUST")
def test_the_body_is_separated_by_an_empty_line():
    header = parse_header(b"A: b\r\n\r\nC: d\r\n")
    assert header.names == ["a"]
    assert header.body_start == 8


@pytest.mark.rfc(5322, "2.2.3", "MUST")
def test_unfolding_removes_the_line_end_and_nothing_else():
    assert parse_header(b"Subject: This\r\n  is a test\r\n\r\n").first("subject") == b"This  is a test"


@pytest.mark.rfc(5322, "1.2.2", "MUST")
def test_field_names_do_not_depend_on_case():
    assert parse_header(b"SuBJeCt: x\r\n\r\n").first("subject") == b"x"


@pytest.mark.rfc(5322, "3.3", "MUST")
def test_a_date_is_written_with_a_four_digit_year_and_a_numeric_zone():
    assert format_date(880127706, -360) == b"Fri, 21 Nov 1997 09:55:06 -0600"


@pytest.mark.rfc(5322, "4.3", "MUST")
@pytest.mark.parametrize(
    ("octets", "year_seconds"),
    [(b"1 Jan 49 00:00 GMT", 2493072000), (b"1 Jan 50 00:00 GMT", -631152000), (b"1 Jan 100 00:00 GMT", 946684800)],
)
def test_short_years_are_read(octets, year_seconds):
    assert parse_date(octets).seconds == year_seconds


@pytest.mark.rfc(5322, "4.3", "SHOULD")
def test_unknown_zones_count_as_utc():
    assert parse_date(b"1 Jan 1970 00:00:00 A").seconds == 0


@pytest.mark.rfc(5322, "3.4", "MUST")
def test_groups_and_mailboxes():
    """The examples of appendix A.1.3."""
    assert parse_addresses(b"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;") == [
        Group(
            b"A Group",
            [
                Mailbox(b"Ed Jones", b"c", b"a.test"),
                Mailbox(b"", b"joe", b"where.test"),
                Mailbox(b"John", b"jdoe", b"one.test"),
            ],
        )
    ]
    assert parse_addresses(b"Undisclosed recipients:;") == [Group(b"Undisclosed recipients", [])]


@pytest.mark.rfc(5322, "3.2.2", "MUST")
def test_comments_may_stand_anywhere_and_nest():
    """The example of appendix A.5."""
    (one,) = parse_addresses(b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>")
    assert (one.name, one.local, one.domain) == (b"Pete", b"pete", b"silly.test")


@pytest.mark.rfc(5322, "4.4", "MUST")
def test_obsolete_routes_and_empty_members_are_read():
    """The example of appendix A.6.1."""
    found = parse_addresses(b"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example")
    assert [(one.local, one.domain) for one in found] == [(b"mary", b"example.net"), (b"jdoe", b"test.example")]


@pytest.mark.rfc(5322, "4.5", "MUST")
def test_blanks_before_the_colon_are_read():
    assert parse_header(b"Subject  : x\r\n\r\n").first("subject") == b"x"


@pytest.mark.rfc(5322, "3.6.4", "MUST")
def test_references_are_a_list_of_identifiers():
    assert parse_message_ids(b"<1234@local.test>\r\n <3456@example.net>") == ["1234@local.test", "3456@example.net"]
