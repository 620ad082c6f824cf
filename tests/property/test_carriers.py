"""Laws of conversion: what comes out can be carried, says the same, and is left alone the second time."""

import email
import email.policy

from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.mime.downgrade import EIGHT_BITS, READERS, SEVEN_BITS, Unconvertible, convert
from posthouse.standards.mime.structure import parse_structure
from posthouse.standards.mime.transfer import decode_transfer

LINES = st.sampled_from([
    b"--b", b"--b--", b"--c", b"--c--", b"", b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: multipart/signed; boundary=c", b"Content-Type: text/plain; charset=utf-8",
    b"Content-Type: image/png", b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: binary",
    b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: base64", b"QUJD" * 400,
    b"Content-Transfer-Encoding: quoted-printable", b"=41 " * 400, b"X: " + b"word " * 400, b"\xff\x00\r", b"\n",
    b"\xc3\xbc" * 600, b"text", b" ", b"Content-Type: multipart/mixed; boundary=c", b".", b"x" * 1200,
])  # fmt: skip
SOUP = st.one_of(st.lists(LINES, max_size=30).map(b"\r\n".join), st.binary(max_size=300))
CARRIERS = st.sampled_from([SEVEN_BITS, EIGHT_BITS, READERS])


@given(SOUP, CARRIERS)
def test_what_comes_out_can_be_carried_and_stays(octets, carrier):
    try:
        converted = convert(octets, carrier)
    except Unconvertible:
        assert not carrier.takes(octets)
        return
    assert carrier.takes(converted)
    assert convert(converted, carrier) == converted
    if carrier.takes(octets) and carrier.long_lines:
        assert len(converted) <= len(octets) + 100


def leaves(octets: bytes) -> list[bytes]:
    found, waiting = [], [parse_structure(octets)]
    while waiting:
        part = waiting.pop()
        waiting += part.parts
        if not part.parts:
            found.append(decode_transfer(octets[part.body : part.end], part.encoding))
    return found


@given(SOUP)
def test_readers_get_the_octets_that_were_sent(octets):
    try:
        converted = convert(octets, READERS)
    except Unconvertible:
        return
    assert leaves(converted) == leaves(octets)
    assert email.message_from_bytes(converted, policy=email.policy.default) is not None
