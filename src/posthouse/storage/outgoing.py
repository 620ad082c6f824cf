"""Content on its way out, for every engine: what it keeps itself, or what is in an object.

What differs between engines is where they keep it: each says so in a class of its own.
"""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass

from posthouse.mail.ids import BlobId
from posthouse.storage.bodies import Bodies
from posthouse.storage.errors import Missing, StorageError

READ_OCTETS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Content that is in an object."""

    key: str
    size: int


class OutgoingBlobs(ABC):
    """The reading half of ``Blobs``. ``bodies`` has the objects, where there are any."""

    def __init__(self, bodies: Bodies | None) -> None:
        self._bodies = bodies

    async def read(self, blob: BlobId, start: int = 0, length: int | None = None) -> bytes:
        try:
            found = await self._find(blob, start, length)
        except Missing:
            if self._bodies is None:
                raise
            return await self._bodies.read_new(blob, start, length)
        return found if isinstance(found, bytes) else await self._read_object(found, start, length)

    async def _read_object(self, found: Elsewhere, start: int, length: int | None) -> bytes:
        if self._bodies is None:
            raise StorageError(f"content is in object {found.key}: name its place in [store] bodies")
        there = max(0, found.size - start)
        return await self._bodies.read(found.key, start, there if length is None else min(length, there))

    async def verify(self, blob: BlobId) -> bool:
        digest, start = hashlib.sha256(), 0
        while chunk := await self.read(blob, start, READ_OCTETS):
            await asyncio.to_thread(digest.update, chunk)
            start += len(chunk)
        return digest.hexdigest() == blob

    @abstractmethod
    def _find(self, blob: BlobId, start: int, length: int | None) -> Awaitable[bytes | Elsewhere]:
        """These octets, or the object that has them; raises ``Missing`` where no row names the content."""
