"""What the embedded engine promises beyond the contract: one owner, asserted pragmas, failures that are final."""

import asyncio
import errno
import hashlib
import os
import threading

import apsw
import pytest

from posthouse.mail.content import Blob
from posthouse.observe.ports import Level
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import SchemaTooNew, StorageError
from posthouse.storage.mailbox import Change, Facts, Role
from posthouse.storage.sql.migrations import MIGRATIONS, Migration
from posthouse.storage.sqlite import directory, engine
from posthouse.storage.sqlite.connection import open_reader, open_writer, require_sqlite
from posthouse.storage.sqlite.engine import open_store
from posthouse.storage.sqlite.faults import NoFaults
from posthouse.storage.sqlite.migrate import migrate
from posthouse.storage.sqlite.readers import Readers
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


class Disk(NoFaults):
    """A disk that fails at named points, and counts the commits."""

    def __init__(self):
        self.fail_at = None
        self.points = []

    def at(self, point):
        self.points.append(point)
        if point == self.fail_at:
            raise OSError(errno.EIO, "Input/output error")

    def sync(self, descriptor):
        if self.fail_at == "fsync":
            raise OSError(errno.EIO, "Input/output error")
        os.fsync(descriptor)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def journal():
    return KeptJournal()


@pytest.fixture
async def store(tmp_path, disk, journal):
    opened = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=journal, faults=disk)
    yield opened
    disk.fail_at = None
    await opened.close()


def acceptance(account, trace="t1", octets=b"x"):
    blob = Blob(hashlib.sha256(octets).hexdigest(), len(octets), octets)
    return Acceptance(trace, blob, (Filing(account, Role.INBOX, b""),))


async def account_in(store):
    return await store.create_account("a@office.test", "A", (), quota=10**9)


async def messages_in(store, account):
    return (await store.mailboxes(account))[0].messages


async def written(store, octets):
    writer = store.blobs.open()
    writer.write(octets)
    return writer, await writer.finish()


async def test_many_callers_share_one_commit(store, disk):
    account = await account_in(store)
    disk.points.clear()
    await asyncio.gather(*[store.accept(acceptance(account, f"t{n}")) for n in range(50)])
    assert disk.points == ["batch.open", "batch.filled", "batch.committed"]


async def test_a_batch_begins_as_soon_as_those_are_there_who_were_under_way(store, disk, monkeypatch):
    monkeypatch.setattr("posthouse.storage.sqlite.writer.GATHER_SECONDS", 3600.0)
    account = await account_in(store)
    disk.points.clear()

    async def send(sender):
        for n in range(5):
            for _ in range(sender if n else 0):  # they begin together; then one is always later than the other
                await asyncio.sleep(0)
            await store.accept(acceptance(account, f"t{sender}-{n}"))

    await asyncio.gather(send(0), send(7))
    assert disk.points.count("batch.committed") == 5


async def test_what_arrives_during_a_commit_is_the_next_batch(store, disk):
    account = await account_in(store)
    first = asyncio.ensure_future(store.accept(acceptance(account, "t0")))
    while "batch.filled" not in disk.points:
        await asyncio.sleep(0)
    others = [store.accept(acceptance(account, f"t{n}")) for n in range(1, 9)]
    await asyncio.gather(first, *others)
    assert disk.points.count("batch.committed") <= 4
    assert await messages_in(store, account) == 9


@pytest.mark.parametrize("point", ["batch.open", "batch.filled"])
async def test_a_failed_commit_is_final_and_alarms_and_the_next_one_works(store, disk, journal, point):
    account = await account_in(store)
    disk.fail_at = point
    results = await asyncio.gather(
        *[store.accept(acceptance(account, f"t{n}")) for n in range(3)], return_exceptions=True
    )
    assert [type(result) for result in results] == [StorageError] * 3
    assert [(entry.event, entry.level) for entry in journal.entries] == [("storage.failed", Level.ALARM)]
    disk.fail_at = None
    assert (await store.accept(acceptance(account, "t0"))).placed[0].uid == 1
    assert await messages_in(store, account) == 1


async def test_a_commit_that_may_have_happened_is_not_acknowledged_and_can_be_repeated(store, disk):
    account = await account_in(store)
    disk.fail_at = "batch.committed"
    with pytest.raises(StorageError):
        await store.accept(acceptance(account))
    disk.fail_at = None
    assert (await store.accept(acceptance(account))).placed[0].repeated
    assert await messages_in(store, account) == 1


@pytest.mark.parametrize("point", ["blob.written", "fsync", "blob.synced", "blob.renamed", "blob.durable"])
async def test_a_blob_whose_fsync_fails_is_never_promised(store, disk, tmp_path, point):
    writer = store.blobs.open()
    writer.write(b"L" * 300_000)
    disk.fail_at = point
    with pytest.raises(StorageError):
        await writer.finish()
    with pytest.raises(StorageError):
        await writer.finish()
    assert list((tmp_path / "blobs" / "tmp").iterdir()) == []


async def test_a_cancelled_waiter_does_not_disturb_its_batch(store):
    account = await account_in(store)
    given_up = asyncio.ensure_future(store.accept(acceptance(account, "t1")))
    stays = asyncio.ensure_future(store.accept(acceptance(account, "t2")))
    await asyncio.sleep(0)
    given_up.cancel()
    assert (await stays).placed[0].uid == 2
    assert await messages_in(store, account) == 2


async def test_a_full_disk_refuses_what_has_no_room_and_keeps_what_is_there(store, journal):
    account = await account_in(store)
    await store.accept(acceptance(account, "t0"))
    database = store._writer._connection
    database.pragma("max_page_count", database.pragma("page_count") + 3)
    octets = b"y" * 100_000
    blob = Blob(hashlib.sha256(octets).hexdigest(), len(octets), octets)
    too_large = Acceptance("large", blob, (Filing(account, Role.INBOX, b""),))
    results = await asyncio.gather(store.accept(too_large), store.accept(too_large), return_exceptions=True)
    assert [type(result) for result in results] == [StorageError, StorageError]
    assert {entry.level for entry in journal.entries} == {Level.ALARM}
    assert await messages_in(store, account) == 1
    database.pragma("max_page_count", 10**6)
    assert (await store.accept(too_large)).placed[0].uid == 2


async def test_a_bug_in_one_unit_fails_it_alone_and_is_reported(store, journal):
    account = await account_in(store)
    filing = Filing(account, Role.INBOX, b"", facts=Facts(subject="\ud800"))
    bad = Acceptance("bad", acceptance(account).blob, (filing,))
    results = await asyncio.gather(store.accept(bad), store.accept(acceptance(account)), return_exceptions=True)
    assert isinstance(results[0], StorageError)
    assert results[1].placed[0].uid == 1
    assert [entry.event for entry in journal.entries] == ["storage.bug"]


async def test_a_closed_store_refuses(tmp_path, journal):
    store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=journal)
    pending = [asyncio.ensure_future(store.put(f"k{n}", b"v")) for n in range(3)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*pending)
    with pytest.raises(StorageError):
        await store.put("k", b"v")
    with pytest.raises(StorageError):
        await store.get("k")


async def test_nothing_of_a_large_house_is_looked_through_when_an_account_is_removed(tmp_path):
    """The writer has it meanwhile, and nobody's mail is taken."""
    store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    await store.close()
    connection = apsw.Connection(str(tmp_path / "posthouse.db"))
    for statement in (directory.ACCOUNT_BLOBS_MAY_BE_ORPHANS, directory.LETTERS_OF, *directory.REMOVE_ACCOUNT):
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", (1,))]
        assert not [step for step in plan if step.startswith(("SCAN letter", "SCAN message", "SCAN delivered"))], plan
    connection.close()


async def test_the_number_of_an_account_that_went_is_nobody_elses(tmp_path):
    given = {"clock": ManualClock(), "ids": CountedIds(), "journal": KeptJournal()}
    store = await open_store(tmp_path, **given)
    await store.put_domain(DomainRow("office.test"))
    gone = await store.create_account("gone@office.test", "", (), quota=1)
    await store.remove_account(gone)
    await store.close()
    store = await open_store(tmp_path, **given)
    assert await store.create_account("new@office.test", "", (), quota=1) > gone
    await store.close()


async def test_two_owners_are_one_too_many(store, tmp_path):
    with pytest.raises(StorageError, match="in use"):
        await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())


async def test_what_was_stored_is_there_after_a_restart_and_half_written_files_are_not(tmp_path, journal):
    given = {"clock": ManualClock(), "journal": journal}
    store = await open_store(tmp_path, ids=CountedIds(), **given)
    account = await account_in(store)
    await store.accept(acceptance(account))
    await store.close()
    (tmp_path / "blobs" / "tmp" / "half").write_bytes(b"x")
    store = await open_store(tmp_path, ids=CountedIds(), **given)
    assert list((tmp_path / "blobs" / "tmp").iterdir()) == []
    assert (await store.accept(acceptance(account, "t2"))).placed[0].uid == 2
    await store.close()


async def test_a_file_that_no_row_names_is_swept_when_it_is_old(store, tmp_path):
    writer, blob = await written(store, b"L" * 300_000)
    path = tmp_path / "blobs" / blob.blob_id[:2] / blob.blob_id
    os.utime(path, (0, 0))
    assert [line async for line in store.sweep(10**13)] == []
    writer.discard()
    assert [line async for line in store.sweep(10**13)] == ["1 stray files removed"]
    assert not path.exists()


async def test_a_writer_of_content_that_is_being_swept_waits_and_wins(store, disk, tmp_path):
    account = await account_in(store)
    octets = b"L" * 300_000
    writer, blob = await written(store, octets)
    await store.accept(Acceptance("t1", blob, (Filing(account, Role.INBOX, b""),)))
    writer.discard()
    await store.remove(account, (await store.mailboxes(account))[0].mailbox, [1])

    async def sweep():
        return [line async for line in store.sweep(10**13)]

    sweeping = asyncio.ensure_future(sweep())
    while not store._files.doomed:
        await asyncio.sleep(0)
    again, blob = await written(store, octets)
    await sweeping
    await store.accept(Acceptance("t2", blob, (Filing(account, Role.INBOX, b""),)))
    again.discard()
    assert await store.blobs.read(blob.blob_id) == octets


async def test_rot_is_found(store, tmp_path):
    writer, blob = await written(store, b"L" * 300_000)
    path = tmp_path / "blobs" / blob.blob_id[:2] / blob.blob_id
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"M")
    assert not await store.blobs.verify(blob.blob_id)
    writer.discard()


# -- opening ------------------------------------------------------------------------------------


def test_an_old_sqlite_is_refused():
    require_sqlite("3.51.3")
    require_sqlite("3.100.0")
    with pytest.raises(StorageError, match="too old"):
        require_sqlite("3.51.2")


def test_pragmas_hold_on_a_new_and_on_an_old_file(tmp_path):
    for _ in range(2):
        connection = open_writer(tmp_path / "x.db", "FULL")
        found = [connection.pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys", "application_id")]
        assert found == ["wal", 2, 1, 0x506F7374]
        connection.close()


def test_a_pragma_that_does_not_hold_is_an_error():
    with pytest.raises(StorageError, match="journal_mode"):
        open_writer(":memory:", "FULL")  # an in-memory database cannot have a write-ahead log


def test_somebody_elses_database_is_refused(tmp_path):
    connection = apsw.Connection(str(tmp_path / "x.db"))
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(StorageError, match="another program"):
        open_writer(tmp_path / "x.db", "FULL")


@pytest.fixture
def database(tmp_path):
    connection = open_writer(tmp_path / "x.db", "FULL")
    yield connection
    connection.close()


NEXT = MIGRATIONS[-1].number + 1


def tables(connection):
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_migrations_are_applied_once_in_order(database):
    second = Migration(NEXT, "more", ("CREATE TABLE more (x {octets})",))
    migrate(database, 5)
    migrate(database, 6, (*MIGRATIONS, second))
    migrate(database, 7, (*MIGRATIONS, second))
    assert database.execute("SELECT number, applied_at FROM migration ORDER BY number").fetchall() == [
        *((number, 5) for number in range(1, NEXT)),
        (NEXT, 6),
    ]
    assert "more" in tables(database)


def test_a_newer_schema_is_refused_untouched(database):
    migrate(database, 5, (*MIGRATIONS, Migration(NEXT, "newer", ("CREATE TABLE newer (x TEXT)",))))
    before = tables(database)
    with pytest.raises(SchemaTooNew):
        migrate(database, 6)
    assert tables(database) == before


def test_a_newer_schema_that_only_adds_is_served(database):
    """The release before serves on during an upgrade, and whoever goes back to it finds his data."""
    added = Migration(NEXT, "added", ("CREATE TABLE added (x TEXT)",), serves=NEXT - 1)
    migrate(database, 5, (*MIGRATIONS, added))
    before = tables(database)
    migrate(database, 6)
    assert tables(database) == before
    changed = Migration(NEXT + 1, "changed", ("CREATE TABLE changed (x TEXT)",))
    migrate(database, 7, (*MIGRATIONS, added, changed))
    with pytest.raises(SchemaTooNew, match=str(NEXT + 1)):
        migrate(database, 8)
    later = Migration(NEXT + 2, "later", (), serves=NEXT + 1)
    migrate(database, 9, (*MIGRATIONS, added, changed, later))
    with pytest.raises(SchemaTooNew):
        migrate(database, 10, (*MIGRATIONS, added))
    migrate(database, 11, (*MIGRATIONS, added, changed))


def test_a_migration_that_fails_leaves_no_trace(database):
    migrate(database, 5)
    broken = Migration(NEXT, "broken", ("CREATE TABLE half (x TEXT)", "CREATE TABLE half (x TEXT)"))
    with pytest.raises(apsw.Error):
        migrate(database, 6, (*MIGRATIONS, broken))
    assert "half" not in tables(database)


def test_a_migration_edited_after_its_release_is_noticed(database):
    migrate(database, 5, (*MIGRATIONS, Migration(NEXT, "one", ("CREATE TABLE one (x TEXT)",))))
    with pytest.raises(StorageError, match="not the one"):
        migrate(database, 6, (*MIGRATIONS, Migration(NEXT, "one", ("CREATE TABLE one (y TEXT)",))))


class SlowDisk(Disk):
    """A disk whose sync waits until it is let go, and notes what became of it."""

    def __init__(self):
        super().__init__()
        self.reached, self.let_go, self.done = threading.Event(), threading.Event(), threading.Event()
        self.slow = False
        self.synced = []

    def sync(self, descriptor):
        if self.slow:
            self.reached.set()
            self.let_go.wait(10)
            self.slow = False
            self.synced.append(os.fstat(descriptor).st_size)
            self.done.set()
        os.fsync(descriptor)


async def test_who_gives_up_closes_no_file_under_the_thread_that_syncs_it(tmp_path, journal):
    disk = SlowDisk()
    store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=journal, faults=disk)
    writer = store.blobs.open()
    writer.write(b"x" * 300_000)
    disk.slow = True
    finishing = asyncio.ensure_future(writer.finish())
    await asyncio.to_thread(disk.reached.wait, 10)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    writer.discard()
    disk.let_go.set()
    await asyncio.to_thread(disk.done.wait, 10)
    await store.close()
    assert disk.synced == [300_000]
    assert not [path for path in tmp_path.rglob("tmp/*") if path.is_file()]


async def test_a_bug_in_a_reading_is_not_taken_for_a_closed_store(store, tmp_path):
    def fail(_snapshot):
        raise RuntimeError("on purpose")

    readers = Readers(tmp_path / "posthouse.db")
    with pytest.raises(RuntimeError, match="on purpose"):
        await readers.read(fail)
    readers.close()
    with pytest.raises(StorageError, match="closed"):
        await readers.read(fail)


async def test_all_files_are_ours_alone_whatever_the_umask(tmp_path, journal):
    """Threat O01; also those of a store that an earlier release made."""
    before = os.umask(0)
    try:
        for _ in range(2):
            store = await open_store(tmp_path / "store", clock=ManualClock(), ids=CountedIds(), journal=journal)
            assert not [path for path in (tmp_path / "store").rglob("*") if path.stat().st_mode & 0o077]
            await store.close()
            (tmp_path / "store" / "posthouse.db").chmod(0o644)
    finally:
        os.umask(before)


async def test_many_messages_take_no_more_statements_than_one(tmp_path, monkeypatch):
    """What is copied is one unit behind which all others wait: so it is a few statements, not a few a message."""
    connections = []
    monkeypatch.setattr(
        engine, "open_writer", lambda *arguments: connections.append(open_writer(*arguments)) or connections[0]
    )
    store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    account, statements = await account_in(store), []
    for number in range(20):
        await store.accept(acceptance(account, f"t{number}", b"%d" % number))
    connections[0].exec_trace = lambda _cursor, statement, _bindings: statements.append(statement) or True

    async def counted(done):
        statements.clear()
        await done
        return len(statements)

    async def each(uids):
        yield await counted(store.copy(account, 1, uids, 2))
        yield await counted(store.change_flags(account, 1, uids, Change.ADD, frozenset({"\\Deleted"})))
        yield await counted(store.move(account, 1, uids, 3))
        yield await counted(store.expunge(account, 3, None))

    one, many = [count async for count in each([1])], [count async for count in each(range(2, 20))]
    await store.close()
    assert all(later <= first for later, first in zip(many, one, strict=True)), (many, one)


class Deaf(asyncio.SelectorEventLoop):
    """A loop that has no memory for the first thing that another thread tells it, or loses it on the way."""

    is_lost = False
    left = 0

    def call_soon_threadsafe(self, callback, *arguments, context=None):
        if self.left:
            self.left -= 1
            if not self.is_lost:
                raise MemoryError
            return None
        return super().call_soon_threadsafe(callback, *arguments, context=context)


@pytest.mark.parametrize("is_lost", [False, True])
def test_without_memory_the_end_of_a_batch_is_told_again(tmp_path, is_lost):
    """The thread died of it, and the store never answered anybody again."""

    async def run():
        loop = asyncio.get_running_loop()
        store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal(), faults=Disk())
        loop.left, loop.is_lost = 1, is_lost
        await asyncio.wait_for(store.put_domain(DomainRow("first.test")), 20)
        await asyncio.wait_for(store.put_domain(DomainRow("second.test")), 20)
        await store.close()

    with asyncio.Runner(loop_factory=Deaf) as runner:
        runner.run(run())


def test_a_batch_that_nobody_began_is_begun_by_who_comes_next(tmp_path):
    """Without memory a loop may lose what it was to call."""

    class Forgetful(asyncio.SelectorEventLoop):
        left = 0

        def call_soon(self, callback, *arguments, context=None):
            if self.left and getattr(callback, "__name__", "") == "_start":
                self.left -= 1
                return None
            return super().call_soon(callback, *arguments, context=context)

    async def run():
        store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal(), faults=Disk())
        asyncio.get_running_loop().left = 1
        first = asyncio.ensure_future(store.put_domain(DomainRow("first.test")))
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(first, store.put_domain(DomainRow("second.test"))), 20)
        await store.close()

    with asyncio.Runner(loop_factory=Forgetful) as runner:
        runner.run(run())


@pytest.mark.parametrize("opened", [lambda path: open_writer(path, "FULL"), open_reader])
def test_a_plan_is_made_once_and_not_for_each_value(tmp_path, opened):
    """SQLite with statistics of values would plan each statement with a join anew: four times its price."""
    open_writer(tmp_path / "x.db", "FULL").close()
    connection = opened(tmp_path / "x.db")
    assert connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
    connection.close()
