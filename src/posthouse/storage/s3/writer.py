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
from posthouse.storage.ports import StorageError
from posthouse.storage.s3.flights import Flight, Flights
from posthouse.storage.s3.objects import Objects
from posthouse.storage.spool import Scribes, Spool

MEMORY_OCTETS = 256 * 1024
SPILL_OCTETS = 1024 * 1024


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


class ObjectBlobWriter:
    """Implements ``BlobWriter``."""

    __slots__ = (
        "_beginning",
        "_blob",
        "_buffer",
        "_buffered",
        "_finishing",
        "_flight",
        "_is_over",
        "_size",
        "_spool",
        "_yard",
    )

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._beginning = b""
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._size = 0
        self._spool: Spool | None = None
        self._blob: Blob | None = None
        self._flight: Flight | None = None
        self._finishing: asyncio.Lock | None = None
        self._is_over = False

    @property
    def size(self) -> int:
        return self._size

    @property
    def is_full(self) -> bool:
        return self._spool is not None and self._spool.is_full

    async def drained(self) -> None:
        if self._spool is not None:
            await self._spool.drained()

    def write(self, chunk: bytes) -> None:
        self._buffer.append(chunk)
        self._size += len(chunk)
        self._buffered += len(chunk)
        if self._buffered >= SPILL_OCTETS or (self._spool is None and self._size > self._memory):
            self._spill()

    @property
    def _memory(self) -> int:
        return max(MEMORY_OCTETS, self._yard.over)

    def _spill(self) -> None:
        if self._spool is None:
            self._spool = Spool(self._yard.scribes, self._yard.temporary())
            self._beginning = b"".join(self._buffer)
        pieces, self._buffer = self._buffer, []
        octets, self._buffered = self._buffered, 0
        self._spool.add(pieces, octets)

    async def finish(self) -> Blob:
        if self._blob is not None:
            return self._blob
        if self._size <= self._yard.over:
            octets = b"".join(self._buffer)
            self._blob = Blob(BlobId(hashlib.sha256(octets).hexdigest()), self._size, octets)
            return self._blob
        if self._finishing is None:
            self._finishing = asyncio.Lock()
        async with self._finishing:
            if self._blob is None:
                self._blob = await self._upload()
        return self._blob

    async def _upload(self) -> Blob:
        """The object is there, whole, before anybody may refer to it."""
        if self._is_over:
            raise StorageError("the blob was discarded")
        try:
            if self._spool is None:
                octets = b"".join(self._buffer)
                name = BlobId(await asyncio.to_thread(_name, octets))
                await self._put(name, octets)
                blob = Blob(name, self._size, octets)
            else:
                self._spill()
                await self._spool.settled()
                name = BlobId(self._spool.hexdigest())
                await self._put(name, self._spool.path)
                self._spool.abandon()
                blob = Blob(name, self._size, None, self._beginning)
        except BaseException:
            self.discard()
            raise
        self._buffer.clear()
        return blob

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
        self._blob = None
        self._buffer.clear()
        if self._spool is not None:
            self._spool.abandon()

    def __del__(self) -> None:
        self.discard()


def _name(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()
