"""Housekeeping in small units, so that nobody waits long behind it."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from posthouse.mail.ids import BlobId
from posthouse.storage.bodies import TRASH_KEPT, Bodies
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.threads import sweep_threads
from posthouse.storage.sqlite.blobs import BlobFiles
from posthouse.storage.sqlite.body_rows import SqliteBodyRows
from posthouse.storage.sqlite.readers import Readers, Snapshot
from posthouse.storage.sqlite.shelves import Shelves, sweep_shelves
from posthouse.storage.sqlite.threads import SqliteThreads
from posthouse.storage.sqlite.tx import Row, Tx
from posthouse.storage.sqlite.writer import Writer

_render = SQLITE.render
ORPHANS = _render(sql.ORPHANS)
END_BLOB = _render(sql.END_BLOB)
END_ORPHAN = _render(sql.END_ORPHAN)
ADD_BODY = _render(sql.ADD_BODY)
END_BODY = _render(sql.END_BODY)
TRASH_BODY = _render(sql.TRASH_BODY)
FIND_BLOB = _render(sql.FIND_BLOB)
OLD_LEDGER = _render(sql.OLD_LEDGER)
OLD_FATES = _render(sql.OLD_FATES)
OLD_DELIVERED = _render(sql.OLD_DELIVERED)
END_DELIVERED = _render(sql.END_DELIVERED)
OLD_TOMBS = _render(sql.OLD_TOMBS)
PRUNE_TOMBS = _render(sql.PRUNE_TOMBS)
MARK_PRUNED = _render(sql.MARK_PRUNED)

DAY = 24 * 3600 * 1000
LEDGER_KEPT = 30 * DAY
DELIVERED_KEPT = 14 * DAY
"""Longer than any queue lifetime, so that a repeated delivery always meets its first."""
TOMBS_KEPT = 90 * DAY
STRAY_AGE_SECONDS = 3600
CHUNK = 200


class Sweeper:
    """Frees what nobody refers to."""

    def __init__(
        self, writer: Writer, readers: Readers, files: BlobFiles, shelves: Shelves, bodies: Bodies | None
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._files = files
        self._shelves = shelves
        self._bodies = bodies

    async def sweep(self, now: int) -> AsyncIterator[str]:
        for title, freed in (
            ("blobs freed", await self._orphans(now)),
            ("stray files removed", await self._strays(now)),
            ("ledger records dropped", await self._ledger(now - LEDGER_KEPT)),
            ("delivery keys dropped", await self._delivered(now - DELIVERED_KEPT)),
            ("tombstones dropped", await self._tombs(now - TOMBS_KEPT)),
            ("keys of threads dropped", await sweep_threads(SqliteThreads(self._writer, self._readers))),
            ("notes expired", await self._writer.submit(lambda tx: sweep_shelves(tx, now), heavy=True)),
        ):
            if freed:
                yield f"{freed} {title}"
        if self._bodies is not None:
            async for line in self._bodies.sweep(SqliteBodyRows(self._writer, self._readers, self._shelves), now):
                yield line

    async def _orphans(self, now: int) -> int:
        freed, after = 0, 0
        while True:
            rows = await self._readers.read(lambda snapshot, after=after: snapshot.rows(ORPHANS, after, CHUNK))  # type: ignore[misc]  # a default binds the loop's value
            if not rows:
                return freed
            after = rows[-1][0]
            freed += await self._free([(number, bytes(name).hex(), bool(file)) for number, name, file in rows], now)

    async def _free(self, blobs: list[tuple[int, str, bool]], now: int) -> int:
        """Rows first, then files; a writer of the same content waits in between (``BlobFiles.doomed``)."""
        chosen = [blob for blob in blobs if blob[1] not in self._files.in_flight]
        done = asyncio.Event()
        for _, name, _ in chosen:
            self._files.doomed[name] = done
        try:
            gone = await self._writer.submit(
                lambda tx: _end_blobs(tx, [number for number, _, _ in chosen], now), heavy=True
            )
            names = [name for number, name, file in chosen if file and number in gone]
            await asyncio.get_running_loop().run_in_executor(self._files.syncing, self._unlink, names)
            return len(gone)
        finally:
            for _, name, _ in chosen:
                self._files.doomed.pop(name, None)
            done.set()

    def _unlink(self, names: list[str]) -> None:
        for name in names:
            self._files.unlink(name)

    async def _strays(self, now: int) -> int:
        """Files that were renamed just before a crash, so that no row ever named them."""
        loop = asyncio.get_running_loop()
        names = await loop.run_in_executor(self._files.syncing, self._files.every, now / 1000 - STRAY_AGE_SECONDS)
        removed = 0
        for start in range(0, len(names), CHUNK):
            removed += await self._remove_strays(names[start : start + CHUNK])
        return removed

    async def _remove_strays(self, names: list[str]) -> int:
        done = asyncio.Event()
        chosen = [BlobId(name) for name in names if name not in self._files.in_flight]
        for name in chosen:
            self._files.doomed[name] = done
        try:
            strays = await self._readers.read(lambda snapshot: _unknown(snapshot, chosen))
            await asyncio.get_running_loop().run_in_executor(self._files.syncing, self._unlink, strays)
            return len(strays)
        finally:
            for name in chosen:
                self._files.doomed.pop(name, None)
            done.set()

    async def _delivered(self, before: int) -> int:
        """Found by a reader: no index knows how old they are, and nobody who writes waits while all are looked at."""
        dropped = 0
        while keys := await self._readers.read(lambda snapshot: snapshot.rows(OLD_DELIVERED, before, 10 * CHUNK)):
            await self._writer.submit(lambda tx, keys=keys: _end_delivered(tx, keys), heavy=True)  # type: ignore[misc]  # a default binds the loop's value
            dropped += len(keys)
        return dropped

    async def _tombs(self, before: int) -> int:
        """The same; mailboxes a few at a time."""
        old = await self._readers.read(lambda snapshot: snapshot.rows(OLD_TOMBS, before))
        pruned = 0
        for start in range(0, len(old), CHUNK):
            some = old[start : start + CHUNK]
            pruned += await self._writer.submit(lambda tx, some=some: _prune(tx, some), heavy=True)  # type: ignore[misc]  # the same
        return pruned

    async def _ledger(self, before: int) -> int:
        dropped = 0
        while count := await self._writer.submit(lambda tx: _old_ledger(tx, before), heavy=True):
            dropped += count
        return dropped


def _end_blobs(tx: Tx, numbers: list[int], now: int) -> set[int]:
    """Those that really had no reference left; foreign keys would refuse the rest."""
    gone = {number for number in numbers if _end_blob(tx, number, now)}
    for number in numbers:
        tx.execute(END_ORPHAN, (number,))
    return gone


def _end_blob(tx: Tx, number: int, now: int) -> bool:
    """Its object, if it has one, goes first (its row refers to the blob's) and comes back if the blob stays."""
    row = tx.row(END_BODY, number)
    if not tx.run(END_BLOB, number):
        if row is not None:
            tx.execute(ADD_BODY, (row[0], number))
        return False
    if row is not None:
        tx.execute(TRASH_BODY, (row[0], now + TRASH_KEPT))
    return True


def _unknown(snapshot: Snapshot, names: list[BlobId]) -> list[str]:
    return [name for name in names if snapshot.row(FIND_BLOB, bytes.fromhex(name)) is None]


def _old_ledger(tx: Tx, before: int) -> int:
    tx.execute(OLD_FATES, (before, CHUNK))
    return tx.run(OLD_LEDGER, before, CHUNK)


def _end_delivered(tx: Tx, keys: Sequence[Row]) -> None:
    for key in keys:
        tx.execute(END_DELIVERED, key)


def _prune(tx: Tx, tombs: Sequence[Row]) -> int:
    """``tombs``: account, mailbox, and the mod-sequence up to which its tombstones go."""
    pruned = 0
    for account, mailbox, modseq in tombs:
        pruned += tx.run(PRUNE_TOMBS, account, mailbox, modseq)
        tx.execute(MARK_PRUNED, (account, mailbox, modseq))
    return pruned
