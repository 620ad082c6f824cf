"""Shelves: small facts of the offices, counts that only grow; and what makes one node of many: leases, allotments."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from posthouse.storage.shelf import Note, Tally
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.tallies import Tallies
from posthouse.storage.sqlite import directory
from posthouse.storage.sqlite.readers import Readers, Snapshot
from posthouse.storage.sqlite.tx import Tx
from posthouse.storage.sqlite.writer import HEAVY_MESSAGES, Writer

_render = SQLITE.render
_NAMED = "SELECT value FROM json_each(${n})"
PUT_NOTE = _render(sql.PUT_NOTE)
NOTES = _render(sql.NOTES.replace("{keys}", _NAMED.format(n=3)))
LIST_NOTES = _render(sql.LIST_NOTES)
DROP_NOTES = _render(sql.DROP_NOTES.replace("{keys}", _NAMED.format(n=2)))
OLD_NOTES = _render(sql.OLD_NOTES)
ADD_SCORE = _render(sql.ADD_SCORE)
SCORES = _render(sql.SCORES.replace("{keys}", _NAMED.format(n=2)))
LIST_SCORES = _render(sql.LIST_SCORES)
DROP_SCORES = _render(sql.DROP_SCORES.replace("{keys}", _NAMED.format(n=2)))
TAKE_LEASE = _render(sql.TAKE_LEASE)
READ_RATE = _render(sql.READ_RATE)
WRITE_RATE = _render(sql.WRITE_RATE)
OLD_RATES = _render(sql.OLD_RATES)

LAST_KEY = "\U0010ffff"
"""Behind every key that begins with the same prefix."""


def _names(keys: Sequence[str]) -> str:
    return msgspec.json.encode(list(keys)).decode()


class Shelves:
    """The questions, and the counts that wait to be written."""

    def __init__(self, writer: Writer, readers: Readers, now: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._now = now
        self._waiting = Tallies(now, self.write)
        self._written: asyncio.Future[None] | None = None
        """The latest writing, of the counts ``_on_the_way``; what comes before it is done before it."""
        self._on_the_way: set[tuple[str, str]] = set()

    async def get(self, name: str) -> bytes | None:
        row = await self._readers.read(lambda snapshot: snapshot.row(directory.GET_THING, name))
        return None if row is None else bytes(row[0])

    async def put(self, name: str, value: bytes) -> None:
        await self._writer.submit(lambda tx: directory.put_thing(tx, name, value))

    async def agree(self, name: str, value: bytes) -> bytes:
        return await self._writer.submit(lambda tx: directory.agree(tx, name, value))

    async def put_notes(self, notes: Sequence[Note]) -> None:
        await self._writer.submit(lambda tx: _put_notes(tx, notes), heavy=len(notes) > HEAVY_MESSAGES)

    async def notes(self, kind: str, keys: Sequence[str]) -> list[Note]:
        now, names = self._now(), _names(keys)
        return await self._readers.read(lambda snapshot: _notes(snapshot, NOTES, kind, now, names))

    async def list_notes(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> list[Note]:
        arguments = (kind, self._now(), after, prefix, prefix + LAST_KEY, limit)
        return await self._readers.read(lambda snapshot: _notes(snapshot, LIST_NOTES, *arguments))

    async def drop_notes(self, kind: str, keys: Sequence[str]) -> int:
        names = _names(keys)
        return await self._writer.submit(lambda tx: tx.run(DROP_NOTES, kind, names))

    async def add_tallies(self, tallies: Sequence[Tally]) -> None:
        self._waiting.add(tallies)

    def write(self) -> asyncio.Future[None] | None:
        """Submit what waits. None: nothing does."""
        waiting = self._waiting.take()
        if not waiting:
            return None
        written = self._writer.submit(lambda tx: _add(tx, list(waiting.values())), heavy=len(waiting) > 100)
        self._on_the_way.update(waiting)
        self._written = written
        written.add_done_callback(self._done)
        return written

    def _done(self, written: asyncio.Future[None]) -> None:
        written.cancelled() or written.exception()  # no promise was made
        if self._written is written:
            self._written = None
            self._on_the_way.clear()

    async def _settled(self) -> None:
        self.write()
        if self._written is not None:
            await asyncio.wait([self._written])

    async def tallies(self, kind: str, keys: Sequence[str]) -> list[Tally]:
        """Who asks for what was not counted of late waits for nobody's writing; who asks for nothing, for all."""
        if not keys or any((kind, key) in self._waiting or (kind, key) in self._on_the_way for key in keys):
            await self._settled()
        names = _names(keys)
        return await self._readers.read(lambda snapshot: _tallies(snapshot, SCORES, kind, names))

    async def list_tallies(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> list[Tally]:
        await self._settled()
        arguments = (kind, after, prefix, prefix + LAST_KEY, limit)
        return await self._readers.read(lambda snapshot: _tallies(snapshot, LIST_SCORES, *arguments))

    async def drop_tallies(self, kind: str, keys: Sequence[str]) -> int:
        self.write()  # a unit that comes later is done later
        names = _names(keys)
        return await self._writer.submit(lambda tx: tx.run(DROP_SCORES, kind, names))

    async def lease(self, name: str, owner: str, now: int, until: int) -> int | None:
        row = await self._writer.submit(lambda tx: tx.row(TAKE_LEASE, name, owner, now, until))
        return None if row is None else int(row[0])

    async def take(self, key: str, want: int, cap: int, window_ms: int, now: int) -> int:
        """Windows begin at multiples of their length, so that all nodes mean the same one."""
        ends = (now // window_ms + 1) * window_ms
        return await self._writer.submit(lambda tx: _take(tx, key, want, cap, ends))


def _notes(snapshot: Snapshot, statement: str, *arguments: object) -> list[Note]:
    return [Note(*row) for row in snapshot.rows(statement, *arguments)]


def _tallies(snapshot: Snapshot, statement: str, *arguments: object) -> list[Tally]:
    return [Tally(*row) for row in snapshot.rows(statement, *arguments)]


def _add(tx: Tx, tallies: Sequence[Tally]) -> None:
    for tally in tallies:
        tx.execute(ADD_SCORE, (tally.kind, tally.key, tally.a, tally.b, tally.at))


def _put_notes(tx: Tx, notes: Sequence[Note]) -> None:
    for note in notes:
        tx.execute(PUT_NOTE, (note.kind, note.key, note.value, note.at, note.expires_at))


def _take(tx: Tx, key: str, want: int, cap: int, ends: int) -> int:
    row = tx.row(READ_RATE, key)
    used = row[1] if row is not None and row[0] == ends else 0
    granted = max(0, min(want, cap - used))
    if granted:
        tx.execute(WRITE_RATE, (key, ends, used + granted))
    return granted


def sweep_shelves(tx: Tx, now: int) -> int:
    """Notes past their time; and windows of allotments, silently."""
    tx.run(OLD_RATES, now)
    return tx.run(OLD_NOTES, now)
