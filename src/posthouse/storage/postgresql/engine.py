"""The distributed engine as one ``Store``: opened, put together of its offices, closed."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from posthouse.lib.ports import Clock, Ids
from posthouse.observe.ports import Journal
from posthouse.storage.bodies import Bodies
from posthouse.storage.errors import StorageError
from posthouse.storage.offices import Offices
from posthouse.storage.ports import Blobs
from posthouse.storage.postgresql.address import EngineAddress, parse_engine
from posthouse.storage.postgresql.blobs import PostgresBlobs
from posthouse.storage.postgresql.boxes import Boxes
from posthouse.storage.postgresql.connecting import Unreachable, connect
from posthouse.storage.postgresql.hints import POLL_SECONDS, Hints
from posthouse.storage.postgresql.lanes import Lanes, make_lanes
from posthouse.storage.postgresql.ledger import Ledger
from posthouse.storage.postgresql.migrate import migrate
from posthouse.storage.postgresql.nodes import Membership, Node, forget_nodes, read_nodes
from posthouse.storage.postgresql.numbers import FIRST
from posthouse.storage.postgresql.people import People
from posthouse.storage.postgresql.queue import Queue
from posthouse.storage.postgresql.shelves import Shelves
from posthouse.storage.postgresql.standing import look
from posthouse.storage.postgresql.sweep import Sweeper
from posthouse.storage.postgresql.units import HOLD_SECONDS
from posthouse.storage.sql.migrations import MIGRATIONS, Migration
from posthouse.storage.standing import Standing

OPENING_SECONDS = 10.0
"""How long an engine that cannot be reached is tried when the store is opened: then somebody should know."""
AGAIN_SECONDS = 0.5


async def open_store(
    engine: str,
    *,
    spool: Path,
    clock: Clock,
    ids: Ids,
    journal: Journal,
    node: str = "",
    dead: Sequence[str] = (),
    bodies: Bodies | None = None,
    on_slot: Callable[[int], None] = lambda _slot: None,
    hold_seconds: float = HOLD_SECONDS,
    poll_seconds: float = POLL_SECONDS,
    migrations: Sequence[Migration] = MIGRATIONS,
    first_number: int = FIRST,
) -> "PostgresStore":
    """The store at ``engine``, its schema brought up to date. ``StorageError`` says what is wrong and what to do.

    ``spool`` is a directory of this process alone, for large content on its way in. With ``bodies``, large
    content goes there instead of into the database; they are closed with the store. ``on_slot`` hears of our slot.
    ``dead`` are nodes known to live no more: what they held in the queue is due at once.
    """
    address, now = parse_engine(engine), partial(_milliseconds, clock)
    name = node or f"node-{ids.token(9)}"
    hints = Hints(partial(connect, address, asynchronous=True), node=name, journal=journal, poll_seconds=poll_seconds)
    lanes = make_lanes(
        address, node=name, journal=journal, committed=hints.committed, hold_seconds=hold_seconds, first=first_number
    )
    membership = Membership(
        lanes.durable, name, now=now, journal=journal, on_slot=on_slot, schema=migrations[-1].number
    )
    blobs = PostgresBlobs(lanes.durable, spool, bodies, ids=ids, now=now)
    store = PostgresStore(Parts(address, lanes, hints, membership, blobs, bodies, journal, now))
    try:
        await store.open(migrations, dead)
    except BaseException:
        await store.close()
        raise
    return store


@dataclass(frozen=True, slots=True)
class Parts:
    """What the offices of a node work with. Nothing of it is connected yet."""

    address: EngineAddress
    lanes: Lanes
    hints: Hints
    membership: Membership
    blobs: PostgresBlobs
    bodies: Bodies | None
    journal: Journal
    now: Callable[[], int]


class PostgresStore(Offices):
    """The offices of one node; made by ``open_store``."""

    def __init__(self, parts: Parts) -> None:
        self.units = parts.lanes.durable
        """For ``storage.cells``, which moves accounts between engines."""
        self._parts = parts
        self._queue = Queue(self.units, parts.blobs.key_of, parts.now)
        self._ledger = Ledger(self.units, parts.journal)
        self._shelves = Shelves(self.units, parts.lanes.loose, parts.now)
        super().__init__(
            queue=self._queue,
            mailboxes=Boxes(self.units, parts.now),
            people=People(self.units, parts.now),
            ledger=self._ledger,
            shelves=self._shelves,
            hints=parts.hints,
        )
        self.blobs: Blobs = parts.blobs
        self.sweep = Sweeper(self.units, parts.blobs, self._shelves, parts.bodies).sweep

    async def open(self, migrations: Sequence[Migration], dead: Sequence[str]) -> None:
        """Reach the engine, bring the schema up to date, become one of the nodes; ``dead`` are some no more."""
        await self._reach()
        await migrate(self.units, self._parts.now(), migrations)
        await self._parts.membership.join()
        for name in dead:
            await self.reclaim(name)
        await self.units.write(lambda tx: forget_nodes(tx, dead))
        await asyncio.to_thread(self._parts.blobs.prepare)
        await self._parts.hints.start(self.units)

    async def _reach(self) -> None:
        end = asyncio.get_running_loop().time() + OPENING_SECONDS
        while True:
            try:
                connection = await connect(self._parts.address)
            except Unreachable:
                if asyncio.get_running_loop().time() >= end:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                await connection.close()
                return

    @property
    def node(self) -> str:
        """Our name, unique to this life of the process: the owner of what we hold in the queue."""
        return self._parts.membership.name

    @property
    def slot(self) -> int:
        """Ours alone among the nodes that live, 0 to 960."""
        return self._parts.membership.slot

    @property
    def is_held(self) -> bool:
        """Whether units are being repeated: it may be a failover."""
        return self.units.is_held

    async def nodes(self) -> Sequence[Node]:
        """All that are registered, the oldest first."""
        return await self.units.read(read_nodes)

    async def hold_job(self, job: str, seconds: float) -> bool:
        """Whether ``job`` is ours for so long; 0 gives it back."""
        now = self._parts.now()
        return await self.lease(job, self.node, now, now + int(seconds * 1000)) is not None

    async def standing(self) -> Standing:
        return await look(self._parts.address, self.units, self._parts.now)

    async def close(self) -> None:
        await self._queue.close()
        await self._ledger.settled()
        await self._shelves.settled()
        with suppress(StorageError):
            await self._parts.membership.leave()
        await self._parts.hints.close()
        await self._parts.lanes.close()
        await asyncio.to_thread(self._parts.blobs.close)
        if self._parts.bodies is not None:
            await self._parts.bodies.close()


def _milliseconds(clock: Clock) -> int:
    return int(clock.now() * 1000)
