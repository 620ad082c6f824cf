"""RFC 2046 section 5.1: delimiters and what lies between them."""

import pytest

from posthouse.standards.mime.structure import parse_structure

HEAD = b'Content-Type: multipart/mixed; boundary="gc0p4Jq0M:2Yt08jU534c0p"\r\n\r\n'


def bodies(octets):
    return [octets[part.body : part.end] for part in parse_structure(octets).parts]


@pytest.mark.rfc(2046, "5.1.1", "MUST")
def test_the_line_end_before_a_delimiter_belongs_to_it():
    octets = HEAD + b"--gc0p4Jq0M:2Yt08jU534c0p\r\n\r\na\r\n\r\n--gc0p4Jq0M:2Yt08jU534c0p--\r\n"
    assert bodies(octets) == [b"a\r\n"]


@pytest.mark.rfc(2046, "5.1.1", "MUST")
def test_a_delimiter_stands_at_the_beginning_of_a_line():
    octets = HEAD + b"--gc0p4Jq0M:2Yt08jU534c0p\r\n\r\na --gc0p4Jq0M:2Yt08jU534c0p\r\n--gc0p4Jq0M:2Yt08jU534c0p--"
    assert bodies(octets) == [b"a --gc0p4Jq0M:2Yt08jU534c0p"]


@pytest.mark.rfc(2046, "5.1.1", "MUST")
def test_blanks_behind_a_delimiter_are_passed_over():
    octets = HEAD + b"--gc0p4Jq0M:2Yt08jU534c0p \t \r\n\r\na\r\n--gc0p4Jq0M:2Yt08jU534c0p--  \r\n"
    assert bodies(octets) == [b"a"]


@pytest.mark.rfc(2046, "5.1.1", "MUST")
def test_preamble_and_epilogue_are_no_parts():
    octets = HEAD + b"preamble\r\n--gc0p4Jq0M:2Yt08jU534c0p\r\n\r\na\r\n--gc0p4Jq0M:2Yt08jU534c0p--\r\nepilogue\r\n"
    assert bodies(octets) == [b"a"]


@pytest.mark.rfc(2046, "5.1.1", "MUST")
def test_a_boundary_of_70_octets_is_taken_and_a_longer_one_is_not():
    for length, parts in ((70, 1), (71, 0)):
        boundary = b"b" * length
        octets = b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n\r\na\r\n--%b--" % ((boundary,) * 3)
        assert len(bodies(octets)) == parts


@pytest.mark.rfc(2046, "5.1.5", "MUST")
def test_in_a_digest_the_default_type_is_a_message():
    octets = b"Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: a\r\n\r\nb\r\n--x--"
    (part,) = parse_structure(octets).parts
    assert (part.type, part.subtype) == (b"message", b"rfc822")


@pytest.mark.rfc(2046, "5.1.2", "MUST")
def test_an_outer_delimiter_ends_an_inner_multipart():
    octets = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
        b"--i\r\n\r\na\r\n--o\r\n\r\nb\r\n--o--"
    )
    assert len(bodies(octets)) == 2
