"""8-bit content for servers of 7 bits: what is said stays the same, what is sealed stays untouched."""

import email
import email.policy

import pytest

from posthouse.standards.mime.downgrade import Unconvertible, convert_to_7bit

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
