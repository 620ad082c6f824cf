"""Blobs in PostgreSQL: small ones come with their acceptance, larger ones are stored in pieces before it.

A larger content is spooled to a file of this node while it arrives (nobody
else can see it), and ``finish`` stores it whole in one transaction, with a row
in ``upload`` that keeps it from every node's sweep for an hour, and one in
``orphan`` so that a sweep looks at it if nobody ever accepts it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from posthouse.lib.ports import Ids
from posthouse.mail.content import Blob
from posthouse.mail.ids import BlobId
from posthouse.storage.bodies import Bodies
from posthouse.storage.errors import Missing, StorageError
from posthouse.storage.incoming import HeldBlob, InFlight
from posthouse.storage.outgoing import Elsewhere, OutgoingBlobs
from posthouse.storage.ports import BlobWriter
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.spool import Scribes, Spool

INLINE_OCTETS = 128 * 1024
"""Up to this a content stays in memory and travels with its acceptance."""
PIECE_OCTETS = 256 * 1024
UPLOAD_MILLISECONDS = 3600 * 1000

FIND_BLOB = "SELECT blob_no FROM blob WHERE hash = $1 FOR UPDATE"
ADD_BLOB = "INSERT INTO blob (blob_no, hash, size, octets) VALUES ($1, $2, $3, NULL)"
ADD_PIECE = "INSERT INTO piece (blob_no, start, octets) VALUES ($1, $2, $3)"
KEEP_UPLOAD = """INSERT INTO upload (blob_no, until) VALUES ($1, $2)
    ON CONFLICT (blob_no) DO UPDATE SET until = greatest(upload.until, excluded.until)"""
MAY_BE_ORPHAN = "INSERT INTO orphan (blob_no) VALUES ($1) ON CONFLICT (blob_no) DO NOTHING"
READ_BLOB = """SELECT b.blob_no, b.size, b.octets IS NULL, substr(b.octets, $2::int, $3::int), o.object
    FROM blob b LEFT JOIN body o ON o.blob_no = b.blob_no WHERE b.hash = $1"""
READ_PIECES = """SELECT start, octets FROM piece WHERE blob_no = $1 AND start > $2 AND start < $3 ORDER BY start"""


class PostgresBlobs(OutgoingBlobs):
    """The ``Blobs`` port: in the database, and in object storage where there is one."""

    def __init__(self, units: Units, spool: Path, bodies: Bodies | None, *, ids: Ids, now: Callable[[], int]) -> None:
        super().__init__(bodies)
        self._units = units
        self._spool = spool
        self._ids = ids
        self._now = now
        self.writing = Scribes(2, "posthouse-spool")
        self.in_flight = InFlight()
        """Stored and perhaps not yet accepted, by this node."""

    def prepare(self) -> None:
        """What is left of an earlier life was never promised. The directory is made when it is needed."""
        if self._spool.is_dir():
            for path in self._spool.iterdir():
                path.unlink(missing_ok=True)

    def open(self) -> BlobWriter:
        return PostgresBlobWriter(self) if self._bodies is None else self._bodies.open()

    def key_of(self, blob: str) -> str | None:
        """The object of content that came in through this process."""
        return None if self._bodies is None else self._bodies.key_of(blob)

    def spool(self) -> Spool:
        self._spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Spool(self.writing, self._spool / self._ids.token(12))

    async def store(self, name: BlobId, size: int, path: Path) -> None:
        """The content of the file ``path``, in the database once this returns."""
        until = self._now() + UPLOAD_MILLISECONDS

        async def unit(tx: Tx) -> None:
            row = await tx.row(FIND_BLOB, bytes.fromhex(name))
            number = await tx.number() if row is None else int(row[0])
            if row is None:
                await tx.run(ADD_BLOB, number, bytes.fromhex(name), size)
                for start in range(0, size, PIECE_OCTETS):
                    octets = await asyncio.to_thread(_read_file, path, start)
                    await tx.run(ADD_PIECE, number, start, octets)
            await tx.run(KEEP_UPLOAD, number, until)
            await tx.run(MAY_BE_ORPHAN, number)

        await self._units.write(unit)

    def _find(self, blob: BlobId, start: int, length: int | None) -> Awaitable[bytes | Elsewhere]:
        return self._units.read(lambda tx: _read(tx, blob, start, length))

    def close(self) -> None:
        self.writing.shutdown()
        with contextlib.suppress(OSError):
            self._spool.rmdir()


def _read_file(path: Path, start: int) -> bytes:
    """Our own disk, which is no trouble of the engine: trying again would break off everybody's sessions with it."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(PIECE_OCTETS)
    except OSError as error:
        raise StorageError(f"the blob cannot be read: {error}") from error


async def _read(tx: Tx, blob: BlobId, start: int, length: int | None) -> bytes | Elsewhere:
    wanted = 2**31 - 1 if length is None else length
    row = await tx.row(READ_BLOB, bytes.fromhex(blob), start + 1, min(wanted, 2**31 - 1))
    if row is None:
        raise Missing(f"blob {blob}")
    number, size, is_not_in_row, octets, key = row
    if not is_not_in_row:
        return bytes(octets)
    if key is not None:
        return Elsewhere(key, size)
    end = min(start + wanted, size)
    if start >= end:
        return b""
    pieces = await tx.rows(READ_PIECES, number, start - PIECE_OCTETS, end)
    if not pieces:
        raise Missing(f"blob {blob}: its content")
    first = pieces[0][0]
    return b"".join([piece[1] for piece in pieces])[start - first : end - first]


class PostgresBlobWriter(HeldBlob):
    """Larger content is stored in pieces before its acceptance."""

    __slots__ = ("_blobs",)

    def __init__(self, blobs: PostgresBlobs) -> None:
        super().__init__(INLINE_OCTETS, INLINE_OCTETS, blobs.in_flight)
        self._blobs = blobs

    def _make_spool(self) -> Spool:
        return self._blobs.spool()

    async def _keep(self) -> Blob:
        spool = self._spill()
        name = BlobId(await spool.settled())
        self._blobs.in_flight.enter(name)
        try:
            await self._blobs.store(name, self._size, spool.path)
        except BaseException as error:
            self._blobs.in_flight.leave(name)
            self.discard()
            if isinstance(error, OSError):
                raise StorageError(f"the blob cannot be kept: {error}") from error
            raise
        spool.abandon()
        return Blob(name, self._size, None, self._beginning)
