"""The distributed engine as one ``Store``: which unit runs where, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from posthouse import __version__
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.ids import AccountId, MailboxId, ModSeq, TraceId, Uid
from posthouse.observe.ports import Journal
from posthouse.storage.acceptance import Acceptance, Accepted, Placed
from posthouse.storage.bodies import Bodies
from posthouse.storage.directory import (
    AccountChange,
    AccountRow,
    AliasRow,
    Directory,
    DirectoryDelta,
    DomainRow,
    Population,
)
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Change, Delta, Mailbox, Message, Quarantined, Role, Stored, View
from posthouse.storage.ports import Blobs
from posthouse.storage.postgresql import directory, ledger, mailboxes, messages, posting, reading
from posthouse.storage.postgresql.acceptance import accept_batch
from posthouse.storage.postgresql.address import EngineAddress, parse_engine
from posthouse.storage.postgresql.blobs import PostgresBlobs
from posthouse.storage.postgresql.connecting import Unreachable, connect
from posthouse.storage.postgresql.grouping import Group
from posthouse.storage.postgresql.hints import DIRECTORY, DUE, POLL_SECONDS, Hints
from posthouse.storage.postgresql.migrate import migrate
from posthouse.storage.postgresql.nodes import Membership, Node, forget_nodes, read_nodes
from posthouse.storage.postgresql.numbers import FIRST, TAKE_BLOCK, Numbers
from posthouse.storage.postgresql.pool import Connect, Pool
from posthouse.storage.postgresql.shelves import Shelves
from posthouse.storage.postgresql.standing import ask_servers, read_standing
from posthouse.storage.postgresql.sweep import Sweeper
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import HOLD_SECONDS, Units
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement
from posthouse.storage.shelf import Note, Tally
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.migrations import MIGRATIONS, Migration
from posthouse.storage.sql.paging import BY_DOMAIN, BY_NUMBER, walk
from posthouse.storage.sql.walking import Walk
from posthouse.storage.standing import Standing
from posthouse.storage.watching import Watchers

SESSIONS = 8
"""With the server, for units and reads."""
OPENING_SECONDS = 10.0
"""How long an engine that cannot be reached is tried when the store is opened: then somebody should know."""
AGAIN_SECONDS = 0.5
LOOSE_SECONDS = 2.0
"""How long what may be lost is tried."""

Settling = tuple[Sequence[Settlement], Sequence[Acceptance]]


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
    """Implements ``Store``; made by ``open_store``."""

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
        self._acceptances = Group[Acceptance, Accepted](units, self._accept_batch, lambda one: one.trace)
        self._settlings = Group[Settling, list[bool]](units, self._settle_batch, id)
        self._blobs = PostgresBlobs(units, spool, bodies, ids=ids, now=self._now)
        self._ledger = ledger.Ledger(units, journal)
        self._shelves = Shelves(units, loose, self._now)
        self._walk = Walk()
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
    def blobs(self) -> Blobs:
        return self._blobs

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

    # -- acceptance and the ledger

    async def _accept_batch(self, tx: Tx, acceptances: Sequence[Acceptance]) -> list[Accepted]:
        return await accept_batch(tx, acceptances, self._blobs.key_of)

    async def _accept_each(self, tx: Tx, reports: Sequence[Acceptance]) -> None:
        """Reports, in one step; of two that are the same, one."""
        distinct = {report.trace: report for report in reports}
        if distinct:
            await self._accept_batch(tx, list(distinct.values()))

    async def _settle_batch(self, tx: Tx, wishes: Sequence[Settling]) -> list[list[bool]]:
        """Several workers' results in one transaction."""
        await self._accept_each(tx, [report for _, reports in wishes for report in reports])
        settlements = [one for wish, _ in wishes for one in wish]
        results = await posting.settle(tx, settlements, self._now())
        answers, start = [], 0
        for wish, _ in wishes:
            answers.append(results[start : start + len(wish)])
            start += len(wish)
        return answers

    async def accept(self, acceptance: Acceptance) -> Accepted:
        return await self._acceptances.submit(acceptance)

    def note(self, trace: TraceId, at: int, record: bytes) -> None:
        self._ledger.note(trace, at, record)

    async def record(self, trace: str) -> bytes | None:
        return await self._ledger.ask(lambda tx: ledger.record(tx, trace))

    async def fates(self, trace: str) -> Sequence[bytes]:
        return await self._units.read(lambda tx: ledger.fates(tx, trace))

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        return await self._ledger.ask(lambda tx: ledger.records(tx, since, limit))

    async def latest_trace(self) -> str:
        return await self._units.read(ledger.latest_trace)

    # -- the queue

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        return await self._walk.claim(
            limit,
            lambda after, room: self._units.write(
                lambda tx: posting.claim(tx, owner, now, lease_until, room, avoid, after)
            ),
        )

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool]:
        return await self._units.write(lambda tx: posting.renew(tx, items, lease_until))

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()) -> Sequence[bool]:
        return await self._settlings.submit((settlements, reports))

    async def next_due(self) -> int | None:
        return await self._units.read(posting.next_due)

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DUE, hint)

    async def queued(self, which: QueueFilter) -> Sequence[Item]:
        now = self._now()
        return await self._units.read(lambda tx: posting.queued(tx, which, now))

    async def hold(self, items: Sequence[int]) -> int:
        now = self._now()
        return await self._units.write(lambda tx: posting.hold(tx, items, now))

    async def release(self, items: Sequence[int], due_at: int) -> int:
        now = self._now()
        return await self._units.write(lambda tx: posting.release(tx, items, due_at, now))

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        async def unit(tx: Tx) -> int:
            await self._accept_each(tx, reports)
            return await posting.drop(tx, items, fates)

        return await self._units.write(unit)

    async def reclaim(self, owner: str) -> int:
        return await self._units.write(lambda tx: posting.reclaim(tx, owner))

    # -- mailboxes

    async def mailboxes(self, account: AccountId) -> Sequence[Mailbox]:
        return await self._units.read(lambda tx: reading.mailboxes(tx, account))

    async def create_mailbox(self, account: AccountId, name: str, role: Role | None = None) -> Mailbox:
        now = self._now()
        return await self._units.write(
            lambda tx: mailboxes.create_mailbox(tx, account, name, role, now), repeatable=False
        )

    async def rename_mailbox(self, account: AccountId, mailbox: MailboxId, name: str) -> None:
        now = self._now()
        await self._units.write(lambda tx: messages.rename_mailbox(tx, account, mailbox, name, now), repeatable=False)

    async def delete_mailbox(self, account: AccountId, mailbox: MailboxId) -> None:
        await self._units.write(lambda tx: messages.delete_mailbox(tx, account, mailbox), repeatable=False)

    async def subscribe(self, account: AccountId, name: str, wanted: bool) -> None:
        await self._units.write(lambda tx: mailboxes.subscribe(tx, account, name, wanted=wanted))

    async def subscriptions(self, account: AccountId) -> Sequence[str]:
        return await self._units.read(lambda tx: reading.subscriptions(tx, account))

    async def view(self, account: AccountId, mailbox: MailboxId) -> View:
        return await self._units.read(lambda tx: reading.view(tx, account, mailbox), consistent=True)

    async def delta(self, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta:
        return await self._units.read(lambda tx: reading.delta(tx, account, mailbox, since), consistent=True)

    async def read(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Stored]:
        return await self._units.read(lambda tx: reading.read(tx, account, mailbox, uids))

    async def change_flags(
        self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Sequence[Uid],
        change: Change,
        flags: frozenset[str],
        unchanged_since: ModSeq | None = None,
    ) -> tuple[Sequence[Message], Sequence[Uid]]:
        now = self._now()
        return await self._units.write(
            lambda tx: messages.change_flags(tx, account, mailbox, uids, change, flags, unchanged_since, now),
            repeatable=unchanged_since is None,
        )

    async def copy(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        now = self._now()
        return await self._units.write(
            lambda tx: messages.copy(tx, account, source, uids, target, now), repeatable=False
        )

    async def move(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        now = self._now()
        return await self._units.write(
            lambda tx: messages.move(tx, account, source, uids, target, now), repeatable=False
        )

    async def expunge(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None) -> Sequence[Uid]:
        now = self._now()
        return await self._units.write(lambda tx: messages.expunge(tx, account, mailbox, uids, now))

    async def remove(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Uid]:
        now = self._now()
        return await self._units.write(lambda tx: messages.remove(tx, account, mailbox, uids, now))

    async def quarantined(
        self, account: AccountId | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 100
    ) -> Sequence[Quarantined]:
        return await self._units.read(lambda tx: reading.quarantined(tx, account, after, limit))

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(account, hint)

    # -- who we are

    async def directory(self) -> Directory:
        return await self._units.read(directory.read_directory, consistent=True)

    def directory_pages(self, *, by_domain: bool = False, accounts: bool = True) -> AsyncIterator[Directory]:
        order, read = BY_DOMAIN if by_domain else BY_NUMBER, self._units.read
        return walk(
            order,
            (lambda place: read(lambda tx: directory.read_page(tx, order, place))) if accounts else None,
            lambda place: read(lambda tx: directory.read_alias_page(tx, order, place)),
        )

    async def population(self) -> Mapping[str, Population]:
        return await self._units.read(directory.read_population)

    async def aliases_to(self, address: str) -> Sequence[AliasRow]:
        return await self._units.read(lambda tx: directory.read_aliases_to(tx, address))

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        return await self._units.read(lambda tx: directory.read_since(tx, epoch), consistent=True)

    async def accounts(self, numbers: Sequence[AccountId]) -> Sequence[AccountRow]:
        """Those of ``numbers`` that are there."""
        return await self._units.read(lambda tx: directory.read_accounts(tx, numbers))

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DIRECTORY, hint)

    async def put_domain(self, domain: DomainRow) -> None:
        await self._units.write(lambda tx: directory.put_domain(tx, domain))

    async def remove_domain(self, name: str) -> None:
        await self._units.write(lambda tx: directory.remove_domain(tx, name), repeatable=False)

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        when = at or self._now()
        return await self._units.write(
            lambda tx: directory.create_account(tx, address, name, verifiers, quota, admin, when), repeatable=False
        )

    async def change_account(
        self,
        account: AccountId,
        *,
        name: str | None = None,
        verifiers: Sequence[str] | None = None,
        quota: int | None = None,
        admin: bool | None = None,
        enabled: bool | None = None,
    ) -> None:
        change = AccountChange(name, verifiers, quota, admin, enabled)
        await self._units.write(lambda tx: directory.change_account(tx, account, change))

    async def remove_account(self, account: AccountId) -> None:
        await self._units.write(lambda tx: directory.remove_account(tx, account), repeatable=False)

    async def put_alias(self, alias: AliasRow) -> None:
        await self._units.write(lambda tx: directory.put_alias(tx, alias))

    async def remove_alias(self, address: str) -> None:
        await self._units.write(lambda tx: directory.remove_alias(tx, address), repeatable=False)

    # -- small things and shelves

    async def get(self, name: str) -> bytes | None:
        row = await self._units.read(lambda tx: tx.row(sql.GET_THING, name))
        return None if row is None else row[0]

    async def put(self, name: str, value: bytes) -> None:
        await self._units.write(lambda tx: directory.put_thing(tx, name, value))

    async def agree(self, name: str, value: bytes) -> bytes:
        return await self._units.write(lambda tx: directory.agree(tx, name, value))

    async def put_notes(self, notes: Sequence[Note]) -> None:
        await self._shelves.put_notes(notes)

    async def notes(self, kind: str, keys: Sequence[str]) -> Sequence[Note]:
        return await self._shelves.notes(kind, keys)

    async def list_notes(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Note]:
        return await self._shelves.list_notes(kind, prefix, after, limit)

    async def drop_notes(self, kind: str, keys: Sequence[str]) -> int:
        return await self._shelves.drop_notes(kind, keys)

    async def add_tallies(self, tallies: Sequence[Tally]) -> None:
        self._shelves.add(tallies)

    async def tallies(self, kind: str, keys: Sequence[str]) -> Sequence[Tally]:
        return await self._shelves.tallies(kind, keys)

    async def list_tallies(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Tally]:
        return await self._shelves.list_tallies(kind, prefix, after, limit)

    async def drop_tallies(self, kind: str, keys: Sequence[str]) -> int:
        return await self._shelves.drop_tallies(kind, keys)

    async def lease(self, name: str, owner: str, now: int, until: int) -> int | None:
        return await self._shelves.lease(name, owner, now, until)

    async def take(self, key: str, want: int, cap: int, window_ms: int, now: int) -> int:
        return await self._shelves.take(key, want, cap, window_ms, now)

    def broadcast(self, topic: str, text: str) -> None:
        self._hints.broadcast(topic, text)

    def listen(self, topic: str, heard: Callable[[str], None]) -> None:
        self._hints.listen(topic, heard)

    async def standing(self) -> Standing:
        servers = await ask_servers(self._address)
        seen = await self._units.read(lambda tx: read_standing(tx, self._address.shown, self._now))
        return msgspec.structs.replace(seen, servers=servers)

    # -- housekeeping

    def sweep(self, now: int) -> AsyncIterator[str]:
        return self._sweeper.sweep(now)

    async def close(self) -> None:
        await self._acceptances.close()
        await self._settlings.close()
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
