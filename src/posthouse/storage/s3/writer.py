"""Content on its way into a bucket.

Up to ``MEMORY_OCTETS`` it waits in memory, and stays at hand until it is accepted; what is larger waits in an unsynced
file of this machine, hashed and written by a thread while it comes in. The upload
begins when the content is whole: then it takes as long as the network needs and
not as long as the sender likes, it can be tried again, and a slow sender holds no
part of 5 MiB in memory. How many uploads run at once is bounded, hence the memory
they need.
"""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from posthouse.mail.content import Blob
from posthouse.mail.ids import BlobId
from posthouse.storage.errors import StorageError
from posthouse.storage.incoming import IncomingBlob
from posthouse.storage.s3.flights import Flight, Flights
from posthouse.storage.s3.objects import Objects
from posthouse.storage.spool import Scribes, Spool

MEMORY_OCTETS = 256 * 1024


class Yard:
    """What all writers of a process share."""

    __slots__ = ("flights", "new_key", "objects", "over", "scribes", "slots", "temporary")

    def __init__(
        self,
        objects: Objects,
        *,
        over: int,
        slots: int,
        new_key: Callable[[], tuple[str, int]],
        temporary: Callable[[], Path],
    ) -> None:
        self.objects = objects
        self.flights = Flights()
        self.over = over
        self.slots = asyncio.Semaphore(slots)
        self.new_key = new_key
        """A key nobody else makes, and when it was made."""
        self.temporary = temporary
        self.scribes = Scribes(2, "posthouse-upload")


class ObjectBlobWriter(IncomingBlob):
    """Larger content becomes an object of its own."""

    __slots__ = ("_flight", "_is_over", "_yard")

    def __init__(self, yard: Yard) -> None:
        super().__init__(yard.over, max(MEMORY_OCTETS, yard.over))
        self._yard = yard
        self._flight: Flight | None = None
        self._is_over = False

    def _make_spool(self) -> Spool:
        return Spool(self._yard.scribes, self._yard.temporary())

    async def _keep(self) -> Blob:
        """The object is there, whole, before anybody may refer to it."""
        if self._is_over:
            raise StorageError("the blob was discarded")
        try:
            blob = await (self._upload_buffer() if self._spool is None else self._upload_spool())
        except BaseException:
            self.discard()
            raise
        self._buffer.clear()
        return blob

    async def _upload_buffer(self) -> Blob:
        octets = b"".join(self._buffer)
        name = BlobId(await asyncio.to_thread(_name, octets))
        await self._put(name, octets)
        return Blob(name, self._size, octets)

    async def _upload_spool(self) -> Blob:
        spool = self._spill()
        name = BlobId(await spool.settled())
        await self._put(name, spool.path)
        spool.abandon()
        return Blob(name, self._size, None, self._beginning)

    async def _put(self, name: BlobId, content: bytes | Path) -> None:
        slots = self._yard.slots
        try:
            await asyncio.wait_for(slots.acquire(), self._yard.objects.patience.turn)
        except TimeoutError:
            raise StorageError(f"{self._yard.objects.place} is too slow: other uploads have not ended") from None
        try:
            key, at = self._yard.new_key()
            await self._yard.objects.put(key, content, self._size)
        finally:
            slots.release()
        if self._is_over:
            raise StorageError("the blob was discarded")
        self._flight = Flight(key, self._size, at)
        self._yard.flights.enter(name, self._flight)

    def discard(self) -> None:
        """What nobody has linked is left to the hourly sweep: nobody here can know that the commit did not happen."""
        self._is_over = True
        if self._blob is not None and self._flight is not None:
            self._yard.flights.leave(self._blob.blob_id, self._flight)
        super().discard()


def _name(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
