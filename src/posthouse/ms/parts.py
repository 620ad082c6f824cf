"""Where the parts of a stored message are, as pieces to send: nothing is read that is not sent.

Part numbers are those of RFC 9051 section 6.4.5.1. A span is in the
coordinates of the structure (``ms.describe``): octets of the blob; the header
of the whole message has the prefix before it.
"""

from collections.abc import Sequence

import msgspec

from posthouse.lib.sansio import Piece, Slice
from posthouse.mail.content import Content
from posthouse.mail.ids import BlobId
from posthouse.ms.describe import describe, structure_of
from posthouse.standards.imf.header import HEADER_OCTETS, Header, parse_header
from posthouse.standards.mime.structure import Part
from posthouse.storage.mailbox import Stored
from posthouse.storage.ports import Blobs

LOOK_OCTETS = 1024 * 1024
"""How much of a message without facts is looked at to make some."""


async def structure(blobs: Blobs, stored: Stored) -> Part:
    """The part tree; worked out again from the beginning of the content if none was stored."""
    try:
        return structure_of(stored.facts)
    except msgspec.DecodeError:
        octets = await blobs.read(stored.content.blob.blob_id, 0, LOOK_OCTETS)
        top = structure_of(describe(stored.content.prefix, octets))
        top.end = stored.content.blob.size
        return top


def find_part(top: Part, numbers: Sequence[int]) -> Part | None:
    """The part that ``numbers`` name: ``(1, 2)`` is ``1.2``; empty is the message itself."""
    part = top
    for depth, number in enumerate(numbers):
        holder = part.parts[0] if part.is_message and depth else part
        if holder.is_multipart and holder.parts:
            if not 1 <= number <= len(holder.parts):
                return None
            part = holder.parts[number - 1]
        elif number == 1 and (depth == 0 or part.is_message):
            part = holder
        else:
            return None
    return part


def message_in(top: Part, numbers: Sequence[int]) -> Part | None:
    """The message whose HEADER or TEXT ``numbers`` ask for: the whole one, or one inside a ``message/rfc822``."""
    if not numbers:
        return top
    part = find_part(top, numbers)
    return part.parts[0] if part is not None and part.is_message else None


def header_pieces(content: Content, part: Part, top: Part) -> list[Piece]:
    """The header of ``part`` with its empty line."""
    pieces: list[Piece] = [content.prefix] if part is top and content.prefix else []
    return pieces + span(content, part.header, part.body)


def span(content: Content, start: int, end: int) -> list[Piece]:
    """Octets of the blob."""
    return [Slice(content.blob.blob_id, start, end - start)] if end > start else []


def cut(pieces: Sequence[Piece], first: int, most: int) -> list[Piece]:
    """The ``most`` octets of ``pieces`` from ``first`` on; none when that is beyond them."""
    found: list[Piece] = []
    for piece in pieces:
        length = piece.length if isinstance(piece, Slice) else len(piece)
        if most <= 0:
            break
        if first >= length:
            first -= length
            continue
        taken = min(most, length - first)
        if isinstance(piece, Slice):
            found.append(Slice(piece.blob, piece.start + first, taken))
        else:
            found.append(piece[first : first + taken])
        most -= taken
        first = 0
    return found


async def read_header(blobs: Blobs, content: Content, part: Part, top: Part) -> Header:
    """The parsed header of ``part``; of a larger one than L4 only its beginning."""
    length = min(part.body - part.header, HEADER_OCTETS + 2)
    octets = await blobs.read(content.blob.blob_id, part.header, length) if length > 0 else b""
    return parse_header(content.prefix + octets if part is top else octets)


async def read_pieces(blobs: Blobs, pieces: Sequence[Piece], most: int) -> bytes:
    """The octets of ``pieces`` together, at most ``most``: for what must be decoded before it is sent."""
    found = bytearray()
    for piece in cut(pieces, 0, most):
        if isinstance(piece, Slice):
            at, end = piece.start, piece.start + piece.length
            while at < end:
                octets = await blobs.read(BlobId(piece.blob), at, min(LOOK_OCTETS, end - at))
                if not octets:
                    break
                found += octets
                at += len(octets)
        else:
            found += piece
    return bytes(found)
