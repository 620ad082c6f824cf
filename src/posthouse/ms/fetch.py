"""What reading a message takes: the rows it needs, and its sections as pieces of the content."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from posthouse.lib.sansio import Piece
from posthouse.mail.ids import AccountId, MailboxId, Uid
from posthouse.ms.large import here_or_apart
from posthouse.ms.parts import find_part, header_pieces, message_in, read_header, read_pieces, span, structure
from posthouse.standards.imap.envelope import format_envelope
from posthouse.standards.imf.header import Header
from posthouse.standards.mime.structure import Part
from posthouse.standards.mime.transfer import IDENTITY, decode_transfer, is_known
from posthouse.storage.mailbox import Stored
from posthouse.storage.ports import Blobs, Store

BATCH = 50
"""Rows read at a time: one trip to the engine for all of them, and little is lost when the reader goes away."""
DECODED_OCTETS = 32 * 1024 * 1024
"""The largest part that is decoded for a reader; a larger one he must decode himself."""


ANY_OCTETS = 1024 * 1024
"""So much in memory is nobody's trouble, however small the message."""


class TooMuch(ValueError):
    """More than there is of the message is asked for at once, in pieces that overlap."""


class Undecodable(ValueError):
    """The part's transfer encoding is unknown, or it is too large to be decoded here (RFC 3516 section 4.3)."""


@dataclass(slots=True)
class Letter:
    """One stored message being read. What several sections need is looked up once."""

    blobs: Blobs
    stored: Stored
    _top: Part | None = None
    _headers: dict[int, Header] = field(default_factory=dict)
    _decoded: dict[int, bytes] = field(default_factory=dict)
    """Parts by where they begin, each once whatever is asked of it: together they are no larger than the message."""
    _given: int = 0

    async def top(self) -> Part:
        """Its part tree."""
        if self._top is None:
            self._top = await structure(self.blobs, self.stored)
        return self._top

    async def envelope(self) -> bytes:
        """Its ENVELOPE; worked out again if none was stored."""
        if self.stored.facts.envelope:
            return self.stored.facts.envelope
        top = await self.top()
        return format_envelope(await read_header(self.blobs, self.stored.content, top, top))

    async def whole(self) -> list[Piece]:
        content = self.stored.content
        prefix: list[Piece] = [content.prefix] if content.prefix else []
        return prefix + span(content, 0, content.blob.size)

    async def part(self, numbers: Sequence[int]) -> list[Piece] | None:
        """The body of a part, encoded as it is; None if there is no such part."""
        if not numbers:
            return await self.whole()
        part = find_part(await self.top(), numbers)
        return span(self.stored.content, part.body, part.end) if part is not None else None

    async def mime_header(self, numbers: Sequence[int]) -> list[Piece] | None:
        """The MIME header of a part."""
        top = await self.top()
        part = find_part(top, numbers)
        return header_pieces(self.stored.content, part, top) if part is not None else None

    async def header(self, numbers: Sequence[int]) -> list[Piece] | None:
        """The header of the message, or of one inside it."""
        top = await self.top()
        part = message_in(top, numbers)
        return header_pieces(self.stored.content, part, top) if part is not None else None

    async def text(self, numbers: Sequence[int]) -> list[Piece] | None:
        """All that follows the header of the message, or of one inside it."""
        part = message_in(await self.top(), numbers)
        return span(self.stored.content, part.body, part.end) if part is not None else None

    async def fields(self, numbers: Sequence[int], names: frozenset[bytes], *, wanted: bool) -> list[Piece] | None:
        """Those header fields that are named (or those that are not), as they stand, and an empty line."""
        top = await self.top()
        part = message_in(top, numbers)
        if part is None:
            return None
        header = self._headers.get(part.header)
        if header is None:
            header = self._headers[part.header] = await read_header(self.blobs, self.stored.content, part, top)
        octets = header.octets
        kept = [
            octets[one.start - header.start : one.end - header.start]
            for one in header.fields
            if (one.name.encode() in names) is wanted
        ]
        return [b"".join([*kept, b"\r\n"])]

    async def decoded(self, numbers: Sequence[int]) -> list[Piece] | None:
        """A part with its transfer encoding undone (RFC 3516). Raises ``Undecodable``."""
        if not numbers:
            return await self.whole()
        part = find_part(await self.top(), numbers)
        if part is None:
            return None
        pieces = span(self.stored.content, part.body, part.end)
        if part.encoding in IDENTITY or part.is_multipart:
            return pieces
        if not is_known(part.encoding) or part.size > DECODED_OCTETS:
            raise Undecodable("cannot decode this part")
        decoded = self._decoded.get(part.body)
        if decoded is None:
            octets = await read_pieces(self.blobs, pieces, DECODED_OCTETS)
            decoded = await here_or_apart(len(octets), decode_transfer, octets, part.encoding)
            self._decoded[part.body] = decoded
        return [decoded]

    def give(self, pieces: tuple[Piece, ...] | None) -> tuple[Piece, ...] | None:
        """``pieces``; those in memory are there until the reader has them (threat R06). Raises ``TooMuch``."""
        self._given += sum(len(piece) for piece in pieces or () if isinstance(piece, bytes))
        if self._given > max(self.stored.content.size, ANY_OCTETS):
            raise TooMuch("too much of a message at once")
        return pieces


async def letters(store: Store, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> AsyncIterator[Letter]:
    """The messages ``uids`` one at a time; those that are gone by now are left out."""
    for at in range(0, len(uids), BATCH):
        for stored in await store.read(account, mailbox, uids[at : at + BATCH]):
            yield Letter(store.blobs, stored)
