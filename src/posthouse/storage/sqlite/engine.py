"""The embedded engine as one ``Store``: opened, put together of its offices, closed."""

import asyncio
import fcntl
import os
from pathlib import Path

import apsw

from posthouse import __version__
from posthouse.lib.ports import Clock, Ids
from posthouse.observe.ports import Journal
from posthouse.storage.bodies import Bodies
from posthouse.storage.errors import StorageError
from posthouse.storage.offices import Offices
from posthouse.storage.ports import Blobs, Store
from posthouse.storage.sqlite.blobs import BlobFiles, SqliteBlobs
from posthouse.storage.sqlite.boxes import Boxes
from posthouse.storage.sqlite.connection import keep_private, open_writer, require_sqlite
from posthouse.storage.sqlite.faults import Faults, NoFaults
from posthouse.storage.sqlite.hints import Hints
from posthouse.storage.sqlite.ledger import Ledger
from posthouse.storage.sqlite.migrate import migrate
from posthouse.storage.sqlite.people import People
from posthouse.storage.sqlite.queue import Queue
from posthouse.storage.sqlite.readers import Readers
from posthouse.storage.sqlite.shelves import Shelves
from posthouse.storage.sqlite.standing import read_standing
from posthouse.storage.sqlite.sweep import Sweeper
from posthouse.storage.sqlite.writer import Writer
from posthouse.storage.standing import NodeRow, Standing

NODE = "house"
"""One process serves this data: what an earlier life of it held is ours."""


async def open_store(
    path: Path, *, clock: Clock, ids: Ids, journal: Journal, faults: Faults | None = None, bodies: Bodies | None = None
) -> Store:
    """The store in directory ``path``, made if it is new; ``StorageError`` if another process has it open.

    With ``bodies``, large content goes there instead of into files; they are closed with the store.
    """
    given = NoFaults() if faults is None else faults
    require_sqlite(apsw.sqlite_lib_version())
    lock = await asyncio.to_thread(lock_directory, path)
    try:
        connection = await asyncio.to_thread(open_database, path / "posthouse.db", int(clock.now() * 1000), given)
        files = BlobFiles(path / "blobs", ids=ids, faults=given)
        left = await asyncio.to_thread(files.prepare)
    except BaseException as error:
        os.close(lock)
        if isinstance(error, (apsw.Error, OSError)):
            raise StorageError(f"{path}: {error}") from error
        raise
    if left:
        journal.note("storage.swept", files=left)
    return SqliteStore(path, connection, files, lock, clock=clock, journal=journal, faults=given, bodies=bodies)


def lock_directory(path: Path) -> int:
    """Held while the store is open, by the kernel: it is free as soon as its holder is dead."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path / "posthouse.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StorageError(f"{path} is in use by another process") from None
    return descriptor


def open_database(path: Path, at: int, faults: Faults) -> apsw.Connection:
    """The connection that writes, on data of today's schema."""
    keep_private(path)
    connection = open_writer(path, faults.synchronous)
    try:
        migrate(connection, at)
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteStore(Offices):
    """The offices of one directory: units of work go to the writer, questions to the readers."""

    def __init__(
        self,
        path: Path,
        connection: apsw.Connection,
        files: BlobFiles,
        lock: int,
        *,
        clock: Clock,
        journal: Journal,
        faults: Faults,
        bodies: Bodies | None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._opened_at = self._now()
        self._lock = lock
        self._files = files
        self._bodies = bodies
        hints = Hints()
        readers = self._readers = Readers(path / "posthouse.db")
        writer = self._writer = Writer(connection, faults=faults, journal=journal, committed=hints.committed)
        blobs = SqliteBlobs(files, readers, bodies)
        ledger = self._ledger = Ledger(writer, readers, journal)
        shelves = self._shelves = Shelves(writer, readers, self._now)
        super().__init__(
            queue=Queue(writer, readers, blobs.whereabouts, ledger, self._now),
            mailboxes=Boxes(writer, readers, self._now),
            people=People(writer, readers, self._now),
            ledger=ledger,
            shelves=shelves,
            hints=hints,
        )
        self.blobs: Blobs = blobs
        self.sweep = Sweeper(writer, readers, files, shelves, bodies).sweep

    @property
    def node(self) -> str:
        return NODE

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    async def standing(self) -> Standing:
        now = self._now()
        node = NodeRow(NODE, 0, __version__, self._opened_at, now)
        return await self._readers.read(lambda snapshot: read_standing(snapshot, str(self._path), node, now))

    async def close(self) -> None:
        self._ledger.write()
        self._shelves.write()
        await self._writer.close()
        await asyncio.to_thread(self._readers.close)
        self._files.close()
        if self._bodies is not None:
            await self._bodies.close()
        os.close(self._lock)
