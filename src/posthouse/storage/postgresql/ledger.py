"""The decision ledger: one record a trace; and notes on their way into it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from posthouse.mail.ids import TraceId
from posthouse.observe.ports import Journal
from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql import statements as sql

T = TypeVar("T")

NOTES_SECONDS = 1.0
MAX_NOTES = 10_000
NOTE_TRACES = """INSERT INTO ledger (trace, at, accepted, record)
    SELECT t, a, 0, r FROM unnest($1::text[], $2::bigint[], $3::bytea[]) v(t, a, r)
    ON CONFLICT (trace) DO UPDATE SET at = excluded.at, record = excluded.record WHERE ledger.accepted = 0"""


class Ledger:
    """Notes are written together, a second later at most; who asks for records waits for those before him."""

    def __init__(self, units: Units, journal: Journal) -> None:
        self._units = units
        self._journal = journal
        self._notes: dict[TraceId, tuple[int, bytes]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, trace: TraceId, at: int, record: bytes) -> None:
        if len(self._notes) >= MAX_NOTES:
            self._journal.note("ledger.full", dropped=len(self._notes))
            self._notes.clear()
        self._notes[trace] = (at, record)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(NOTES_SECONDS, self.write)

    def write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._notes:
            notes, self._notes = self._notes, {}
            writing = asyncio.get_running_loop().create_task(self._write(notes))
            self._writing.add(writing)
            writing.add_done_callback(self._writing.discard)

    async def _write(self, notes: dict[TraceId, tuple[int, bytes]]) -> None:
        traces = sorted(notes)
        ats, records = [notes[trace][0] for trace in traces], [notes[trace][1] for trace in traces]
        try:
            await self._units.write(lambda tx: tx.run(NOTE_TRACES, traces, ats, records))
        except StorageError:
            return  # no promise was made, and the journal knows

    async def settled(self) -> None:
        """Returns when the notes so far are written or given up."""
        self.write()
        if self._writing:
            await asyncio.wait(list(self._writing))

    async def record(self, trace: str) -> bytes | None:
        row = await self._ask(lambda tx: tx.row(sql.RECORD, trace))
        return None if row is None else row[0]

    async def fates(self, trace: str) -> Sequence[bytes]:
        return [row[0] for row in await self._units.read(lambda tx: tx.rows(sql.FATES, trace))]

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        rows = await self._ask(lambda tx: tx.rows(sql.RECORDS, since, limit))
        return [(TraceId(trace), at, octets) for trace, at, octets in rows]

    async def latest_trace(self) -> str:
        row = await self._units.read(lambda tx: tx.row(sql.LATEST_TRACE))
        return "" if row is None or row[0] is None else str(row[0])

    async def _ask(self, question: Callable[[Tx], Awaitable[T]]) -> T:
        await self.settled()
        return await self._units.read(question)
