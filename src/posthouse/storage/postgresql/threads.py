"""Implements ``storage.sql.threads.Threads``: an account is held while some of its keys end."""

from collections.abc import Sequence

from posthouse.storage.errors import Missing, Moved
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql import threads
from posthouse.storage.sql.threads import Dead

END = "DELETE FROM thread WHERE account_id = $1 AND key = ANY($2::bytea[])"


class PostgresThreads:
    def __init__(self, units: Units) -> None:
        self._units = units

    async def after(self) -> int:
        row = await self._units.read(lambda tx: tx.row(sql.GET_THING, threads.AFTER))
        return 0 if row is None else int(row[0])

    async def remember(self, after: int) -> None:
        await self._units.write(lambda tx: tx.run(sql.PUT_THING, threads.AFTER, b"%d" % after))

    async def turn(self, after: int) -> Sequence[tuple[int, int]]:
        rows = await self._units.read(lambda tx: tx.rows(threads.TURN, after, threads.ACCOUNTS))
        return [(row[0], int(row[1])) for row in rows]

    async def dead(self, account: int) -> Dead:
        return await self._units.read(lambda tx: _dead(tx, account))

    async def end(self, account: int, modseq: int, keys: Sequence[bytes]) -> int:
        return await self._units.write(lambda tx: _end(tx, account, modseq, keys))


async def _dead(tx: Tx, account: int) -> Dead:
    """The counter first: what is committed in between has moved it on."""
    row = await tx.row(threads.COUNTED, account)
    if row is None or row[0] < 0:  # storage.cells.moving
        return Dead(0, ())
    return Dead(row[0], [one[0] for one in await tx.rows(threads.DEAD, account, threads.AT_ONCE)])


async def _end(tx: Tx, account: int, modseq: int, keys: Sequence[bytes]) -> int:
    try:
        if (await tx.tally(account)).modseq != modseq:
            return 0
    except (Missing, Moved):
        return 0
    return await tx.run(END, account, list(keys))
