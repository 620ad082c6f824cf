"""ENVELOPE as it is sent (RFC 9051 section 7.5.2), from a parsed header."""

from collections.abc import Sequence

from posthouse.standards.imap.text import format_nstring, format_string
from posthouse.standards.imf.address import MOST_ADDRESSES, Group, Mailbox, parse_addresses
from posthouse.standards.imf.header import Header


def format_envelope(header: Header) -> bytes:
    """The ten fields of ENVELOPE; Sender and Reply-To stand in for by From when absent (RFC 9051 section 7.5.2)."""
    author = _addresses(header, "from")
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        format_nstring(header.first("date")),
        format_nstring(header.first("subject")),
        author,
        _addresses(header, "sender") if "sender" in header else author,
        _addresses(header, "reply-to") if "reply-to" in header else author,
        _addresses(header, "to"),
        _addresses(header, "cc"),
        _addresses(header, "bcc"),
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


def _addresses(header: Header, name: str) -> bytes:
    values = header.all(name)
    if not values:
        return b"NIL"
    octets = values[0] if len(values) == 1 else b",".join(values)
    return format_addresses(parse_addresses(octets, MOST_ADDRESSES))


def _address(one: Mailbox) -> bytes:
    """A missing domain is the empty string: NIL would make it a group (RFC 9051 section 7.5.2)."""
    return b"(%b %b %b %b)" % (
        format_string(one.name) if one.name else b"NIL",
        format_string(one.route) if one.route else b"NIL",
        format_string(one.local),
        format_string(one.domain),
    )
