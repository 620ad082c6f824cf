"""The decision ledger: one record a trace; and notes on their way into it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from posthouse.mail.ids import TraceId
from posthouse.observe.ports import Journal
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sqlite.readers import Readers, Snapshot
from posthouse.storage.sqlite.tx import Tx
from posthouse.storage.sqlite.writer import Writer

T = TypeVar("T")

NOTES_SECONDS = 1.0
MAX_NOTES = 10_000

_render = SQLITE.render
NOTE_TRACE = _render(sql.NOTE_TRACE)
RECORD = _render(sql.RECORD)
RECORDS = _render(sql.RECORDS)
FATES = _render(sql.FATES)
LATEST_TRACE = _render(sql.LATEST_TRACE)


class Ledger:
    """Notes are written together, a second later at most; who asks for records waits for those before him."""

    def __init__(self, writer: Writer, readers: Readers, journal: Journal) -> None:
        self._writer = writer
        self._readers = readers
        self._journal = journal
        self._notes: list[tuple[TraceId, int, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None

    def note(self, trace: TraceId, at: int, record: bytes) -> None:
        if len(self._notes) >= MAX_NOTES:
            self._journal.note("ledger.full", dropped=len(self._notes))
            self._notes.clear()
        self._notes.append((trace, at, record))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(NOTES_SECONDS, self.write)

    def write(self) -> asyncio.Future[None] | None:
        """Submit what waits. None: nothing does."""
        if not self._notes:
            return None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        notes, self._notes = self._notes, []
        written = self._writer.submit(lambda tx: _write_notes(tx, notes))
        written.add_done_callback(lambda done: done.cancelled() or done.exception())  # no promise was made
        return written

    async def record(self, trace: str) -> bytes | None:
        row = await self._after_notes(lambda snapshot: snapshot.row(RECORD, trace))
        return None if row is None else bytes(row[0])

    async def fates(self, trace: str) -> Sequence[bytes]:
        return [bytes(octets) for (octets,) in await self._readers.read(lambda snapshot: snapshot.rows(FATES, trace))]

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        rows = await self._after_notes(lambda snapshot: snapshot.rows(RECORDS, since, limit))
        return [(TraceId(trace), at, bytes(octets)) for trace, at, octets in rows]

    async def latest_trace(self) -> str:
        row = await self._readers.read(lambda snapshot: snapshot.row(LATEST_TRACE))
        return "" if row is None or row[0] is None else str(row[0])

    async def _after_notes(self, question: Callable[[Snapshot], T]) -> T:
        written = self.write()
        if written is not None:
            await asyncio.wait([written])
        return await self._readers.read(question)


def _write_notes(tx: Tx, notes: Sequence[tuple[TraceId, int, bytes]]) -> None:
    """A note never replaces what an acceptance wrote."""
    for note in notes:
        tx.execute(NOTE_TRACE, note)
