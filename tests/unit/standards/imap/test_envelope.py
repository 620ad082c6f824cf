"""ENVELOPE: who stands in for whom."""

import pytest

from posthouse.standards.imap.envelope import format_envelope
from posthouse.standards.imf.header import parse_header

BOB = b'((NIL NIL "bob" "b.test"))'


@pytest.mark.parametrize("value", [b"", b"  ", b"<>", b" \r\n \r\n"])
@pytest.mark.parametrize("name", [b"Sender", b"Reply-To"])
def test_the_author_stands_in_for_a_field_that_is_there_but_empty(name, value):
    """RFC 9051 section 7.5.2."""
    header = parse_header(b"From: bob@b.test\r\n" + name + b":" + value + b"\r\n\r\n")
    assert format_envelope(header) == b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (BOB, BOB, BOB)


def test_nobody_stands_in_for_those_it_was_for():
    header = parse_header(b"From: bob@b.test\r\nTo: \r\nCc: <>\r\n\r\n")
    assert format_envelope(header) == b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (BOB, BOB, BOB)


@pytest.mark.parametrize("most", [80, 81, 160, 200, 240, 250])
def test_the_addresses_of_all_fields_count_together(most):
    """Limit L7, whether a field is long or short and known already."""
    eighty = b",".join([b"a"] * 80)
    header = parse_header(b"To: %b\r\nCc: %b\r\nBcc: %b\r\n\r\n" % (eighty, eighty, eighty))
    for _ in range(2):
        assert format_envelope(header, most).count(b'"a"') == min(most, 240)
