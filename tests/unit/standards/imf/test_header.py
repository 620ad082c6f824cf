"""The header section is what stands before the first empty line, and every reader sees the same fields in it."""

import pytest

from posthouse.standards.imf.header import parse_header

LETTER = (
    b"Received: from a.example\r\n\tby mx.office.test;\r\n\tSat, 21 Nov 2026 14:00:00 +0000\r\n"
    b"From: Alice <alice@example.com>\r\n"
    b"Subject: hello\r\n"
    b"RECEIVED: from b.example by a.example\r\n"
    b"\r\n"
    b"Body: not a field\r\n"
)


def test_fields_are_found_by_name_whatever_their_case():
    header = parse_header(LETTER)
    assert header.first("from") == b"Alice <alice@example.com>"
    assert header.count("received") == 2
    assert header.first("body") is None
    assert "subject" in header
    assert header.names == ["received", "from", "subject"]


def test_a_folded_value_is_unfolded_when_asked_for():
    assert (
        parse_header(LETTER).first("received") == b"from a.example\tby mx.office.test;\tSat, 21 Nov 2026 14:00:00 +0000"
    )
    assert len(parse_header(LETTER).all("received")) == 2


def test_fields_know_where_they_stand():
    for field in parse_header(LETTER).fields:
        raw = LETTER[field.start : field.end]
        assert raw.lower().startswith(field.name.encode() + b":")
        assert raw.endswith(b"\r\n")


def test_the_body_begins_behind_the_first_empty_line():
    header = parse_header(LETTER)
    assert LETTER[header.body_start :] == b"Body: not a field\r\n"
    assert header.octets + b"\r\n" == LETTER[: header.body_start]


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (b"", b""),
        (b"\r\nbody", b"body"),
        (b"\nbody", b"body"),
        (b"A: b", b""),
        (b"A: b\r\n", b""),
        (b"A: b\r\n\r\n", b""),
        (b"A: b\n\nbody", b"body"),
        (b"A: b\r\n\nbody", b"body"),
        (b"A: b\n\r\nbody", b"body"),
        (b"A: b\r\r\nC: d\r\n\r\nbody", b"body"),
        (b"A: b\r\n \r\nC: d\r\n\r\nbody", b"body"),
    ],
)
def test_only_an_empty_line_is_the_seam(octets, body):
    assert octets[parse_header(octets).body_start :] == body


def test_a_line_that_is_no_field_is_kept_as_garbage_and_ends_nothing():
    """A reader that took it for the body would see other fields than one that passed over it (threat D02)."""
    header = parse_header(b"From: a@b\r\nthis is no field\r\nTo: c@d\r\n\r\n")
    assert header.garbage == 1
    assert header.first("to") == b"c@d"
    assert [field.name for field in header.fields] == ["from", "", "to"]


def test_blanks_before_the_colon_do_not_hide_a_field():
    assert parse_header(b"From : a@b\r\n\r\n").first("from") == b"a@b"


def test_a_continuation_without_a_field_is_garbage():
    header = parse_header(b" From: evil@x\r\nFrom: good@y\r\n\r\n")
    assert header.garbage == 1
    assert header.all("from") == [b"good@y"]


def test_a_bare_carriage_return_ends_no_line():
    assert parse_header(b"A: b\rTo: c\r\n\r\n").first("to") is None


def test_too_many_fields_are_left_out_and_said_so():
    header = parse_header(b"A: b\r\n" * 1001 + b"\r\n")
    assert header.excess == "L6"
    assert header.count("a") == 1000


def test_a_header_that_is_too_long_is_cut_and_said_so():
    octets = (b"A: " + b"b" * 9000 + b"\r\n") * 40 + b"To: c@d\r\n\r\nbody"
    header = parse_header(octets)
    assert header.excess == "L4"
    assert header.count("a") == 29
    assert octets[header.body_start :] == b"body"


def test_a_field_that_is_too_long_is_cut_and_said_so():
    header = parse_header(b"A: " + b"b" * 40000 + b"\r\nTo: " + b"c" * 40000 + b"\r\n\r\n")
    assert header.excess == "L5"
    assert len(header.first("a")) < 32 * 1024 + 1
    assert len(header.first("to")) == 40000
