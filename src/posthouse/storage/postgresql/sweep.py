"""Housekeeping in small units, so that nobody waits long behind it. Any node may do it, also two at once.

A blob's row is locked before it is asked whether anybody refers to it, and who
refers to one that was there before locks it too: a reference made meanwhile
either comes first and is seen, or finds no blob, and its unit is repeated and
stores the content again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from posthouse.storage.bodies import TRASH_KEPT, Bodies
from posthouse.storage.errors import Missing, Moved
from posthouse.storage.postgresql.blobs import PostgresBlobs
from posthouse.storage.postgresql.body_rows import PostgresBodyRows
from posthouse.storage.postgresql.shelves import Shelves
from posthouse.storage.postgresql.threads import PostgresThreads
from posthouse.storage.postgresql.tx import Row, Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.threads import sweep_threads

DAY = 24 * 3600 * 1000
LEDGER_KEPT = 30 * DAY
DELIVERED_KEPT = 14 * DAY
"""Longer than any queue lifetime, so that a repeated delivery always meets its first."""
TOMBS_KEPT = 90 * DAY
NODES_KEPT = DAY
CHUNK = 200
TOMBS_AT_ONCE = 20

LOCK_BLOBS = "SELECT blob_no FROM blob WHERE blob_no = ANY($1::bigint[]) ORDER BY hash FOR UPDATE"
OLD_UPLOADS = "DELETE FROM upload WHERE blob_no = ANY($1::bigint[]) AND until <= $2"
UNUSED = """SELECT blob_no FROM blob b WHERE blob_no = ANY($1::bigint[])
    AND NOT EXISTS (SELECT 1 FROM letter WHERE letter.blob_no = b.blob_no)
    AND NOT EXISTS (SELECT 1 FROM posting WHERE posting.blob_no = b.blob_no)
    AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.blob_no = b.blob_no)"""
END_BODIES = "DELETE FROM body WHERE blob_no = ANY($1::bigint[]) RETURNING object"
TRASH_BODIES = """INSERT INTO body_trash (object, delete_after) SELECT unnest($1::text[]), $2
    ON CONFLICT (object) DO NOTHING"""
END_PIECES = "DELETE FROM piece WHERE blob_no = ANY($1::bigint[])"
END_BLOBS = "DELETE FROM blob WHERE blob_no = ANY($1::bigint[])"
END_ORPHANS = """DELETE FROM orphan WHERE blob_no = ANY($1::bigint[])
    AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.blob_no = orphan.blob_no)"""
OLD_DELIVERED = "DELETE FROM delivered WHERE ctid = ANY(ARRAY(SELECT ctid FROM delivered WHERE at < $1 LIMIT 5000))"
OLD_NODES = "DELETE FROM node WHERE seen < $1"
OLD_REPEATS = """DELETE FROM counter WHERE name LIKE 'repeats.%'
    AND NOT EXISTS (SELECT 1 FROM node WHERE counter.name = 'repeats.' || node.name)"""


class Sweeper:
    """Frees what nobody refers to."""

    def __init__(self, units: Units, blobs: PostgresBlobs, shelves: Shelves, bodies: Bodies | None) -> None:
        self._units = units
        self._blobs = blobs
        self._shelves = shelves
        self._bodies = bodies

    async def sweep(self, now: int) -> AsyncIterator[str]:
        write = self._units.write
        for title, freed in (
            ("blobs freed", await self._orphans(now)),
            ("ledger records dropped", await self._repeat(lambda tx: _old_ledger(tx, now - LEDGER_KEPT))),
            ("delivery keys dropped", await self._repeat(lambda tx: tx.run(OLD_DELIVERED, now - DELIVERED_KEPT))),
            ("tombstones dropped", await self._tombs(now - TOMBS_KEPT)),
            ("keys of threads dropped", await sweep_threads(PostgresThreads(self._units))),
            ("notes expired", await write(lambda tx: _old_notes(tx, now))),
            ("nodes forgotten", await write(lambda tx: _old_nodes(tx, now - NODES_KEPT))),
        ):
            if freed:
                yield f"{freed} {title}"
        if self._bodies is not None:
            async for line in self._bodies.sweep(PostgresBodyRows(self._units, self._shelves), now):
                yield line

    async def _repeat(self, unit: Callable[[Tx], Awaitable[int]]) -> int:
        """Small transactions until nothing is left."""
        total = 0
        while count := await self._units.write(unit):
            total += count
        return total

    async def _tombs(self, before: int) -> int:
        """A few mailboxes at a time: their accounts are locked until the commit, and their mail waits."""
        old = await self._units.read(lambda tx: tx.rows(sql.OLD_TOMBS + " ORDER BY 1, 2", before))
        pruned = 0
        for start in range(0, len(old), TOMBS_AT_ONCE):
            some = old[start : start + TOMBS_AT_ONCE]
            pruned += await self._units.write(lambda tx, some=some: _prune(tx, some))  # type: ignore[misc]  # a default binds the loop's value
        return pruned

    async def _orphans(self, now: int) -> int:
        freed, after = 0, 0
        while True:
            rows = await self._units.read(lambda tx, after=after: tx.rows(sql.ORPHANS, after, CHUNK))  # type: ignore[misc]  # a default binds the loop's value
            if not rows:
                return freed
            after = rows[-1][0]
            chosen = [number for number, name, _ in rows if name.hex() not in self._blobs.in_flight]
            freed += await self._units.write(lambda tx, chosen=chosen: _end_blobs(tx, chosen, now))  # type: ignore[misc]  # the same


async def _end_blobs(tx: Tx, numbers: list[int], now: int) -> int:
    """Those that have no reference left, under their locks."""
    await tx.rows(LOCK_BLOBS, numbers)
    await tx.run(OLD_UPLOADS, numbers, now)
    unused = [row[0] for row in await tx.rows(UNUSED, numbers)]
    await tx.run(END_PIECES, unused)
    objects = sorted(row[0] for row in await tx.rows(END_BODIES, unused))
    await tx.run(TRASH_BODIES, objects, now + TRASH_KEPT)
    await tx.run(END_ORPHANS, numbers)
    return await tx.run(END_BLOBS, unused)


async def _old_ledger(tx: Tx, before: int) -> int:
    await tx.run(sql.OLD_FATES, before, CHUNK)
    return await tx.run(sql.OLD_LEDGER, before, CHUNK)


async def _prune(tx: Tx, tombs: Sequence[Row]) -> int:
    """``tombs``: account, mailbox, and the mod-sequence up to which its tombstones go. Who has moved is left alone."""
    pruned = 0
    for account, mailbox, modseq in tombs:
        with suppress(Missing, Moved):
            await tx.lock((account,))
            pruned += await tx.run(sql.PRUNE_TOMBS, account, mailbox, modseq)
            await tx.run(sql.MARK_PRUNED, account, mailbox, modseq)
    return pruned


async def _old_notes(tx: Tx, now: int) -> int:
    """Notes past their time; and windows of allotments, silently."""
    await tx.run(sql.OLD_RATES, now)
    return await tx.run(sql.OLD_NOTES, now)


async def _old_nodes(tx: Tx, before: int) -> int:
    gone = await tx.run(OLD_NODES, before)
    await tx.run(OLD_REPEATS)
    return gone
