"""What readers need of a message again and again, worked out once when it is filed.

Offsets in the structure count from the beginning of the *blob*, so one
``Facts`` serves every recipient, whatever lines of ours stand before his copy;
the header of the whole message is prefix plus ``blob[:body]``.
"""

import msgspec

from posthouse.standards.imap.envelope import format_envelope
from posthouse.standards.imf.address import MOST_ADDRESSES
from posthouse.standards.imf.date import parse_date
from posthouse.standards.imf.header import Header, find_seam, parse_header
from posthouse.standards.imf.messageid import parse_message_id, parse_message_ids
from posthouse.standards.imf.subject import base_subject
from posthouse.standards.mime.encodedword import decode_words
from posthouse.standards.mime.preview import preview_text
from posthouse.standards.mime.structure import Part, parse_single, parse_structure
from posthouse.storage.mailbox import Facts

THREAD_KEYS = 50
SUBJECT_CHARACTERS = 200
ENOUGH_OCTETS = 32 * 1024
"""Of a body, to take its preview from."""
LEAST_ADDRESSES = 20
"""Of each message inside, however many there are."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Part)


def describe(prefix: bytes, octets: bytes, known: Header | None = None, lines: int = -1) -> Facts:
    """Facts about the message ``prefix + octets``. Never fails, whatever the octets are; linear in their length.

    ``known`` is the header of ``octets``, if it has been parsed already, ``lines`` are their line ends, if they were
    counted.
    """
    header = _header_of(prefix, octets) if prefix else known or parse_header(octets)
    top = parse_structure(octets, header, lines=lines)
    if top.parts:
        _add_envelopes(octets, top)
    return _facts(header, top, octets)


def describe_beginning(prefix: bytes, beginning: bytes, size: int, lines: int) -> Facts | None:
    """The same about a message of ``size`` octets and ``lines`` line ends, from its ``beginning``.

    None if that is not enough: its header is not all there, or there are parts inside.
    """
    header = parse_header(beginning) if not prefix else _header_of(prefix, beginning)
    if header.body_start + ENOUGH_OCTETS > len(beginning):
        return None
    top = parse_single(beginning, header, size, lines)
    return _facts(header, top, beginning) if top is not None else None


def _facts(header: Header, top: Part, octets: bytes) -> Facts:
    message_id = parse_message_id(header.first("message-id") or b"") or ""
    return Facts(
        envelope=format_envelope(header),
        structure=_ENCODER.encode(top),
        message_id=message_id,
        thread_keys=_thread_keys(header, message_id),
        subject=base_subject(decode_words(header.first("subject") or b""))[:SUBJECT_CHARACTERS],
        preview=preview_text(octets, top),
        sent_at=_sent_at(header),
    )


def _header_of(prefix: bytes, octets: bytes) -> Header:
    """The fields of both, with the places that they have in ``octets`` alone."""
    end, body = find_seam(octets, 0, len(octets))
    header = parse_header(prefix + octets[:end])
    header.start, header.end, header.body_start = 0, end, body
    return header


def structure_of(facts: Facts) -> Part:
    """The part tree that ``describe`` stored. Raises ``msgspec.DecodeError`` for facts that it did not make."""
    return _DECODER.decode(facts.structure)


def _thread_keys(header: Header, message_id: str) -> tuple[str, ...]:
    """RFC 5256 section 2.2: own id, its parent's, and the references, the nearest kept when there are too many."""
    keys = [message_id] if message_id else []
    if "in-reply-to" in header:
        keys += parse_message_ids(header.first("in-reply-to") or b"", 5)
    if "references" in header:
        references = parse_message_ids(header.first("references") or b"")
        keys += references[:1] + references[:0:-1]
    return tuple(dict.fromkeys(keys))[:THREAD_KEYS]


def _sent_at(header: Header) -> int:
    value = header.first("date")
    if value is None:
        return 0
    try:
        return parse_date(value).seconds * 1000
    except ValueError:
        return 0


def _add_envelopes(octets: bytes, top: Part) -> None:
    """Give each message inside the message its envelope, which BODYSTRUCTURE shows; they share what L7 allows."""
    waiting, messages = [top], []
    while waiting:
        part = waiting.pop()
        if part.is_message:
            messages.append(part)
        waiting.extend(part.parts)
    for part in messages:
        inner = part.parts[0]
        header = parse_header(octets, inner.header, inner.end)
        part.envelope = format_envelope(header, max(LEAST_ADDRESSES, MOST_ADDRESSES // len(messages)))
