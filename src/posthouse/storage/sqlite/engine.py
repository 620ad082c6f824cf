"""The embedded engine as one ``Store``: which unit runs where, and nothing else."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import apsw

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
from posthouse.storage.ports import Blobs, Store
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement
from posthouse.storage.shelf import Note, Tally
from posthouse.storage.sql.paging import BY_DOMAIN, BY_NUMBER, walk
from posthouse.storage.sql.walking import Walk
from posthouse.storage.sqlite import acceptance as accepting
from posthouse.storage.sqlite import directory, ledger, mailboxes, messages, posting, reading, shelves
from posthouse.storage.sqlite.blobs import BlobFiles, SqliteBlobs
from posthouse.storage.sqlite.connection import keep_private, open_writer, require_sqlite
from posthouse.storage.sqlite.faults import Faults, NoFaults
from posthouse.storage.sqlite.migrate import migrate
from posthouse.storage.sqlite.readers import Readers, Snapshot
from posthouse.storage.sqlite.standing import read_standing
from posthouse.storage.sqlite.sweep import Sweeper
from posthouse.storage.sqlite.tx import Tx
from posthouse.storage.sqlite.writer import Writer
from posthouse.storage.standing import NodeRow, Standing
from posthouse.storage.watching import Watchers

T = TypeVar("T")

DIRECTORY = "directory"
NODE = "house"
"""One process serves this data: what an earlier life of it held is ours."""
NOTES_SECONDS = 1.0
MAX_NOTES = 10_000
HEAVY_MESSAGES = 300
"""More messages than this in one unit are not changed on the loop's thread: about 5 ms."""


async def open_store(
    path: Path, *, clock: Clock, ids: Ids, journal: Journal, faults: Faults | None = None, bodies: Bodies | None = None
) -> Store:
    """The store in directory ``path``, made if it is new; ``StorageError`` if another process has it open.

    With ``bodies``, large content goes there instead of into files; they are closed with the store.
    """
    given = NoFaults() if faults is None else faults
    require_sqlite(apsw.sqlite_lib_version())
    lock = await asyncio.to_thread(lock_directory, path)
    try:
        connection = await asyncio.to_thread(open_database, path / "posthouse.db", int(clock.now() * 1000), given)
        files = BlobFiles(path / "blobs", ids=ids, faults=given)
        left = await asyncio.to_thread(files.prepare)
    except BaseException as error:
        os.close(lock)
        if isinstance(error, (apsw.Error, OSError)):
            raise StorageError(f"{path}: {error}") from error
        raise
    if left:
        journal.note("storage.swept", files=left)
    return SqliteStore(path, connection, files, lock, clock=clock, journal=journal, faults=given, bodies=bodies)


def lock_directory(path: Path) -> int:
    """Held while the store is open, by the kernel: it is free as soon as its holder is dead."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path / "posthouse.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StorageError(f"{path} is in use by another process") from None
    return descriptor


def open_database(path: Path, at: int, faults: Faults) -> apsw.Connection:
    """The connection that writes, on data of today's schema."""
    keep_private(path)
    connection = open_writer(path, faults.synchronous)
    try:
        migrate(connection, at)
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteStore:
    """Units of work go to the writer, questions to the readers."""

    def __init__(
        self,
        path: Path,
        connection: apsw.Connection,
        files: BlobFiles,
        lock: int,
        *,
        clock: Clock,
        journal: Journal,
        faults: Faults,
        bodies: Bodies | None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._opened_at = self._now()
        self._journal = journal
        self._lock = lock
        self._files = files
        self._watchers = Watchers()
        self._readers = Readers(path / "posthouse.db")
        self._writer = Writer(connection, faults=faults, journal=journal, committed=self._committed)
        self._bodies = bodies
        self._blobs = SqliteBlobs(files, self._readers, bodies)
        self._sweeper = Sweeper(self._writer, self._readers, files, bodies)
        self._notes: list[tuple[TraceId, int, bytes]] = []
        self._notes_timer: asyncio.TimerHandle | None = None
        self._shelves = shelves.Shelves(self._writer, self._readers, self._now)
        self._walk = Walk()

    @property
    def blobs(self) -> Blobs:
        return self._blobs

    @property
    def node(self) -> str:
        return NODE

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    def _whereabouts(self, blob: str) -> str | None:
        if blob in self._files.in_flight:
            return ""
        return None if self._bodies is None else self._bodies.key_of(blob)

    def _committed(self, tx: Tx) -> None:
        """After each commit, in the loop."""
        if tx.changed:
            self._watchers.tell(tx.changed)
            tx.changed.clear()
        if tx.directory_changed:
            self._watchers.tell((DIRECTORY,))
            tx.directory_changed = False

    # -- acceptance and the ledger

    async def accept(self, acceptance: Acceptance) -> Accepted:
        if self._notes:
            self._write_notes()
        return await self._writer.submit(lambda tx: accepting.accept(tx, acceptance, self._whereabouts))

    def _accept_all(self, tx: Tx, reports: Sequence[Acceptance]) -> None:
        for report in reports:
            accepting.accept(tx, report, self._whereabouts)

    def note(self, trace: TraceId, at: int, record: bytes) -> None:
        if len(self._notes) >= MAX_NOTES:
            self._journal.note("ledger.full", dropped=len(self._notes))
            self._notes.clear()
        self._notes.append((trace, at, record))
        if self._notes_timer is None:
            self._notes_timer = asyncio.get_running_loop().call_later(NOTES_SECONDS, self._write_notes)

    def _write_notes(self) -> asyncio.Future[None] | None:
        if self._notes_timer is not None:
            self._notes_timer.cancel()
            self._notes_timer = None
        if not self._notes:
            return None
        notes, self._notes = self._notes, []
        written = self._writer.submit(lambda tx: ledger.write_notes(tx, notes))
        written.add_done_callback(lambda done: done.cancelled() or done.exception())  # no promise was made
        return written

    async def record(self, trace: str) -> bytes | None:
        return await self._after_notes(lambda snapshot: ledger.record(snapshot, trace))

    async def fates(self, trace: str) -> Sequence[bytes]:
        return await self._readers.read(lambda snapshot: ledger.fates(snapshot, trace))

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        return await self._after_notes(lambda snapshot: ledger.records(snapshot, since, limit))

    async def latest_trace(self) -> str:
        return await self._readers.read(ledger.latest_trace)

    async def _after_notes(self, unit: Callable[[Snapshot], T]) -> T:
        written = self._write_notes()
        if written is not None:
            await asyncio.wait([written])
        return await self._readers.read(unit)

    # -- the queue

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        return await self._walk.claim(
            limit,
            lambda after, room: self._writer.submit(
                lambda tx: posting.claim(tx, owner, now, lease_until, room, avoid, after), heavy=True
            ),
        )

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool]:
        return await self._writer.submit(lambda tx: posting.renew(tx, items, lease_until))

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()) -> Sequence[bool]:
        def unit(tx: Tx) -> list[bool]:
            self._accept_all(tx, reports)
            return posting.settle(tx, settlements)

        return await self._writer.submit(unit, heavy=len(settlements) > HEAVY_MESSAGES)

    async def next_due(self) -> int | None:
        return await self._readers.read(posting.next_due)

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002 - there is no other node
        return lambda: None

    async def queued(self, which: QueueFilter) -> Sequence[Item]:
        now = self._now()
        return await self._readers.read(lambda snapshot: posting.queued(snapshot, which, now))

    async def hold(self, items: Sequence[int]) -> int:
        now = self._now()
        return await self._writer.submit(lambda tx: posting.hold(tx, items, now), heavy=len(items) > HEAVY_MESSAGES)

    async def release(self, items: Sequence[int], due_at: int) -> int:
        now = self._now()
        return await self._writer.submit(
            lambda tx: posting.release(tx, items, due_at, now), heavy=len(items) > HEAVY_MESSAGES
        )

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        def unit(tx: Tx) -> int:
            self._accept_all(tx, reports)
            return posting.drop(tx, items, fates)

        return await self._writer.submit(unit, heavy=len(items) > HEAVY_MESSAGES)

    async def reclaim(self, owner: str) -> int:
        return await self._writer.submit(lambda tx: posting.reclaim(tx, owner), heavy=True)

    # -- mailboxes

    async def mailboxes(self, account: AccountId) -> Sequence[Mailbox]:
        return await self._readers.read(lambda snapshot: reading.mailboxes(snapshot, account))

    async def create_mailbox(self, account: AccountId, name: str, role: Role | None = None) -> Mailbox:
        now = self._now()
        return await self._writer.submit(lambda tx: mailboxes.create_mailbox(tx, account, name, role, now))

    async def rename_mailbox(self, account: AccountId, mailbox: MailboxId, name: str) -> None:
        now = self._now()
        await self._writer.submit(lambda tx: messages.rename_mailbox(tx, account, mailbox, name, now), heavy=True)

    async def delete_mailbox(self, account: AccountId, mailbox: MailboxId) -> None:
        await self._writer.submit(lambda tx: messages.delete_mailbox(tx, account, mailbox), heavy=True)

    async def subscribe(self, account: AccountId, name: str, wanted: bool) -> None:
        await self._writer.submit(lambda tx: mailboxes.subscribe(tx, account, name, wanted=wanted))

    async def subscriptions(self, account: AccountId) -> Sequence[str]:
        return await self._readers.read(lambda snapshot: reading.subscriptions(snapshot, account))

    async def view(self, account: AccountId, mailbox: MailboxId) -> View:
        return await self._readers.read(lambda snapshot: reading.view(snapshot, account, mailbox))

    async def delta(self, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta:
        return await self._readers.read(lambda snapshot: reading.delta(snapshot, account, mailbox, since))

    async def read(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Stored]:
        return await self._readers.read(lambda snapshot: reading.read(snapshot, account, mailbox, uids))

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
        return await self._writer.submit(
            lambda tx: messages.change_flags(tx, account, mailbox, uids, change, flags, unchanged_since, now),
            heavy=len(uids) > HEAVY_MESSAGES,
        )

    async def copy(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.copy(tx, account, source, uids, target, now), heavy=len(uids) > HEAVY_MESSAGES
        )

    async def move(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.move(tx, account, source, uids, target, now), heavy=len(uids) > HEAVY_MESSAGES
        )

    async def expunge(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None) -> Sequence[Uid]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.expunge(tx, account, mailbox, uids, now),
            heavy=uids is None or len(uids) > HEAVY_MESSAGES,
        )

    async def remove(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Uid]:
        now = self._now()
        return await self._writer.submit(
            lambda tx: messages.remove(tx, account, mailbox, uids, now), heavy=len(uids) > HEAVY_MESSAGES
        )

    async def quarantined(
        self, account: AccountId | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 100
    ) -> Sequence[Quarantined]:
        return await self._readers.read(lambda snapshot: reading.quarantined(snapshot, account, after, limit))

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(account, hint)

    # -- who we are

    async def directory(self) -> Directory:
        return await self._readers.read(directory.read_directory)

    def directory_pages(self, *, by_domain: bool = False, accounts: bool = True) -> AsyncIterator[Directory]:
        order, read = BY_DOMAIN if by_domain else BY_NUMBER, self._readers.read
        return walk(
            order,
            (lambda place: read(lambda snapshot: directory.read_page(snapshot, order, place))) if accounts else None,
            lambda place: read(lambda snapshot: directory.read_alias_page(snapshot, order, place)),
        )

    async def population(self) -> Mapping[str, Population]:
        return await self._readers.read(directory.read_population)

    async def accounts(self, numbers: Sequence[AccountId]) -> Sequence[AccountRow]:
        return await self._readers.read(lambda snapshot: directory.read_accounts(snapshot, numbers))

    async def aliases_to(self, address: str) -> Sequence[AliasRow]:
        return await self._readers.read(lambda snapshot: directory.read_aliases_to(snapshot, address))

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        return await self._readers.read(lambda snapshot: directory.read_since(snapshot, epoch))

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._watchers.watch(DIRECTORY, hint)

    async def put_domain(self, domain: DomainRow) -> None:
        await self._writer.submit(lambda tx: directory.put_domain(tx, domain))

    async def remove_domain(self, name: str) -> None:
        await self._writer.submit(lambda tx: directory.remove_domain(tx, name))

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        when = at or self._now()
        return await self._writer.submit(
            lambda tx: directory.create_account(tx, address, name, verifiers, quota, admin, when)
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
        await self._writer.submit(lambda tx: directory.change_account(tx, account, change))

    async def remove_account(self, account: AccountId) -> None:
        await self._writer.submit(lambda tx: directory.remove_account(tx, account), heavy=True)

    async def put_alias(self, alias: AliasRow) -> None:
        await self._writer.submit(lambda tx: directory.put_alias(tx, alias))

    async def remove_alias(self, address: str) -> None:
        await self._writer.submit(lambda tx: directory.remove_alias(tx, address))

    # -- small things, housekeeping

    async def get(self, name: str) -> bytes | None:
        row = await self._readers.read(lambda snapshot: snapshot.row(directory.GET_THING, name))
        return None if row is None else bytes(row[0])

    async def put(self, name: str, value: bytes) -> None:
        await self._writer.submit(lambda tx: directory.put_thing(tx, name, value))

    async def agree(self, name: str, value: bytes) -> bytes:
        return await self._writer.submit(lambda tx: directory.agree(tx, name, value))

    async def put_notes(self, notes: Sequence[Note]) -> None:
        await self._writer.submit(lambda tx: shelves.put_notes(tx, notes), heavy=len(notes) > HEAVY_MESSAGES)

    async def notes(self, kind: str, keys: Sequence[str]) -> Sequence[Note]:
        return await self._shelves.notes(kind, keys)

    async def list_notes(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Note]:
        return await self._shelves.list_notes(kind, prefix, after, limit)

    async def drop_notes(self, kind: str, keys: Sequence[str]) -> int:
        return await self._writer.submit(lambda tx: shelves.drop_notes(tx, kind, keys))

    async def add_tallies(self, tallies: Sequence[Tally]) -> None:
        self._shelves.add(tallies)

    async def tallies(self, kind: str, keys: Sequence[str]) -> Sequence[Tally]:
        return await self._shelves.tallies(kind, keys)

    async def list_tallies(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Tally]:
        return await self._shelves.list_tallies(kind, prefix, after, limit)

    async def drop_tallies(self, kind: str, keys: Sequence[str]) -> int:
        return await self._shelves.drop_tallies(kind, keys)

    async def lease(self, name: str, owner: str, now: int, until: int) -> int | None:
        return await self._writer.submit(lambda tx: shelves.lease(tx, name, owner, now, until))

    async def take(self, key: str, want: int, cap: int, window_ms: int, now: int) -> int:
        return await self._writer.submit(lambda tx: shelves.take(tx, key, want, cap, window_ms, now))

    def broadcast(self, topic: str, text: str) -> None: ...

    def listen(self, topic: str, heard: Callable[[str], None]) -> None: ...

    async def standing(self) -> Standing:
        now = self._now()
        node = NodeRow(NODE, 0, __version__, self._opened_at, now)
        return await self._readers.read(lambda snapshot: read_standing(snapshot, str(self._path), node, now))

    def sweep(self, now: int) -> AsyncIterator[str]:
        return self._sweeper.sweep(now)

    async def close(self) -> None:
        self._write_notes()
        self._shelves.write()
        await self._writer.close()
        await asyncio.to_thread(self._readers.close)
        self._files.close()
        if self._bodies is not None:
            await self._bodies.close()
        os.close(self._lock)
