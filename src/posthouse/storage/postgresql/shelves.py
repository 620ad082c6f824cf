"""Shelves: small facts of the offices, counts that only grow; and what makes one node of many: leases, allotments."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.directory import agree, put_thing
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.shelf import Note, Tally
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.tallies import Tallies

_NAMED = "SELECT unnest(${n}::text[])"
PUT_NOTES = """INSERT INTO note (kind, key, value, at, expires_at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[])
    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, at = excluded.at, expires_at = excluded.expires_at"""
NOTES = sql.NOTES.replace("{keys}", _NAMED.format(n=3))
DROP_NOTES = sql.DROP_NOTES.replace("{keys}", _NAMED.format(n=2))
ADD_SCORES = """INSERT INTO score (kind, key, a, b, at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
    ON CONFLICT (kind, key) DO UPDATE SET a = score.a + excluded.a, b = score.b + excluded.b, at = excluded.at"""
SCORES = sql.SCORES.replace("{keys}", _NAMED.format(n=2))
DROP_SCORES = sql.DROP_SCORES.replace("{keys}", _NAMED.format(n=2))
HOLD_RATE = """INSERT INTO rate (key, ends, used) VALUES ($1, $2, 0)
    ON CONFLICT (key) DO UPDATE SET ends = excluded.ends,
    used = CASE WHEN rate.ends = excluded.ends THEN rate.used ELSE 0 END RETURNING used"""
"""What is used of this window; the row is held from now on."""

LAST_KEY = "\U0010ffff"
"""Behind every key that begins with the same prefix."""


class Shelves:
    """The questions, and the counts that wait to be written. ``loose`` is for what a failover may lose."""

    def __init__(self, units: Units, loose: Units, now: Callable[[], int]) -> None:
        self._units = units
        self._loose = loose
        self._now = now
        self._waiting = Tallies(now, self.write)
        self._on_the_way: Counter[tuple[str, str]] = Counter()
        self._writing: set[asyncio.Task[None]] = set()

    async def get(self, name: str) -> bytes | None:
        row = await self._units.read(lambda tx: tx.row(sql.GET_THING, name))
        return None if row is None else row[0]

    async def put(self, name: str, value: bytes) -> None:
        await self._units.write(lambda tx: put_thing(tx, name, value))

    async def agree(self, name: str, value: bytes) -> bytes:
        return await self._units.write(lambda tx: agree(tx, name, value))

    async def put_notes(self, notes: Sequence[Note]) -> None:
        last = {(note.kind, note.key): note for note in notes}
        rows = [(*key, last[key].value, last[key].at, last[key].expires_at) for key in sorted(last)]
        if rows:
            await self._units.write(lambda tx: tx.rows(PUT_NOTES, *map(list, zip(*rows, strict=True))))

    async def notes(self, kind: str, keys: Sequence[str]) -> list[Note]:
        return await self._units.read(lambda tx: _notes(tx, NOTES, kind, self._now(), list(keys)))

    async def list_notes(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> list[Note]:
        arguments = (kind, self._now(), after, prefix, prefix + LAST_KEY, limit)
        return await self._units.read(lambda tx: _notes(tx, sql.LIST_NOTES, *arguments))

    async def drop_notes(self, kind: str, keys: Sequence[str]) -> int:
        return await self._units.write(lambda tx: tx.run(DROP_NOTES, kind, list(keys)))

    async def add_tallies(self, tallies: Sequence[Tally]) -> None:
        self._waiting.add(tallies)

    def write(self) -> None:
        waiting = self._waiting.take()
        if waiting:
            rows = [(*key, waiting[key].a, waiting[key].b, waiting[key].at) for key in sorted(waiting)]
            writing = asyncio.get_running_loop().create_task(self._count(rows))
            self._writing.add(writing)
            self._on_the_way.update(waiting.keys())
            writing.add_done_callback(self._writing.discard)

    async def _count(self, rows: list[tuple[str, str, int, int, int]]) -> None:
        try:  # repeated after an unknown outcome it would count twice
            await self._units.write(
                lambda tx: tx.rows(ADD_SCORES, *map(list, zip(*rows, strict=True))), repeatable=False
            )
        except StorageError:
            return  # no promise was made, and the journal knows
        finally:
            self._on_the_way.subtract(row[:2] for row in rows)
            self._on_the_way = +self._on_the_way

    async def settled(self) -> None:
        """Returns when the counts so far are written or given up."""
        self.write()
        if self._writing:
            await asyncio.wait(list(self._writing))

    async def tallies(self, kind: str, keys: Sequence[str]) -> list[Tally]:
        """Who asks for what was not counted of late waits for nobody's writing; who asks for nothing, for all."""
        if not keys or any((kind, key) in self._waiting or self._on_the_way[kind, key] for key in keys):
            await self.settled()
        return await self._units.read(lambda tx: _tallies(tx, SCORES, kind, list(keys)))

    async def list_tallies(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> list[Tally]:
        await self.settled()
        arguments = (kind, after, prefix, prefix + LAST_KEY, limit)
        return await self._units.read(lambda tx: _tallies(tx, sql.LIST_SCORES, *arguments))

    async def drop_tallies(self, kind: str, keys: Sequence[str]) -> int:
        await self.settled()
        return await self._units.write(lambda tx: tx.run(DROP_SCORES, kind, list(keys)))

    async def lease(self, name: str, owner: str, now: int, until: int) -> int | None:
        row = await self._units.write(lambda tx: tx.row(sql.TAKE_LEASE, name, owner, now, until))
        return None if row is None else int(row[0])

    async def take(self, key: str, want: int, cap: int, window_ms: int, now: int) -> int:
        """Windows begin at multiples of their length, so that all nodes mean the same one."""
        ends = (now // window_ms + 1) * window_ms
        return await self._loose.write(lambda tx: _take(tx, key, want, cap, ends))


async def _take(tx: Tx, key: str, want: int, cap: int, ends: int) -> int:
    row = await tx.row(HOLD_RATE, key, ends)
    before = 0 if row is None else int(row[0])
    granted = max(0, min(want, cap - before))
    if granted:
        await tx.run(sql.WRITE_RATE, key, ends, before + granted)
    return granted


async def _notes(tx: Tx, statement: str, *arguments: object) -> list[Note]:
    return [Note(*row) for row in await tx.rows(statement, *arguments)]


async def _tallies(tx: Tx, statement: str, *arguments: object) -> list[Tally]:
    return [Tally(*row) for row in await tx.rows(statement, *arguments)]
