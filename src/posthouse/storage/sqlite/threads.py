"""Implements ``storage.sql.threads.Threads``: readers look, the writer ends."""

from collections.abc import Sequence

from posthouse.storage.errors import Missing
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql import threads
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.threads import Dead
from posthouse.storage.sqlite.late import ACCOUNT_MODSEQ
from posthouse.storage.sqlite.readers import Readers, Snapshot
from posthouse.storage.sqlite.tx import Tx
from posthouse.storage.sqlite.writer import Writer

_render = SQLITE.render
GET_THING = _render(sql.GET_THING)
PUT_THING = _render(sql.PUT_THING)
TURN = _render(threads.TURN)
COUNTED = f"SELECT {ACCOUNT_MODSEQ} FROM tally t WHERE t.account_id = ?1"  # noqa: S608  ours
DEAD = _render(threads.DEAD)
END = _render(threads.END)


class SqliteThreads:
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def after(self) -> int:
        row = await self._readers.read(lambda snapshot: snapshot.row(GET_THING, threads.AFTER))
        return 0 if row is None else int(row[0])

    async def remember(self, after: int) -> None:
        await self._writer.submit(lambda tx: tx.run(PUT_THING, threads.AFTER, b"%d" % after))

    async def turn(self, after: int) -> Sequence[tuple[int, int]]:
        return await self._readers.read(
            lambda snapshot: [(row[0], row[1]) for row in snapshot.rows(TURN, after, threads.ACCOUNTS)]
        )

    async def dead(self, account: int) -> Dead:
        return await self._readers.read(lambda snapshot: _dead(snapshot, account))

    async def end(self, account: int, modseq: int, keys: Sequence[bytes]) -> int:
        return await self._writer.submit(lambda tx: _end(tx, account, modseq, keys), heavy=True)


def _dead(snapshot: Snapshot, account: int) -> Dead:
    row = snapshot.row(COUNTED, account)
    if row is None:
        return Dead(0, ())
    return Dead(row[0], [bytes(one[0]) for one in snapshot.rows(DEAD, account, threads.AT_ONCE)])


def _end(tx: Tx, account: int, modseq: int, keys: Sequence[bytes]) -> int:
    try:
        if tx.tally(account).modseq != modseq:
            return 0
    except Missing:
        return 0
    return sum([tx.run(END, account, key) for key in keys])
