"""Part numbers name what RFC 9051 section 6.4.5.1 says, and cutting pieces is cutting their octets."""

import pytest

from posthouse.lib.sansio import Slice
from posthouse.mail.content import Blob, Content
from posthouse.ms.parts import cut, find_part, header_pieces, message_in, span
from posthouse.standards.mime.structure import parse_structure

# The example of RFC 9051 section 6.4.5.1, in small.
MESSAGE = (
    b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\n\r\nI\r\n"
    b"--m\r\nContent-Type: application/octet-stream\r\n\r\nII\r\n"
    b"--m\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: three\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nIII.1\r\n--i\r\n\r\nIII.2\r\n--i--\r\n"
    b"\r\n--m\r\nContent-Type: multipart/mixed; boundary=j\r\n\r\n"
    b"--j\r\nContent-Type: image/gif\r\n\r\nIV.1\r\n"
    b"--j\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: four\r\nContent-Type: multipart/mixed; boundary=k\r\n\r\n"
    b"--k\r\n\r\nIV.2.1\r\n"
    b"--k\r\nContent-Type: multipart/alternative; boundary=l\r\n\r\n--l\r\n\r\nIV.2.2.1\r\n--l\r\n\r\nIV.2.2.2\r\n--l--\r\n"
    b"--k--\r\n--j--\r\n--m--\r\n"
)
TOP = parse_structure(MESSAGE)


@pytest.mark.parametrize(
    ("numbers", "octets"),
    [
        ((1,), b"I"),
        ((2,), b"II"),
        ((3, 1), b"III.1"),
        ((3, 2), b"III.2"),
        ((4, 1), b"IV.1"),
        ((4, 2, 1), b"IV.2.1"),
        ((4, 2, 2, 1), b"IV.2.2.1"),
        ((4, 2, 2, 2), b"IV.2.2.2"),
    ],
)
def test_the_example_of_the_standard(numbers, octets):
    part = find_part(TOP, numbers)
    assert MESSAGE[part.body : part.end] == octets


@pytest.mark.parametrize("numbers", [(0,), (5,), (1, 1), (2, 1), (3, 3), (4, 2, 2, 3), (4, 2, 2, 1, 1), (1,) * 50])
def test_what_does_not_exist(numbers):
    assert find_part(TOP, numbers) is None


def test_messages_inside_have_headers_of_their_own():
    inner = message_in(TOP, (3,))
    assert MESSAGE[inner.header : inner.body].startswith(b"Subject: three")
    assert message_in(TOP, ()) is TOP
    assert message_in(TOP, (1,)) is None
    assert message_in(TOP, (4,)) is None
    assert MESSAGE[message_in(TOP, (4, 2)).header :].startswith(b"Subject: four")


def test_a_simple_message_is_its_own_first_part():
    octets = b"Subject: x\r\n\r\nbody"
    top = parse_structure(octets)
    assert find_part(top, (1,)) is top
    assert find_part(top, (1, 1)) is None
    assert find_part(top, (2,)) is None


def test_a_message_that_is_only_a_message():
    octets = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody"
    top = parse_structure(octets)
    part = find_part(top, (1, 1))
    assert octets[part.body : part.end] == b"body"
    assert message_in(top, (1,)) is top.parts[0]


def test_the_prefix_belongs_to_the_header_of_the_whole_alone():
    content = Content(b"Delivered-To: a\r\n", Blob("b", len(MESSAGE)))
    assert header_pieces(content, TOP, TOP)[0] == b"Delivered-To: a\r\n"
    assert header_pieces(content, TOP.parts[1], TOP) == span(content, TOP.parts[1].header, TOP.parts[1].body)


def spell(pieces):
    octets = b"0123456789"
    return b"".join(one if isinstance(one, bytes) else octets[one.start : one.start + one.length] for one in pieces)


@pytest.mark.parametrize("first", range(15))
@pytest.mark.parametrize("most", range(15))
def test_cutting(first, most):
    pieces = [b"abc", Slice("b", 2, 5), b"xyz"]
    assert spell(cut(pieces, first, most)) == b"abc23456xyz"[first : first + most]
