"""What the sweep of objects asks this engine."""

from collections.abc import Sequence

from posthouse.storage.ports import Shelves
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sqlite.readers import Readers, Snapshot
from posthouse.storage.sqlite.tx import Tx
from posthouse.storage.sqlite.writer import Writer

_render = SQLITE.render
DUE_TRASH = _render(sql.DUE_TRASH)
END_TRASH = _render(sql.END_TRASH)
BODY_NEEDED = _render(sql.BODY_NEEDED)


class SqliteBodyRows:
    """Implements ``BodyRows``."""

    def __init__(self, writer: Writer, readers: Readers, shelves: Shelves) -> None:
        self._writer = writer
        self._readers = readers
        self.get, self.put, self.lease = shelves.get, shelves.put, shelves.lease

    async def due_trash(self, now: int, limit: int) -> Sequence[str]:
        rows = await self._readers.read(lambda snapshot: snapshot.rows(DUE_TRASH, now, limit))
        return [key for (key,) in rows]

    async def end_trash(self, keys: Sequence[str]) -> None:
        await self._writer.submit(lambda tx: _end(tx, keys))

    async def needed(self, keys: Sequence[str]) -> frozenset[str]:
        return await self._readers.read(lambda snapshot: _needed(snapshot, keys))


def _end(tx: Tx, keys: Sequence[str]) -> None:
    for key in keys:
        tx.execute(END_TRASH, (key,))


def _needed(snapshot: Snapshot, keys: Sequence[str]) -> frozenset[str]:
    return frozenset(key for key in keys if snapshot.row(BODY_NEEDED, key) is not None)
