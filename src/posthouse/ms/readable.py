"""What no reader can be sent as it is, in a form that he can (RFC 9051 section 4.3.1, RFC 3516 section 6).

BINARYMIME and literal8 let NUL in, and CR and LF alone, for which IMAP and POP3
have no form. Before such a content is filed, the parts concerned are encoded;
it becomes another content by that, under its own name (ADR 0026).
"""

import asyncio
import re

from posthouse.mail.content import Blob
from posthouse.ms.large import STEP_OCTETS, here_or_apart
from posthouse.standards.mime.downgrade import READERS, Unconvertible, convert_in_pieces, is_clean
from posthouse.storage.ports import Blobs, BlobWriter

_LINE_END = re.compile(rb"\r?\r\n|\r|\n")


class Unreadable(ValueError):
    """It cannot be encoded without loss or breaking a signature."""


class Readable:
    """Makes contents fit for readers. One large message in memory at a time."""

    __slots__ = ("_blobs", "_turn")

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._turn = asyncio.Semaphore(1)

    async def rewrite(self, blob: Blob) -> BlobWriter | None:
        """Another content in the place of ``blob``, complete; None if readers can be sent it as it is.

        Whoever asked discards the writer. Raises ``Unreadable`` and ``StorageError``.
        """
        if await self._is_clean(blob):
            return None
        async with self._turn:
            octets = blob.octets if blob.octets is not None else await self._whole(blob)
            writer = self._blobs.open()
            try:
                await _fill(writer, octets)
            except BaseException:
                writer.discard()
                raise
        return writer

    async def _is_clean(self, blob: Blob) -> bool:
        if blob.octets is not None:
            return is_clean(blob.octets)
        held = b""
        for at in range(0, blob.size, STEP_OCTETS):
            octets = held + await self._read(blob, at)
            end = len(octets) - octets.endswith(b"\r")
            if not is_clean(octets[:end]):
                return False
            held = octets[end:]
        return not held

    async def _whole(self, blob: Blob) -> bytes:
        return b"".join([await self._read(blob, at) for at in range(0, blob.size, STEP_OCTETS)])

    async def _read(self, blob: Blob, at: int) -> bytes:
        return await self._blobs.read(blob.blob_id, at, min(STEP_OCTETS, blob.size - at))


async def _fill(writer: BlobWriter, octets: bytes) -> None:
    pieces = convert_in_pieces(octets, READERS)
    try:
        while (piece := await here_or_apart(len(octets), next, pieces, None)) is not None:
            writer.write(piece)
            if writer.is_full:
                await writer.drained()
    except Unconvertible as error:
        raise Unreadable(str(error)) from None
    await writer.finish()


class LineEnds:
    """Octets that come in pieces, with CRLF at the end of each line, whatever was there.

    CR CR LF is one end: what converted to CRLF twice writes it.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def add(self, octets: bytes) -> bytes:
        octets = self._held + octets if self._held else octets
        self._held = b""
        if octets.endswith(b"\r"):
            self._held = b"\r\r" if octets.endswith(b"\r\r") else b"\r"
            octets = octets[: -len(self._held)]
        return octets if is_clean(octets) else _LINE_END.sub(b"\r\n", octets)

    def end(self) -> bytes:
        """What was held back."""
        return b"\r\n" * len(self._held)
