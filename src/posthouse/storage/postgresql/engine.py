"""The distributed engine as one ``Store``: opened, put together of its offices, closed."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from posthouse import __version__
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.ids import AccountId, TraceId
from posthouse.observe.ports import Journal
from posthouse.storage.bodies import Bodies
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Blobs
from posthouse.storage.postgresql import ledger
from posthouse.storage.postgresql.address import EngineAddress, parse_engine
from posthouse.storage.postgresql.blobs import PostgresBlobs
from posthouse.storage.postgresql.boxes import Boxes
from posthouse.storage.postgresql.connecting import Unreachable, connect
from posthouse.storage.postgresql.hints import DIRECTORY, DUE, POLL_SECONDS, Hints
from posthouse.storage.postgresql.migrate import migrate
from posthouse.storage.postgresql.nodes import Membership, Node, forget_nodes, read_nodes
from posthouse.storage.postgresql.numbers import FIRST, TAKE_BLOCK, Numbers
from posthouse.storage.postgresql.people import People
from posthouse.storage.postgresql.pool import Connect, Pool
from posthouse.storage.postgresql.queue import Queue
from posthouse.storage.postgresql.shelves import Shelves
from posthouse.storage.postgresql.standing import ask_servers, read_standing
from posthouse.storage.postgresql.sweep import Sweeper
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import HOLD_SECONDS, Units
from posthouse.storage.shelf import Tally
from posthouse.storage.sql.migrations import MIGRATIONS, Migration
from posthouse.storage.standing import Standing
from posthouse.storage.watching import Watchers

SESSIONS = 8
"""With the server, for units and reads."""
OPENING_SECONDS = 10.0
"""How long an engine that cannot be reached is tried when the store is opened: then somebody should know."""
AGAIN_SECONDS = 0.5
LOOSE_SECONDS = 2.0
"""How long what may be lost is tried."""


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
    address = parse_engine(engine)
    name = node or f"node-{ids.token(9)}"
    opened = PostgresStore(
        address,
        spool=spool,
        clock=clock,
        ids=ids,
        journal=journal,
        node=name,
        dead=dead,
        bodies=bodies,
        on_slot=on_slot,
        hold_seconds=hold_seconds,
        poll_seconds=poll_seconds,
        migrations=migrations,
        first_number=first_number,
    )
    try:
        await opened.open()
    except BaseException:
        await opened.close()
        raise
    return opened


class PostgresStore:
    """Implements ``Store``, each office by an object of its own; made by ``open_store``."""

    def __init__(
        self,
        address: EngineAddress,
        *,
        spool: Path,
        clock: Clock,
        ids: Ids,
        journal: Journal,
        node: str,
        dead: Sequence[str],
        bodies: Bodies | None,
        on_slot: Callable[[int], None],
        hold_seconds: float,
        poll_seconds: float,
        migrations: Sequence[Migration],
        first_number: int,
    ) -> None:
        connect_durably: Connect = partial(connect, address)
        connect_loosely: Connect = partial(connect, address, asynchronous=True)
        self.desk: Any = None
        """What operators do with cells (``storage.cells.desk``)."""
        self._address = address
        self._migrations = migrations
        self._clock = clock
        self._bodies = bodies
        self._dead = dead
        self._connect = connect_durably
        watchers = self._watchers = Watchers()
        blocks = self._blocks = Units(
            Pool(connect_durably, 1), Numbers(_no_block), node=node, journal=journal, hold_seconds=hold_seconds
        )
        numbers = Numbers(lambda size: blocks.write(partial(_take_block, first=first_number, size=size)))
        units = self._units = Units(
            Pool(connect_durably, SESSIONS),
            numbers,
            node=node,
            journal=journal,
            committed=self._committed,
            hold_seconds=hold_seconds,
        )
        loose = self._loose = Units(
            Pool(connect_loosely, 1), numbers, node=node, journal=journal, hold_seconds=LOOSE_SECONDS
        )
        self._blobs = PostgresBlobs(units, spool, bodies, ids=ids, now=self._now)
        self._ledger = ledger.Ledger(units, journal)
        self._shelves = Shelves(units, loose, self._now)
        self._sweeper = Sweeper(units, self._blobs, self._shelves, bodies)
        self._hints = Hints(watchers, units, connect_loosely, node=node, journal=journal, poll_seconds=poll_seconds)
        self._membership = Membership(
            units,
            name=node,
            version=__version__,
            now=self._now,
            journal=journal,
            on_slot=on_slot,
            known=migrations[-1].number,
        )

        self.blobs: Blobs = self._blobs
        queue = self._queue = Queue(units, self._blobs.key_of, self._now)
        self.accept, self.claim, self.renew, self.settle = queue.accept, queue.claim, queue.renew, queue.settle
        self.next_due, self.queued, self.reclaim = queue.next_due, queue.queued, queue.reclaim
        self.hold, self.release, self.drop = queue.hold, queue.release, queue.drop
        boxes = Boxes(units, self._now)
        self.mailboxes, self.create_mailbox, self.rename_mailbox = (
            boxes.mailboxes, boxes.create_mailbox, boxes.rename_mailbox,
        )  # fmt: skip
        self.delete_mailbox, self.subscribe, self.subscriptions = (
            boxes.delete_mailbox, boxes.subscribe, boxes.subscriptions,
        )  # fmt: skip
        self.view, self.delta, self.read, self.change_flags = boxes.view, boxes.delta, boxes.read, boxes.change_flags
        self.copy, self.move, self.expunge, self.remove = boxes.copy, boxes.move, boxes.expunge, boxes.remove
        self.quarantined = boxes.quarantined
        people = People(units, self._now)
        self.directory, self.directory_pages, self.directory_since = (
            people.directory, people.directory_pages, people.directory_since,
        )  # fmt: skip
        self.population, self.accounts, self.aliases_to = people.population, people.accounts, people.aliases_to
        self.put_domain, self.remove_domain = people.put_domain, people.remove_domain
        self.create_account, self.change_account, self.remove_account = (
            people.create_account, people.change_account, people.remove_account,
        )  # fmt: skip
        self.put_alias, self.remove_alias = people.put_alias, people.remove_alias
        self.get, self.put, self.agree = people.get, people.put, people.agree
        shelves = self._shelves
        self.put_notes, self.notes, self.list_notes, self.drop_notes = (
            shelves.put_notes, shelves.notes, shelves.list_notes, shelves.drop_notes,
        )  # fmt: skip
        self.tallies, self.list_tallies, self.drop_tallies = (
            shelves.tallies, shelves.list_tallies, shelves.drop_tallies,
        )  # fmt: skip
        self.lease, self.take = shelves.lease, shelves.take
        self.broadcast, self.listen = self._hints.broadcast, self._hints.listen
        self.note, self.sweep = self._ledger.note, self._sweeper.sweep

    async def open(self) -> None:
        """Reach the engine, bring the schema up to date, become one of the nodes."""
        await self._reach()
        await migrate(self._units, self._now(), self._migrations)
        await self._membership.join()
        for name in self._dead:
            await self.reclaim(name)
        await self._units.write(lambda tx: forget_nodes(tx, self._dead))
        await asyncio.to_thread(self._blobs.prepare)
        await self._hints.poll()  # what moves from here on is told
        self._hints.start()

    async def _reach(self) -> None:
        end = asyncio.get_running_loop().time() + OPENING_SECONDS
        while True:
            try:
                connection = await self._connect()
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
        return self._membership.name

    @property
    def slot(self) -> int:
        """Ours alone among the nodes that live, 0 to 960."""
        return self._membership.slot

    @property
    def is_held(self) -> bool:
        """Whether units are being repeated: it may be a failover."""
        return self._units.is_held

    @property
    def units(self) -> Units:
        """For ``storage.cells``, which moves accounts between engines."""
        return self._units

    async def nodes(self) -> Sequence[Node]:
        """All that are registered, the oldest first."""
        return await self._units.read(read_nodes)

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    async def hold_job(self, job: str, seconds: float) -> bool:
        """Whether ``job`` is ours for so long; 0 gives it back."""
        now = self._now()
        return await self.lease(job, self.node, now, now + int(seconds * 1000)) is not None

    def _committed(self, tx: Tx) -> None:
        """After each commit, in the loop."""
        if tx.changed or tx.epoch or tx.leaves_due:
            self._hints.tell(tx.changed, tx.epoch, leaves_due=tx.leaves_due)

    # -- the ledger

    async def record(self, trace: str) -> bytes | None:
        return await self._ledger.ask(lambda tx: ledger.record(tx, trace))

    async def fates(self, trace: str) -> Sequence[bytes]:
        return await self._units.read(lambda tx: ledger.fates(tx, trace))

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        return await self._ledger.ask(lambda tx: ledger.records(tx, since, limit))

    async def latest_trace(self) -> str:
        return await self._units.read(ledger.latest_trace)

    # -- who hears what; how it is

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(account, hint)

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DUE, hint)

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DIRECTORY, hint)

    async def add_tallies(self, tallies: Sequence[Tally]) -> None:
        self._shelves.add(tallies)

    async def standing(self) -> Standing:
        servers = await ask_servers(self._address)
        seen = await self._units.read(lambda tx: read_standing(tx, self._address.shown, self._now))
        return msgspec.structs.replace(seen, servers=servers)

    async def close(self) -> None:
        await self._queue.close()
        await self._ledger.settled()
        await self._shelves.settled()
        with suppress(StorageError):
            await self._membership.leave()
        await self._hints.close()
        for units in (self._units, self._loose, self._blocks):
            await units.close()
        await asyncio.to_thread(self._blobs.close)
        if self._bodies is not None:
            await self._bodies.close()


async def _take_block(tx: Tx, first: int, size: int) -> int:
    return int((await tx.rows(TAKE_BLOCK, first, size))[0][0])


async def _no_block(_size: int) -> int:
    raise StorageError("who takes a block of numbers needs none himself")
