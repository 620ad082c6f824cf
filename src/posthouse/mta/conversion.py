"""Content as another server takes it (RFC 6152 section 3, RFC 3030 section 3), signed again by those of ours who had.

What is small stays in memory. What is large is read into memory by one at a
time, encoded in pieces into a blob of its own, and sent from there: many
transfers at once hold no more than one.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from posthouse.mail.content import Blob, Content
from posthouse.mail.ids import BlobId
from posthouse.ms.large import here_or_apart
from posthouse.mta.reading import AT_ONCE, read_whole
from posthouse.mta.signing import Signer, before_signing
from posthouse.standards.mime.downgrade import Carrier, Unconvertible, convert, convert_in_pieces
from posthouse.storage.ports import Blobs, BlobWriter


@dataclass(frozen=True, slots=True)
class Converted:
    """Another content in the place of one. ``octets`` is all of it when it is small."""

    content: Content
    octets: bytes | None
    eightbit: bool
    writer: BlobWriter | None = None

    def discard(self) -> None:
        """Free it."""
        if self.writer is not None:
            self.writer.discard()


class Converter:
    """Makes contents fit for a server. One large message in memory at a time."""

    __slots__ = ("_blobs", "_signer", "_turn")

    def __init__(self, blobs: Blobs, signer: Signer | None) -> None:
        self._blobs, self._signer = blobs, signer
        self._turn = asyncio.Semaphore(1)

    async def convert(self, content: Content, octets: bytes | None, carrier: Carrier) -> Converted | None:
        """``content`` as ``carrier`` takes it, ``octets`` if it is small; None if that cannot be.

        Whoever asked discards it. Raises ``StorageError``.
        """
        try:
            if octets is None:
                return await self._convert_large(content, carrier)
            made = await here_or_apart(len(octets), self._convert, octets, len(content.prefix), carrier)
        except Unconvertible:
            return None
        return Converted(Content(b"", Blob(BlobId(""), len(made), made)), made, not made.isascii())

    def _convert(self, octets: bytes, prefix_octets: int, carrier: Carrier) -> bytes:
        if self._signer is None:
            return convert(octets, carrier)
        return self._signer.sign_again(octets, prefix_octets, lambda content: convert(content, carrier))

    async def _convert_large(self, content: Content, carrier: Carrier) -> Converted:
        signers, prefix = before_signing(content.prefix) if self._signer is not None else ([], content.prefix)
        writer, eightbit = self._blobs.open(), False
        try:
            async with self._turn:
                octets = await read_whole(Content(prefix, content.blob), self._blobs)
                async for piece in _pieces(octets, carrier):
                    eightbit = eightbit or not piece.isascii()
                    writer.write(piece)
                    if writer.is_full:
                        await writer.drained()
                del octets
            blob = await writer.finish()
            signatures = await self._sign(signers, blob)
        except BaseException:
            writer.discard()
            raise
        return Converted(Content(signatures, blob), None, eightbit, writer)

    async def _sign(self, signers: list[str], blob: Blob) -> bytes:
        if self._signer is None or not signers:
            return b""
        head = await self._blobs.read(blob.blob_id, 0, min(AT_ONCE, blob.size))
        made = [await self._signer.sign_stored(domain, b"", head, blob, self._blobs) for domain in signers]
        return b"".join(made)


async def _pieces(octets: bytes, carrier: Carrier) -> AsyncIterator[bytes]:
    """The content as it is encoded, a step at a time in a thread."""
    pieces = convert_in_pieces(octets, carrier)
    while (piece := await here_or_apart(len(octets), next, pieces, None)) is not None:
        yield piece
