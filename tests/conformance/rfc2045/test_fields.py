"""RFC 2045: types, encodings and what holds when nothing is said."""

import pytest

from posthouse.standards.mime.parameters import parse_parameters
from posthouse.standards.mime.structure import parse_structure
from posthouse.standards.mime.transfer import decode_transfer


@pytest.mark.rfc(2045, "5.2", "MUST")
def test_without_a_type_it_is_plain_text_in_ascii():
    part = parse_structure(b"Subject: x\r\n\r\ny")
    assert (part.type, part.subtype, part.parameters) == (b"text", b"plain", ((b"charset", b"us-ascii"),))


@pytest.mark.rfc(2045, "5.1", "MUST")
def test_types_and_names_do_not_depend_on_case_and_comments_count_for_nothing():
    plain = parse_parameters(b"text/plain; charset=us-ascii (Plain text)")
    assert plain == (b"text/plain", ((b"charset", b"us-ascii"),))
    assert parse_parameters(b'TEXT/Plain; CHARSET="us-ascii"') == plain


@pytest.mark.rfc(2045, "6.1", "MUST")
def test_without_an_encoding_it_is_7bit():
    assert parse_structure(b"\r\nx").encoding == b"7bit"


@pytest.mark.rfc(2045, "6.7", "MUST")
@pytest.mark.parametrize(
    ("octets", "expected"),
    [(b"=3D=3d", b"=="), (b"a=\r\nb", b"ab"), (b"a \t\r\nb", b"a\r\nb"), (b"a= \r\nb", b"ab"), (b"a=XY", b"a=XY")],
)
def test_quoted_printable(octets, expected):
    assert decode_transfer(octets, b"quoted-printable") == expected


@pytest.mark.rfc(2045, "6.8", "MUST")
def test_foreign_characters_in_base64_are_passed_over():
    assert decode_transfer(b"aG\r\nVs*bG8=", b"base64") == b"hello"
