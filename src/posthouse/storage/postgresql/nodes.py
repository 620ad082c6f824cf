"""The nodes of a database: each has a name of its own in every life, and a slot nobody else has.

The name owns leases in the queue and jobs; a dead node's run out by
themselves. The slot goes into trace ids, so that two nodes never make the same
one in the same millisecond.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posthouse import __version__
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import SchemaTooNew, StorageError
from posthouse.storage.postgresql.migrate import knows_enough
from posthouse.storage.postgresql.posting import reclaim
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units

SLOTS = 961
"""What two letters of a trace id can say."""
SEEN_SECONDS = 10.0
DEAD_MILLISECONDS = 60_000
"""A node that was not seen for so long is dead, or as good as."""

SLOTS_TAKEN = "SELECT slot FROM node"
TURN_SLOT = """INSERT INTO counter (name, value) VALUES ('slot', 0)
    ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"""
"""A slot is used again only after all others: a busy node's ids run ahead of its clock, and who came after it with the
same slot would repeat them (measured: 2 of 45,000)."""
JOIN = "INSERT INTO node (name, slot, version, joined_at, seen) VALUES ($1, $2, $3, $4, $4)"
SEEN = "UPDATE node SET seen = $2 WHERE name = $1"
LEAVE = "DELETE FROM node WHERE name = $1"
FORGET = "DELETE FROM node WHERE name = ANY($1::text[])"
NODES = "SELECT name, slot, version, joined_at, seen FROM node ORDER BY joined_at, name"


@dataclass(frozen=True, slots=True)
class Node:
    """One process that serves a database."""

    name: str
    slot: int
    version: str
    joined_at: int
    seen: int


class Membership:
    """Our own row, kept fresh. ``schema`` is the latest that we know; ``on_slot`` hears of our slot."""

    def __init__(
        self,
        units: Units,
        name: str,
        *,
        now: Callable[[], int],
        journal: Journal,
        on_slot: Callable[[int], None],
        schema: int,
    ) -> None:
        self._units = units
        self.name = name
        self._schema = schema
        self._now = now
        self._journal = journal
        self._on_slot = on_slot
        self.slot = -1
        self._task: asyncio.Task[None] | None = None

    async def join(self) -> None:
        self._adopt(await self._units.write(self._enter))
        self._task = asyncio.get_running_loop().create_task(self._stay())

    def _adopt(self, slot: int) -> None:
        self.slot = slot
        self._on_slot(slot)

    async def _enter(self, tx: Tx) -> int:
        turn = int((await tx.rows(TURN_SLOT))[0][0])
        taken = {row[0] for row in await tx.rows(SLOTS_TAKEN)}
        free = next((slot % SLOTS for slot in range(turn, turn + SLOTS) if slot % SLOTS not in taken), None)
        if free is None:
            raise StorageError(f"{SLOTS} nodes are registered with this database: no room for another one")
        await tx.run(JOIN, self.name, free, __version__, self._now())
        return free

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(SEEN_SECONDS)
            try:
                self._adopt(await self._units.write(self._be_seen))
            except SchemaTooNew as error:
                self._journal.note("node.outdated", Level.ALARM, reason=str(error))
                self._units.refuse(error)
            except StorageError as error:
                self._journal.note("node.unseen", Level.WARNING, reason=str(error))

    async def _be_seen(self, tx: Tx) -> int:
        if not await knows_enough(tx, self._schema):  # we were away while the others were upgraded
            raise SchemaTooNew(f"the data is served by a later release now, and we know schema {self._schema}: upgrade")
        if await tx.run(SEEN, self.name, self._now()):
            return self.slot
        return await self._enter(tx)  # forgotten after a day of silence: another one may have our slot

    async def leave(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.slot >= 0:
            await self._units.write(self._exit)

    async def _exit(self, tx: Tx) -> None:
        """What we could not finish is due at once: nobody waits for the lease of who has left."""
        await reclaim(tx, self.name)
        await tx.run(LEAVE, self.name)


async def forget_nodes(tx: Tx, names: Sequence[str]) -> None:
    """Those that are known to live no more."""
    if names:
        await tx.run(FORGET, list(names))


async def read_nodes(tx: Tx) -> list[Node]:
    return [Node(*row) for row in await tx.rows(NODES)]
