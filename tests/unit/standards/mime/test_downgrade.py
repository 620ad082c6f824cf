"""8-bit content for servers of 7 bits: what is said stays the same, what is sealed stays untouched."""

import email
import email.policy

import pytest

from posthouse.standards.mime.downgrade import EIGHT_BITS, READERS, Unconvertible, convert, convert_to_7bit

HEAD = b"From: a@office.test\r\nMIME-Version: 1.0\r\n"


def read(octets: bytes):
    """The standard library as oracle: (type, decoded octets) of each leaf."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    return [(p.get_content_type(), p.get_payload(decode=True)) for p in message.walk() if not p.is_multipart()]


@pytest.mark.parametrize(
    "content",
    [
        HEAD
        + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n",
        HEAD
        + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
        + b"a long line of words = and more " * 40
        + b"\xc3\xbc \r\n.\r\n",
        HEAD
        + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\x00\x01\xff\r\n\n\r",
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nfor old readers\r\n"
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsch\xc3\xb6n\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"Subject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>\xc3\xa9</p>\r\n"
        b"--b--\r\n",
    ],
)
def test_the_parts_say_the_same_in_seven_bits(content):
    converted = convert_to_7bit(content)
    assert converted.isascii()
    assert b"\0" not in converted
    assert converted.count(b"\n") == converted.count(b"\r\n") == converted.count(b"\r")
    assert max(map(len, converted.split(b"\r\n"))) <= 998
    assert [kind for kind, _ in read(converted)] == [kind for kind, _ in read(content)]
    before, after = ([(payload or b"").rstrip(b"\r\n") for _, payload in read(one)] for one in (content, converted))
    if b"\x00" not in content:  # the oracle itself mends bare line ends of binary parts
        assert after == before
    assert b"8bit" not in converted
    assert b"binary" not in converted.partition(b"\r\n\r\n")[0]


def test_what_is_seven_bits_already_is_untouched():
    content = HEAD + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n--b--\r\n"
    assert convert_to_7bit(content) == content


def test_signed_parts_of_seven_bits_stay_as_they_are_beside_others():
    signed = (
        b"Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nsealed  \r\n--s\r\n\r\nsignature\r\n--s--\r\n"
    )
    content = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        + signed
        + b"--b\r\n\r\nsch\xc3\xb6n\r\n--b--\r\n"
    )
    assert signed in convert_to_7bit(content)


def test_a_letter_without_mime_gets_a_label():
    converted = convert_to_7bit(b"Subject: x\r\n\r\nsch\xf6n und gut, und noch viel mehr\r\n")
    assert b"MIME-Version: 1.0\r\n" in converted
    assert b"charset=unknown-8bit" in converted
    assert read(converted) == [("text/plain", b"sch\xf6n und gut, und noch viel mehr\r\n")]


@pytest.mark.parametrize(
    "content",
    [
        HEAD + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--b--\r\n",
        HEAD + b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--b--\r\n",
        b"Subject: \xe9\r\n\r\nx\r\n",
        HEAD + b"Content-Type: message/partial; id=x\r\n\r\n\xe9\r\n",
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n\xe9\r\n",
        HEAD + b"Content-Transfer-Encoding: x-unknown\r\n\r\n\xe9\r\n",
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\xe9\r\n--b\r\n\r\nx\r\n--b--\r\n",
        HEAD + b"Content-Type: multipart/mixed\r\n\r\n\xe9\r\n",
    ],
)
def test_what_would_break_is_not_touched(content):
    with pytest.raises(Unconvertible):
        convert_to_7bit(content)


# -- lines that are too long, and readers

TEXT = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n"
LONG = b"word \xc3\xbc " * 300


def fits(content: bytes) -> bool:
    return max(map(len, content.split(b"\r\n"))) <= 998


def test_a_text_in_long_lines_becomes_quoted_printable_and_says_the_same():
    content = TEXT + b"Content-Transfer-Encoding: 8bit\r\n\r\nshort\r\n" + LONG + b"\r\n"
    converted = convert(content, EIGHT_BITS)
    assert fits(converted)
    assert read(converted) == read(content)
    assert b"Content-Transfer-Encoding: quoted-printable" in converted or b"base64" in converted


def test_only_the_part_with_long_lines_is_touched():
    part = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsch\xc3\xb6n\r\n"
    head = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    content = head + part + b"--b\r\nContent-Type: text/html\r\n\r\n" + b"<p>words</p> " * 200 + b"\r\n--b--\r\n"
    converted = convert(content, EIGHT_BITS)
    assert converted.startswith(head + part)
    assert fits(converted)
    assert read(converted) == read(content)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_what_was_encoded_in_one_line_is_encoded_in_more(encoding):
    body = b"QUJD" * 800 if encoding == "base64" else b"=41=42=43 words " * 200 + b"end"
    content = TEXT + f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body + b"\r\n"
    converted = convert(content, EIGHT_BITS)
    assert fits(converted)
    assert read(converted) == read(content)


def test_long_header_lines_are_folded_where_they_have_a_blank():
    content = b"To: " + b", ".join(b"person%d@office.test" % n for n in range(200)) + b"\r\n" + TEXT + b"\r\nhi\r\n"
    converted = convert(content, EIGHT_BITS)
    assert fits(converted)
    assert converted.replace(b"\r\n ", b" ") == content


@pytest.mark.parametrize(
    "content",
    [
        b"X: " + b"y" * 2000 + b"\r\n" + TEXT + b"\r\nhi\r\n",
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"z" * 2000 + b"\r\n--b\r\n\r\nhi\r\n--b--\r\n",
        HEAD + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" + b"z" * 2000 + b"\r\n--b--\r\n",
        HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n" + b"z" * 2000 + b"\r\n",
    ],
)
def test_long_lines_that_cannot_be_mended_make_nothing_unconvertible(content):
    """RFC 5321 section 4.5.3.1: a client may try."""
    assert convert(content, EIGHT_BITS).replace(b"\r\n y", b" y") == content


def test_a_header_of_blanks_stays_a_header():
    content = b"X: a" + b" " * 3000 + b"b\r\n" + TEXT + b"\r\nhi\r\n"
    converted = convert(content, EIGHT_BITS)
    assert b"\r\n\r\n" not in converted.partition(b"hi")[0].replace(b"\r\n\r\nhi", b"")[:-4]
    assert all(line.strip(b" ") for line in converted.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_readers_get_binary_parts_encoded_and_all_others_as_they_are():
    part = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nsch\xc3\xb6n\r\n"
    head = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n"
    label = b"Content-Transfer-Encoding: binary\r\n"
    binary = bytes(range(256)) * 20
    image = b"--b\r\nContent-Type: image/png\r\n" + label + b"\r\n" + binary + b"\r\n--b--\r\n"
    converted = convert(head + label + b"\r\n" + part + image, READERS)
    assert converted.startswith(head + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + part)
    assert read(converted)[1] == ("image/png", binary)
    assert b"\0" not in converted
    assert convert(converted, READERS) == converted


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: a\0b\r\n\r\nhi\r\n",
        b"Subject: a\rb\r\n\r\nhi\r\n",
        HEAD + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0\r\n--b--\r\n",
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\0\r\n--b\r\n\r\nhi\r\n--b--\r\n",
        HEAD + b"Content-Type: message/partial\r\n\r\n\0\r\n",
    ],
)
def test_what_readers_cannot_be_given_is_said_to_be_so(content):
    with pytest.raises(Unconvertible):
        convert(content, READERS)
