"""Mailbox names (RFC 9051 section 5.1): checked once, here, so that everything behind may trust them (threat I07)."""

import re
import unicodedata

from posthouse.standards.imap.text import decode_utf7

MAX_LEVEL_OCTETS = 255
MAX_DEPTH = 10
MAX_PATTERN_OCTETS = 1024
MAX_WIRE_OCTETS = 8192
"""What ten levels need in modified UTF-7; what is longer is not even decoded: normalizing is not linear."""
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff*%]")
"""Controls, wildcards, and what RFC 5198 section 2 takes out of Net-Unicode."""


class BadName(ValueError):
    """A name that no mailbox can have."""


def parse_mailbox_name(octets: bytes, *, utf8: bool, make: bool = False) -> str:
    """A mailbox name from the wire. ``make``: a trailing delimiter announces children (RFC 3501 section 6.3.3).

    Raises ``BadName``.
    """
    name = decode_name(octets, utf8=utf8)
    return check_name(name[:-1] if make and name.endswith("/") else name)


def decode_name(octets: bytes, *, utf8: bool) -> str:
    """Text of a name or pattern, unchecked but for its encoding, NFC. Raises ``BadName``."""
    if len(octets) > MAX_WIRE_OCTETS:
        raise BadName("Mailbox name is too long")
    try:
        text = octets.decode("utf-8") if utf8 else decode_utf7(octets.decode("ascii"))
    except ValueError as error:
        raise BadName("Mailbox name is not valid in this encoding") from error
    return unicodedata.normalize("NFC", text)


def check_name(name: str) -> str:
    """``name`` in canonical form: ``INBOX`` in capitals. Raises ``BadName``."""
    if _FORBIDDEN.search(name) or name.startswith(("~", "#")):
        raise BadName("Mailbox name has a character that is not allowed")
    levels = name.split("/")
    if len(levels) > MAX_DEPTH:
        raise BadName("Mailbox name has too many levels")
    for level in levels:
        if level in {"", ".", ".."} or len(level.encode("utf-8")) > MAX_LEVEL_OCTETS:
            raise BadName("Mailbox name has an empty, relative or too long level")
    if levels[0].isascii() and levels[0].upper() == "INBOX":  # a dotless i in capitals is I, and another name
        levels[0] = "INBOX"
    return "/".join(levels)
