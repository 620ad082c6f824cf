"""The decision ledger: one record a trace."""

from collections.abc import Sequence

from posthouse.mail.ids import TraceId
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sqlite.readers import Snapshot
from posthouse.storage.sqlite.tx import Tx

_render = SQLITE.render
NOTE_TRACE = _render(sql.NOTE_TRACE)
RECORD = _render(sql.RECORD)
RECORDS = _render(sql.RECORDS)
FATES = _render(sql.FATES)
LATEST_TRACE = _render(sql.LATEST_TRACE)


def write_notes(tx: Tx, notes: Sequence[tuple[TraceId, int, bytes]]) -> None:
    """A note never replaces what an acceptance wrote."""
    for note in notes:
        tx.execute(NOTE_TRACE, note)


def record(snapshot: Snapshot, trace: str) -> bytes | None:
    row = snapshot.row(RECORD, trace)
    return None if row is None else bytes(row[0])


def fates(snapshot: Snapshot, trace: str) -> list[bytes]:
    return [bytes(octets) for (octets,) in snapshot.rows(FATES, trace)]


def latest_trace(snapshot: Snapshot) -> str:
    row = snapshot.row(LATEST_TRACE)
    return "" if row is None or row[0] is None else str(row[0])


def records(snapshot: Snapshot, since: int, limit: int) -> list[tuple[TraceId, int, bytes]]:
    return [(TraceId(trace), at, bytes(octets)) for trace, at, octets in snapshot.rows(RECORDS, since, limit)]
