"""What the sweep of objects asks this engine."""

from collections.abc import Sequence

from posthouse.storage.ports import Shelves
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql import statements as sql

END_TRASH = "DELETE FROM body_trash WHERE object = ANY($1::text[])"
BODIES_NEEDED = "SELECT object FROM body WHERE object = ANY($1::text[])"


class PostgresBodyRows:
    """Implements ``BodyRows``."""

    def __init__(self, units: Units, shelves: Shelves) -> None:
        self._units = units
        self.get, self.put, self.lease = shelves.get, shelves.put, shelves.lease

    async def due_trash(self, now: int, limit: int) -> Sequence[str]:
        return [row[0] for row in await self._units.read(lambda tx: tx.rows(sql.DUE_TRASH, now, limit))]

    async def end_trash(self, keys: Sequence[str]) -> None:
        await self._units.write(lambda tx: tx.run(END_TRASH, list(keys)))

    async def needed(self, keys: Sequence[str]) -> frozenset[str]:
        async def question(tx: Tx) -> frozenset[str]:
            return frozenset([row[0] for row in await tx.rows(BODIES_NEEDED, list(keys))])

        return await self._units.read(question)
