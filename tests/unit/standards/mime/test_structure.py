"""The part tree shows where each part is; whoever builds a bomb gets one opaque part."""

import pytest

from posthouse.standards.mime.structure import parse_structure

MIXED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=AB\r\n\r\n"
    b"preamble --AB\r\n"
    b"--AB\r\n\r\nfirst\r\n"
    b"--ABC not this one\r\n"
    b"--AB \r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: Quoted-Printable\r\n"
    b"Content-Disposition: attachment; filename=x\r\n\r\n<b>second</b>\r\n\r\n"
    b"--AB\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello\r\n"
    b"--AB--\r\nepilogue\r\n--AB\r\n\r\nno part"
)


def test_a_letter_without_mime_is_plain_text():
    part = parse_structure(b"Subject: x\r\n\r\none\r\ntwo\r\n")
    assert (part.type, part.subtype, part.lines, part.size) == (b"text", b"plain", 2, 10)
    assert part.parameters == ((b"charset", b"us-ascii"),)


def test_a_multipart_shows_its_parts_where_they_are():
    top = parse_structure(MIXED)
    assert [(p.type, p.subtype) for p in top.parts] == [
        (b"text", b"plain"),
        (b"text", b"html"),
        (b"message", b"rfc822"),
    ]
    first, second, third = top.parts
    assert MIXED[first.body : first.end] == b"first\r\n--ABC not this one"
    assert MIXED[second.body : second.end] == b"<b>second</b>\r\n"
    assert (second.encoding, second.lines) == (b"quoted-printable", 1)
    assert (second.disposition, second.disposition_parameters) == (b"attachment", ((b"filename", b"x"),))
    assert MIXED[third.body : third.end] == b"Subject: inner\r\n\r\nhello"
    assert MIXED[third.parts[0].body : third.parts[0].end] == b"hello"
    assert MIXED[second.header : second.body].startswith(b"Content-Type: text/html")


def test_parts_of_a_digest_are_messages():
    top = parse_structure(
        b"Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: a\r\n\r\nb\r\n--x--\r\n"
    )
    assert top.parts[0].is_message


def test_an_unfinished_multipart_ends_with_the_message():
    octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nabc"
    (part,) = parse_structure(octets).parts
    assert octets[part.body : part.end] == b"abc"


def test_an_inner_multipart_cannot_reach_beyond_its_own():
    octets = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
        b"--i\r\n\r\ninner\r\n--o\r\n\r\nouter\r\n--i\r\n\r\nnot inner\r\n--o--\r\n"
    )
    inner, outer = parse_structure(octets).parts
    assert [octets[p.body : p.end] for p in inner.parts] == [b"inner"]
    assert octets[outer.body : outer.end] == b"outer\r\n--i\r\n\r\nnot inner"


def test_a_multipart_without_parts_shows_an_empty_one():
    top = parse_structure(b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing")
    assert [part.size for part in top.parts] == [0]


@pytest.mark.parametrize("boundary", [b"", b"; boundary=", b"; boundary=" + b"b" * 71, b"; boundary=" + b"b" * 10_000])
def test_a_multipart_without_a_proper_boundary_is_opaque(boundary):
    top = parse_structure(b"Content-Type: multipart/mixed" + boundary + b"\r\n\r\n--x\r\n\r\na\r\n--x--\r\n")
    assert (top.type, top.subtype) == (b"application", b"octet-stream")


@pytest.mark.parametrize("depth", [1, 31, 32, 33, 500, 20_000])
def test_depth_is_bounded(depth):
    """Threat M01: what is deeper than L9 is one opaque part."""
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%05d\r\n\r\n--b%05d\r\n" % (n, n) for n in range(depth)
    )
    levels = 0
    part = parse_structure(nested + b"\r\nhello\r\n")
    while part.parts:
        part = part.parts[0]
        levels += 1
    assert levels == min(depth, 31)
    assert part.type == (b"text" if depth <= 31 else b"application")


def test_messages_in_messages_are_bounded_too():
    part = parse_structure(b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + b"Subject: x\r\n\r\nend")
    levels = 0
    while part.parts:
        part = part.parts[0]
        levels += 1
    assert levels == 31


def test_the_number_of_parts_is_bounded():
    """Threat M02: the last part takes in the rest."""
    octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\na\r\n" * 5000 + b"--x--\r\n"
    top = parse_structure(octets)
    assert len(top.parts) == 999
    assert top.parts[-1].end == len(octets)


def test_decoys_are_looked_at_only_so_often():
    """Lines that only begin like the delimiter: half a million would take a minute of looking."""
    octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--xy\r\n" * 20_000 + b"--x\r\n\r\na\r\n--x--\r\n"
    assert [part.size for part in parse_structure(octets).parts] == [0]


@pytest.mark.parametrize("value", [b"", b"text", b"foo", b"/", b"text/", b";", b"a/b/c", b"\xff/\xff", b'"text/plain"'])
def test_a_strange_content_type_is_still_a_part(value):
    part = parse_structure(b"Content-Type: " + value + b"\r\n\r\nx")
    assert part.type
    assert part.subtype


def test_a_part_says_what_it_is_without_mime_version_too():
    """Some programs forget the version; a reader still wants the name of the file."""
    top = parse_structure(b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=x.pdf\r\n\r\nx")
    assert (top.disposition, top.disposition_parameters) == (b"attachment", ((b"filename", b"x.pdf"),))


@pytest.mark.parametrize("value", [b"base64 (as always)", b"(c) BASE64", b" base64 ; x=y"])
def test_a_comment_is_no_part_of_an_encoding(value):
    """RFC 2045 section 6.1: a mechanism is a token, and comments may stand beside it."""
    assert parse_structure(b"Content-Transfer-Encoding: " + value + b"\r\n\r\nQQ==").encoding == b"base64"
