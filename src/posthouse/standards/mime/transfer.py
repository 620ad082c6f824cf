"""Content-Transfer-Encoding: back to the octets that were meant (RFC 2045 section 6). Lenient, linear, never fails."""

import binascii
import re

from posthouse.standards.mime.encodedword import decode_base64_leniently

_TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
"""A run of blanks is looked at from its beginning only, or a long one that ends no line would cost its square."""
IDENTITY = frozenset({b"", b"7bit", b"8bit", b"binary"})


def decode_transfer(octets: bytes, encoding: bytes) -> bytes:
    """``octets`` decoded; an unknown encoding is given back as it is. The result is never longer than the input."""
    encoding = encoding.lower()
    if encoding == b"base64":
        return decode_base64_leniently(octets)
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(_TRAILING.sub(b"", octets))  # RFC 2045 section 6.7 rule 3
    return octets


def is_known(encoding: bytes) -> bool:
    """Whether ``decode_transfer`` can undo it."""
    return encoding.lower() in IDENTITY or encoding.lower() in {b"base64", b"quoted-printable"}
