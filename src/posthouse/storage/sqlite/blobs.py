"""Blobs: small ones in the database, larger ones as files named by their content.

The road of a file: written under a name of its own, fsync, renamed to its
content's name, fsync of the directory; only then may a row name it
(THREATS.md section 0: a rename without the directory's fsync loses the
name). From ``finish`` until ``discard`` the file is *in flight* and no sweep
touches it.
"""

import asyncio
import contextlib
import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from posthouse.lib.ports import Ids
from posthouse.mail.content import Blob
from posthouse.mail.ids import BlobId
from posthouse.storage.ports import BlobWriter, Missing, StorageError
from posthouse.storage.sqlite.faults import Faults
from posthouse.storage.sqlite.readers import Readers, Snapshot

INLINE_OCTETS = 128 * 1024
WRITE_OCTETS = 256 * 1024
READ_OCTETS = 1024 * 1024

_INLINE = "SELECT octets IS NULL, size, substr(octets, ?2, ?3) FROM blob WHERE hash = ?1"


class BlobFiles:
    """The directory: ``ab/abcdef…`` for blobs, ``tmp/`` for what is being written."""

    def __init__(self, directory: Path, *, ids: Ids, faults: Faults) -> None:
        self._directory = directory
        self._temporary = directory / "tmp"
        self._ids = ids
        self.faults = faults
        self.syncing = ThreadPoolExecutor(4, thread_name_prefix="posthouse-fsync")
        self.in_flight: Counter[str] = Counter()
        self.doomed: dict[str, asyncio.Event] = {}
        """Blobs whose file the sweep is about to unlink: a writer of the same content waits until it has."""
        self._made: set[str] = set()

    def prepare(self) -> int:
        """Make the directories; remove what a crash left half written. How many files that were."""
        self._temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        left = list(self._temporary.iterdir())
        for path in left:
            path.unlink()
        self._sync_directory(self._directory)
        self._sync_directory(self._directory.parent)
        return len(left)

    def path(self, blob: str) -> Path:
        return self._directory / blob[:2] / blob

    def temporary(self) -> Path:
        return self._temporary / self._ids.token(12)

    def keep(self, descriptor: int, temporary: Path, blob: str) -> None:
        """Return only once the file and its name would survive a power cut."""
        self.faults.at("blob.written")
        self.faults.sync(descriptor)
        self.faults.at("blob.synced")
        path = self.path(blob)
        if blob[:2] not in self._made:
            path.parent.mkdir(exist_ok=True, mode=0o700)
            self._sync_directory(self._directory)
            self._made.add(blob[:2])
        temporary.rename(path)
        self.faults.at("blob.renamed")
        self._sync_directory(path.parent)
        self.faults.at("blob.durable")

    def _sync_directory(self, directory: Path) -> None:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.faults.sync(descriptor)
        finally:
            os.close(descriptor)

    def unlink(self, blob: str) -> None:
        self.faults.at("sweep.unlink")
        self.path(blob).unlink(missing_ok=True)

    def every(self, older_than: float) -> list[str]:
        """The names of all blob files that were not touched since."""
        return [
            entry.name
            for shard in os.scandir(self._directory)
            if shard.is_dir() and shard.name != "tmp"
            for entry in os.scandir(shard.path)
            if entry.stat().st_mtime < older_than
        ]

    def close(self) -> None:
        self.syncing.shutdown()


class FileBlobWriter:
    """Content on its way in."""

    __slots__ = ("_blob", "_buffer", "_buffered", "_descriptor", "_digest", "_files", "_finishing", "_path", "_size")

    def __init__(self, files: BlobFiles) -> None:
        self._files = files
        self._digest = hashlib.sha256()
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._size = 0
        self._descriptor = -1
        self._path: Path | None = None
        self._blob: Blob | None = None
        self._finishing: asyncio.Lock | None = None

    @property
    def size(self) -> int:
        return self._size

    def write(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._buffer.append(bytes(chunk))
        self._size += len(chunk)
        self._buffered += len(chunk)
        if self._buffered >= WRITE_OCTETS or (self._descriptor < 0 and self._size > INLINE_OCTETS):
            self._spill()

    def _spill(self) -> None:
        """Write the buffer to the file, made when it is first needed."""
        octets = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered = 0
        try:
            if self._descriptor < 0:
                self._path = self._files.temporary()
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            view = memoryview(octets)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            self.discard()
            raise StorageError(f"the blob cannot be written: {error}") from error

    async def finish(self) -> Blob:
        if self._blob is not None:
            return self._blob
        name = BlobId(self._digest.hexdigest())
        if self._descriptor < 0 and self._size <= INLINE_OCTETS:
            self._blob = Blob(name, self._size, b"".join(self._buffer))
            return self._blob
        if self._finishing is None:
            self._finishing = asyncio.Lock()
        async with self._finishing:
            if self._blob is None:
                await self._keep(name)
                self._blob = Blob(name, self._size)
        return self._blob

    async def _keep(self, name: BlobId) -> None:
        self._spill()
        path, descriptor = self._path, self._descriptor
        if path is None:
            raise StorageError("the blob was discarded")
        while (doom := self._files.doomed.get(name)) is not None:
            await doom.wait()
        self._files.in_flight[name] += 1
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._files.syncing, self._files.keep, descriptor, path, name)
        except BaseException as error:
            _land(self._files, name)
            self.discard()
            if isinstance(error, OSError):
                raise StorageError(f"the blob cannot be kept: {error}") from error
            raise
        self._path = None
        os.close(descriptor)
        self._descriptor = -1

    def discard(self) -> None:
        if self._blob is not None and self._blob.octets is None:
            _land(self._files, self._blob.blob_id)
        self._blob = None
        self._buffer.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self._path = None

    def __del__(self) -> None:
        self.discard()


def _land(files: BlobFiles, name: str) -> None:
    """One writer less holds the file against the sweep."""
    files.in_flight[name] -= 1
    if files.in_flight[name] <= 0:
        del files.in_flight[name]


class SqliteBlobs:
    """The ``Blobs`` port."""

    def __init__(self, files: BlobFiles, readers: Readers) -> None:
        self._files = files
        self._readers = readers

    def open(self) -> BlobWriter:
        return FileBlobWriter(self._files)

    async def read(self, blob: BlobId, start: int = 0, length: int | None = None) -> bytes:
        return await self._readers.read(lambda snapshot: self._read(snapshot, blob, start, length))

    def _read(self, snapshot: Snapshot, blob: BlobId, start: int, length: int | None) -> bytes:
        wanted = 2**31 - 1 if length is None else length
        row = snapshot.row(_INLINE, bytes.fromhex(blob), start + 1, wanted)
        if row is None and blob not in self._files.in_flight:
            raise Missing(f"blob {blob}")
        if row is not None and not row[0]:
            return bytes(row[2] or b"")  # substr of an empty blob is NULL
        try:
            with self._files.path(blob).open("rb") as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        except FileNotFoundError:
            raise Missing(f"blob {blob}") from None
        except OSError as error:
            raise StorageError(f"blob {blob}: {error}") from error

    async def verify(self, blob: BlobId) -> bool:
        return await self._readers.read(lambda snapshot: self._verify(snapshot, blob))

    def _verify(self, snapshot: Snapshot, blob: BlobId) -> bool:
        digest = hashlib.sha256()
        start = 0
        while chunk := self._read(snapshot, blob, start, READ_OCTETS):
            digest.update(chunk)
            start += len(chunk)
        return digest.hexdigest() == blob
