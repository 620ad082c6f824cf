"""BODY and BODYSTRUCTURE from part trees."""

import pytest

from posthouse.standards.imap.bodystructure import format_bodystructure
from posthouse.standards.mime.structure import Part, parse_structure


def structure(octets, *, extended=True):
    return format_bodystructure(parse_structure(octets.replace(b"\n", b"\r\n")), extended=extended)


def test_simple_text():
    assert structure(b"A: b\n\nabcd\n", extended=False) == b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1)'
    assert structure(b"A: b\n\nabcd\n").endswith(b"6 1 NIL NIL NIL NIL)")


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("text/plain", '("charset" "us-ascii")'),
        ("text/plain; format=flowed", '("format" "flowed" "charset" "us-ascii")'),
        ("text/plain; charset=utf-8", '("charset" "utf-8")'),
        ("text/html", "NIL"),
    ],
)
def test_plain_text_without_a_charset_is_ascii(field, shown):
    """RFC 2046 section 4.1.2; nothing is known of other text."""
    octets = f"Content-Type: {field}\n\nx\n".encode()
    assert f'{field[5:].partition(";")[0]}" {shown} NIL NIL "7bit"'.encode() in structure(octets)


@pytest.mark.rfc(9051, "7.5.2", "SHOULD")
def test_continued_parameters_are_shown_in_one():
    octets = b"Content-Type: image/png; name*0=a; size=3; name*1=\"b c\"\nContent-Disposition: inline; filename*1=d; filename*0*=utf-8''%C3%A4\n\nx\n"
    assert b'("name" "ab c" "size" "3")' in structure(octets)
    assert b'("filename*" "utf-8\'\'%C3%A4d")' in structure(octets)


def test_multipart_with_attachment():
    octets = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x\nContent-Type: image/png; name="a\\"b"\n'
        b"Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=c\nContent-Language: de, en\n\nAAAA\n--x--\n"
    )
    text = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 2 0'
    image = b'("image" "png" ("name" "a\\"b") NIL NIL "base64" 4'
    assert b"(" + text + b")" + image + b') "mixed")' == structure(octets, extended=False)
    extended = (
        b"(" + text + b" NIL NIL NIL NIL)" + image
        + b' NIL ("attachment" ("filename" "c")) ("de" "en") NIL) "mixed" ("boundary" "x") NIL NIL NIL)'
    )  # fmt: skip
    assert extended == structure(octets)


def test_message_inside():
    inner = Part(0, 10, 20, lines=2)
    outer = Part(0, 0, 30, lines=3, type=b"message", subtype=b"rfc822", parts=[inner], envelope=b"(ENVELOPE)")
    expected = (
        b'("message" "rfc822" NIL NIL NIL "7bit" 30 (ENVELOPE)'
        b' ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2) 3)'
    )
    assert expected == format_bodystructure(outer, extended=False)


def test_what_was_not_looked_into_is_opaque():
    """A client would wait for an envelope."""
    part = Part(0, 0, 3, type=b"message", subtype=b"rfc822")
    assert format_bodystructure(part, extended=False).startswith(b'("application" "octet-stream" ')


def test_values_cannot_leave_their_string():
    part = Part(0, 0, 3, description=b'a"\r\nb', location=b"\xff)")
    assert format_bodystructure(part, extended=True) == (
        b'("text" "plain" ("charset" "us-ascii") NIL {5}\r\na"\r\nb "7bit" 3 0 NIL NIL NIL {2}\r\n\xff))'
    )
