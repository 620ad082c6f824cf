"""ENVELOPE as it is sent (RFC 9051 section 7.5.2), from a parsed header."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from posthouse.standards.imap.text import format_nstring, format_string
from posthouse.standards.imf.address import MOST_ADDRESSES, Group, Mailbox, parse_addresses
from posthouse.standards.imf.header import Header

SHORT_OCTETS: Final = 160
"""Of the addresses in one field; there cannot be more of them than octets."""


def format_envelope(header: Header, most: int = MOST_ADDRESSES) -> bytes:
    """The ten fields of ENVELOPE with at most ``most`` addresses (L7).

    From stands in for Sender and Reply-To when they are absent (RFC 9051 section 7.5.2).
    """
    author, left = _addresses(header, "from", most)
    others = {"sender": author, "reply-to": author, "to": b"NIL", "cc": b"NIL", "bcc": b"NIL"}
    for name in others:  # L7 counts the addresses of all fields together
        if name in header:
            told, left = _addresses(header, name, left)
            if told != b"NIL":  # a Sender or Reply-To that is empty is the author (RFC 9051 section 7.5.2)
                others[name] = told
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        format_nstring(header.first("date")),
        format_nstring(header.first("subject")),
        author,
        *others.values(),
        format_nstring(header.first("in-reply-to")),
        format_nstring(header.first("message-id")),
    )


def format_addresses(found: Sequence[Mailbox | Group]) -> bytes:
    """A list of addresses; a group stands between a start and an end marker. NIL for none."""
    pieces: list[bytes] = []
    for one in found:
        if isinstance(one, Mailbox):
            pieces.append(_address(one))
        else:
            pieces.append(b"(NIL NIL %b NIL)" % format_string(one.name))
            pieces.extend(map(_address, one.members))
            pieces.append(b"(NIL NIL NIL NIL)")
    return b"(" + b"".join(pieces) + b")" if pieces else b"NIL"


def _addresses(header: Header, name: str, left: int) -> tuple[bytes, int]:
    """The addresses of all fields called ``name``, at most ``left``, and how many may still come."""
    values = header.all(name)
    if not values or left <= 0:
        return b"NIL", left
    value = values[0] if len(values) == 1 else b",".join(values)
    if len(value) <= SHORT_OCTETS <= left:
        told, count = _few(value)
        return told, left - count
    found = parse_addresses(value, left)
    return format_addresses(found), left - len(found)


@lru_cache(1024)
def _few(value: bytes) -> tuple[bytes, int]:
    """Kept, because who writes to us and to whom is nearly always the same; half a MiB at most."""
    found = parse_addresses(value)
    return format_addresses(found), len(found)


def _address(one: Mailbox) -> bytes:
    """A missing domain is the empty string: NIL would make it a group (RFC 9051 section 7.5.2)."""
    return b"(%b %b %b %b)" % (
        format_string(one.name) if one.name else b"NIL",
        format_string(one.route) if one.route else b"NIL",
        format_string(one.local),
        format_string(one.domain),
    )
