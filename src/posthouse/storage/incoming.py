"""Content on its way in, for every engine: in memory while it is small, then in a ``Spool``.

What differs between engines is where the spool lies, and what it takes until
the content is kept: each says so in a writer of its own.
"""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections import Counter

from posthouse.mail.content import Blob
from posthouse.mail.ids import BlobId
from posthouse.storage.spool import Spool

WRITE_OCTETS = 1024 * 1024
"""As much at a time is given to the spool."""


class IncomingBlob(ABC):
    """Implements ``BlobWriter`` but for the keeping.

    Up to ``inline`` octets travel with their acceptance; up to ``memory`` (no
    less) wait in memory, larger ones in a spool.
    """

    __slots__ = ("_beginning", "_blob", "_buffer", "_buffered", "_finishing", "_inline", "_memory", "_size", "_spool")

    def __init__(self, inline: int, memory: int) -> None:
        self._inline = inline
        self._memory = memory
        self._beginning = b""
        """Of a content in a spool: what was at hand when that was made."""
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._size = 0
        self._spool: Spool | None = None
        self._blob: Blob | None = None
        self._finishing: asyncio.Lock | None = None

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
        if self._buffered >= WRITE_OCTETS or (self._spool is None and self._size > self._memory):
            self._spill()

    def _spill(self) -> Spool:
        """Give the buffer to the spool, made when it is first needed."""
        spool = self._spool
        if spool is None:
            spool = self._spool = self._make_spool()
            self._beginning = b"".join(self._buffer)
        pieces, self._buffer = self._buffer, []
        octets, self._buffered = self._buffered, 0
        spool.add(pieces, octets)
        return spool

    async def finish(self) -> Blob:
        if self._blob is not None:
            return self._blob
        if self._size <= self._inline:
            octets = b"".join(self._buffer)
            self._blob = Blob(BlobId(hashlib.sha256(octets).hexdigest()), self._size, octets)
            return self._blob
        if self._finishing is None:
            self._finishing = asyncio.Lock()
        async with self._finishing:
            if self._blob is None:
                self._blob = await self._keep()
        return self._blob

    def discard(self) -> None:
        """Let go of what is in memory and in the spool; what is kept already is the engine's business."""
        self._blob = None
        self._buffer.clear()
        if self._spool is not None:
            self._spool.abandon()

    def __del__(self) -> None:
        self.discard()

    @abstractmethod
    def _make_spool(self) -> Spool: ...

    @abstractmethod
    async def _keep(self) -> Blob:
        """The content, which is more than ``inline`` octets long, where any acceptance may refer to it."""


class InFlight:
    """Contents of this process that are kept and perhaps not accepted yet: no sweep touches them."""

    __slots__ = ("_writers",)

    def __init__(self) -> None:
        self._writers: Counter[str] = Counter()

    def __contains__(self, blob: object) -> bool:
        return blob in self._writers

    def enter(self, blob: str) -> None:
        """One writer more holds the content."""
        self._writers[blob] += 1

    def leave(self, blob: str) -> None:
        """One writer less holds it."""
        self._writers[blob] -= 1
        if self._writers[blob] <= 0:
            del self._writers[blob]


class HeldBlob(IncomingBlob):
    """Held ``in_flight`` from its keeping, which begins with ``enter``, until it is discarded."""

    __slots__ = ("_in_flight",)

    def __init__(self, inline: int, memory: int, in_flight: InFlight) -> None:
        super().__init__(inline, memory)
        self._in_flight = in_flight

    def discard(self) -> None:
        if self._blob is not None and self._blob.octets is None:
            self._in_flight.leave(self._blob.blob_id)
        super().discard()
