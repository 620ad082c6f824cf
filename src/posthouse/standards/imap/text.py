"""Strings on the wire: quoted, literal, mailbox names (RFC 9051 section 4.3, RFC 3501 section 5.1.3)."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error

QUOTABLE = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]*")
"""What may stand between quotes as it is: TEXT-CHAR without quote, backslash and controls."""
MAX_QUOTED = 1024
"""A longer string goes out as a literal; some clients have small line buffers."""
_ATOM = re.compile(rb"[\x21\x23\x24\x26\x27\x2b-\x5b\x5d-\x7a\x7c\x7e]+")
_ESCAPE = re.compile(rb'["\\]')
_NOT_DIRECT = re.compile(r"[^\x20-\x7e]+|&")
_SHIFTED = re.compile(r"&([^&-]*)-")


def format_string(octets: bytes) -> bytes:
    """``string``: quoted where US-ASCII without controls allows it, a literal otherwise."""
    if len(octets) <= MAX_QUOTED:
        if QUOTABLE.fullmatch(octets):
            return b'"%b"' % octets
        if octets.isascii() and not _has_controls(octets):
            return b'"%b"' % _ESCAPE.sub(rb"\\\g<0>", octets)
    if b"\x00" in octets:
        octets = octets.replace(b"\x00", b"\x80")  # RFC 9051 section 4.3: no NUL in a literal
    return b"{%d}\r\n%b" % (len(octets), octets)


def format_nstring(octets: bytes | None) -> bytes:
    """``nstring``: NIL for what does not exist."""
    return b"NIL" if octets is None else format_string(octets)


def format_astring(octets: bytes) -> bytes:
    """``astring``: an atom where that is allowed."""
    return octets if _ATOM.fullmatch(octets) and octets.upper() != b"NIL" else format_string(octets)


def format_text(text: str, *, utf8: bool) -> bytes:
    """A string for people: quoted UTF-8 once the client has enabled it (RFC 9051 section 4.3), else as octets are."""
    octets = text.encode("utf-8", "replace")
    if utf8 and len(octets) <= MAX_QUOTED and not _has_controls(octets):
        return b'"%b"' % _ESCAPE.sub(rb"\\\g<0>", octets)
    return format_string(octets)


def format_mailbox(name: str, *, utf8: bool) -> bytes:
    """A mailbox name: UTF-8 once enabled, modified UTF-7 before (RFC 3501 section 5.1.3)."""
    return format_text(name, utf8=True) if utf8 else format_string(encode_utf7(name).encode("ascii"))


def encode_utf7(name: str) -> str:
    """Modified UTF-7 (RFC 3501 section 5.1.3)."""
    return _NOT_DIRECT.sub(_shift, name)


def decode_utf7(text: str) -> str:
    """Modified UTF-7 back to a name; only the one canonical spelling passes. Raises ``ValueError``."""
    name = _SHIFTED.sub(_unshift, text)
    if encode_utf7(name) != text:
        raise ValueError("not modified UTF-7")
    return name


def _shift(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&-"
    encoded = b64encode(found[0].encode("utf-16-be", "surrogatepass")).decode("ascii")
    return "&" + encoded.rstrip("=").replace("/", ",") + "-"


def _unshift(found: re.Match[str]) -> str:
    if not found[1]:
        return "&"
    padded = found[1].replace(",", "/") + "=" * (-len(found[1]) % 4)
    try:
        return b64decode(padded, validate=True).decode("utf-16-be")
    except (Base64Error, UnicodeDecodeError) as error:
        raise ValueError("not modified UTF-7") from error


_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def _has_controls(octets: bytes) -> bool:
    return _CONTROL.search(octets) is not None
