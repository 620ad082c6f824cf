"""Blobs: small ones in the database, larger ones as files named by their content.

The road of a file: written under a name of its own, fsync, renamed to its
content's name, fsync of the directory; only then may a row name it
(THREATS.md section 0: a rename without the directory's fsync loses the
name). From ``finish`` until ``discard`` the file is *in flight* and no sweep
touches it.
"""

import asyncio
import os
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from posthouse.lib.ports import Ids
from posthouse.mail.content import Blob
from posthouse.mail.ids import BlobId
from posthouse.storage.bodies import Bodies
from posthouse.storage.errors import Missing, StorageError
from posthouse.storage.incoming import HeldBlob, InFlight
from posthouse.storage.outgoing import Elsewhere, OutgoingBlobs
from posthouse.storage.ports import BlobWriter
from posthouse.storage.spool import Scribes, Spool
from posthouse.storage.sqlite.faults import Faults
from posthouse.storage.sqlite.readers import Readers, Snapshot
from posthouse.storage.sqlite.soundness import Known, sound

INLINE_OCTETS = 128 * 1024

_INLINE = """SELECT b.octets IS NULL, b.size, b.octets, o.object
    FROM blob b LEFT JOIN body o ON o.blob_no = b.blob_no WHERE b.hash = ?1"""


class BlobFiles:
    """The directory: ``ab/abcdef…`` for blobs, ``tmp/`` for what is being written."""

    def __init__(self, directory: Path, *, ids: Ids, faults: Faults) -> None:
        self._directory = directory
        self._temporary = directory / "tmp"
        self._ids = ids
        self.faults = faults
        self.syncing = ThreadPoolExecutor(4, thread_name_prefix="posthouse-fsync")
        self.writing = Scribes(2, "posthouse-spool")
        self.in_flight = InFlight()
        self.doomed: dict[str, asyncio.Event] = {}
        """Blobs whose file the sweep is about to unlink: a writer of the same content waits until it has."""
        self.known = Known()
        self._made: set[str] = set()

    def prepare(self) -> int:
        """Make the directories; remove what a crash left half written. How many files that were."""
        self._temporary.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # as a parent it would get another mode
        self._temporary.mkdir(exist_ok=True, mode=0o700)
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
        self.writing.shutdown()
        self.syncing.shutdown()


class FileBlobWriter(HeldBlob):
    """Larger content becomes a file of its own."""

    __slots__ = ("_files",)

    def __init__(self, files: BlobFiles) -> None:
        super().__init__(INLINE_OCTETS, INLINE_OCTETS, files.in_flight)
        self._files = files

    def _make_spool(self) -> Spool:
        return Spool(self._files.writing, self._files.temporary())

    async def _keep(self) -> Blob:
        files, spool = self._files, self._spill()
        name = BlobId(await spool.settled())
        while (doom := files.doomed.get(name)) is not None:
            await doom.wait()
        try:
            kept = spool.lend(files.syncing, partial(files.keep, spool.descriptor, spool.path, name))
        except RuntimeError as error:  # the pool takes no more work
            self.discard()
            raise StorageError("the store is closed") from error
        files.in_flight.enter(name)
        try:
            await asyncio.shield(kept)
        except BaseException as error:
            # who is cancelled leaves the thread at its work
            kept.add_done_callback(lambda _: files.in_flight.leave(name))
            self.discard()
            if isinstance(error, OSError):
                raise StorageError(f"the blob cannot be kept: {error}") from error
            raise
        spool.kept()
        files.known.add(name)
        return Blob(name, self._size, None, self._beginning)


class SqliteBlobs(OutgoingBlobs):
    """The ``Blobs`` port: in the database, in files, and in object storage where there is one."""

    def __init__(self, files: BlobFiles, readers: Readers, bodies: Bodies | None) -> None:
        super().__init__(bodies)
        self._files = files
        self._readers = readers

    def open(self) -> BlobWriter:
        return FileBlobWriter(self._files) if self._bodies is None else self._bodies.open()

    def whereabouts(self, blob: str) -> str | None:
        """Of content that came in through this process: its object, nothing for a file, None if it is in neither."""
        if blob in self._files.in_flight:
            return ""
        return None if self._bodies is None else self._bodies.key_of(blob)

    def _find(self, blob: BlobId, start: int, length: int | None) -> Awaitable[bytes | Elsewhere]:
        return self._readers.read(lambda snapshot: self._read(snapshot, blob, start, length))

    def _read(self, snapshot: Snapshot, blob: BlobId, start: int, length: int | None) -> bytes | Elsewhere:
        row = snapshot.row(_INLINE, bytes.fromhex(blob))
        if row is None and blob not in self._files.in_flight:
            raise Missing(f"blob {blob}")
        if row is not None and not row[0]:
            return sound(blob, row[2])[start : None if length is None else start + length]
        if row is not None and row[3] is not None:
            return Elsewhere(row[3], row[1])
        try:
            self._files.known.compare(blob, self._files.path(blob))
            with self._files.path(blob).open("rb") as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        except FileNotFoundError:
            raise Missing(f"blob {blob}") from None
        except OSError as error:
            raise StorageError(f"blob {blob}: {error}") from error
