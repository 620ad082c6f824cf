"""Blobs of several cells: written where mail is taken, read wherever they are."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from posthouse.lib.lru import Lru
from posthouse.mail.content import Blob
from posthouse.mail.ids import BlobId
from posthouse.storage.errors import Missing
from posthouse.storage.ports import BlobWriter, Store

MOST_REMEMBERED: Final = 50_000


class CellBlobs:
    """Implements ``Blobs``. ``favourite`` says where new content goes; who has seen one somewhere tells ``saw``."""

    def __init__(self, store: Callable[[int], Store], usable: Callable[[], Sequence[int]]) -> None:
        self._store = store
        self._usable = usable
        self._where: Lru[str, int] = Lru(MOST_REMEMBERED)

    def open(self) -> BlobWriter:
        cell = self._usable()[0]
        return _Writer(self._store(cell).blobs.open(), lambda blob: self.saw(blob, cell))

    def saw(self, blob: Blob, cell: int) -> None:
        self._where.put(blob.blob_id, cell)

    def cell_of(self, blob: BlobId) -> int | None:
        """Where it was seen last."""
        return self._where.get(blob)

    async def find(self, blob: BlobId) -> None:
        """Know where it is; ``Missing`` if it is nowhere."""
        if blob not in self._where:
            for cell in self._usable():
                with suppress(Missing):
                    await self._store(cell).blobs.read(blob, 0, 1)
                    self._where.put(blob, cell)
                    return
            raise Missing(f"blob {blob}")

    async def read(self, blob: BlobId, start: int = 0, length: int | None = None) -> bytes:
        for cell in self._order(blob):
            try:
                return await self._store(cell).blobs.read(blob, start, length)
            except Missing:
                continue
        raise Missing(f"blob {blob}")

    async def verify(self, blob: BlobId) -> bool:
        for cell in self._order(blob):
            try:
                return await self._store(cell).blobs.verify(blob)
            except Missing:
                continue
        raise Missing(f"blob {blob}")

    def _order(self, blob: BlobId) -> list[int]:
        usable, known = list(self._usable()), self._where.get(blob)
        return usable if known is None else [known, *(cell for cell in usable if cell != known)]


class _Writer:
    """Implements ``BlobWriter``: that of a cell, which is remembered once the blob is finished."""

    __slots__ = ("_saw", "_writer")

    def __init__(self, writer: BlobWriter, saw: Callable[[Blob], None]) -> None:
        self._writer = writer
        self._saw = saw

    @property
    def size(self) -> int:
        return self._writer.size

    @property
    def is_full(self) -> bool:
        return self._writer.is_full

    async def drained(self) -> None:
        await self._writer.drained()

    def write(self, chunk: bytes) -> None:
        self._writer.write(chunk)

    async def finish(self) -> Blob:
        blob = await self._writer.finish()
        self._saw(blob)
        return blob

    def discard(self) -> None:
        self._writer.discard()
