"""What the distributed engine promises beyond the contract: many nodes, a server that goes away, a commit in doubt."""

import asyncio
import hashlib
import itertools
import socket

import asyncpg
import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import BlobId
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import Missing, SchemaTooNew, StorageError
from posthouse.storage.mailbox import Change, Role
from posthouse.storage.postgresql import acceptance, connecting, pulse, tx, units
from posthouse.storage.postgresql import posting as queue
from posthouse.storage.postgresql.address import parse_engine
from posthouse.storage.postgresql.connecting import (
    SETTINGS,
    Connection,
    Unreachable,
    Unsuitable,
    connect,
    require_version,
)
from posthouse.storage.postgresql.directory import read_alias_page, read_page
from posthouse.storage.postgresql.engine import open_store
from posthouse.storage.postgresql.text import keep_text, plain_text
from posthouse.storage.postgresql.troubles import Kind, classify
from posthouse.storage.queue import Fate, Posting, QueueFilter, Settlement
from posthouse.storage.sql.migrations import MIGRATIONS, Migration
from posthouse.storage.sql.paging import BY_NUMBER
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

PATIENCE = 90.0
ROOM = 10**9


@pytest.fixture
async def open_node(postgres, tmp_path):
    """Opens one more node on the same data."""
    opened, numbers = [], itertools.count(1)

    async def make(address=postgres, **given):
        number = next(numbers)
        node = await open_store(
            address,
            spool=tmp_path / f"spool{number}",
            clock=ManualClock(),
            ids=CountedIds(),
            journal=given.pop("journal", None) or KeptJournal(),
            node=f"node{number}",
            **given,
        )
        opened.append(node)
        return node

    yield make
    for node in opened:
        await node.close()


@pytest.fixture
async def store(open_node):
    return await open_node()


@pytest.fixture
async def watch(postgres):
    """A session that looks at the server itself."""
    session = await asyncpg.connect(postgres)
    yield session
    await session.close()


@pytest.fixture
def no_standby(postgres_server):
    """The server waits for a standby that never comes, until it is told not to."""

    def wait_for(name):
        postgres_server.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        postgres_server.sql("SELECT pg_reload_conf()")
        while postgres_server.sql("SHOW synchronous_standby_names") != name:
            pass  # each time a new session
        postgres_server.sql("CHECKPOINT")  # it is the checkpointer who makes it hold for all

    yield wait_for
    wait_for("")


def blob_of(octets):
    return Blob(hashlib.sha256(octets).hexdigest(), len(octets), octets)


def letter(account, trace, octets=b"x", **more):
    return Acceptance(trace, blob_of(octets), (Filing(account, Role.INBOX, b"", key=trace),), at=5, **more)


def posting(trace, *names, due_at=100, **more):
    recipients = tuple(Recipient(Address(name, f"{name}.test")) for name in names)
    return Posting(trace, "me@office.test", b"", recipients, 50, due_at, 10**6, **more)


def queue_of(trace, *names, **more):
    return Acceptance(trace, blob_of(b"q"), (), (posting(trace, *names, **more),), b"{}", 50)


async def an_account(store, name="alice", quota=ROOM):
    await store.put_domain(DomainRow("office.test"))
    return await store.create_account(f"{name}@office.test", name, (), quota=quota)


async def inbox(store, account):
    return next(box for box in await store.mailboxes(account) if box.role is Role.INBOX)


async def until(question, wanted=True):
    """Ask again and again until the answer is ``wanted``."""
    async with asyncio.timeout(PATIENCE):
        while await question() != wanted:
            await asyncio.sleep(0.01)


async def waiting_commits(watch):
    return await watch.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")


# -- group commit -----------------------------------------------------------------------------


async def test_many_callers_share_few_transactions(store, watch):
    account = await an_account(store)
    await asyncio.gather(*[store.accept(letter(account, f"t{n}")) for n in range(100)])
    transactions = await watch.fetchval("SELECT count(DISTINCT xmin::text) FROM message")
    assert transactions <= 4
    assert (await inbox(store, account)).messages == 100


async def test_one_who_fails_does_not_fail_his_neighbours(store):
    account = await an_account(store)
    wishes = [letter(account, f"t{n}") for n in range(20)]
    wishes[7] = letter(10**9, "bad")
    answers = await asyncio.gather(*map(store.accept, wishes), return_exceptions=True)
    assert isinstance(answers.pop(7), Missing)
    assert sorted(answer.placed[0].uid for answer in answers) == list(range(1, 20))


async def test_a_text_that_the_server_cannot_keep_fails_alone_and_at_once(open_node):
    journal = KeptJournal()
    store = await open_node(journal=journal)
    account = await an_account(store)
    bad = Acceptance("bad", blob_of(b"q"), (), (posting("bad", "a\0b"),), b"", 50)
    answers = await asyncio.gather(store.accept(letter(account, "good")), store.accept(bad), return_exceptions=True)
    assert answers[0].placed[0].uid == 1
    assert isinstance(answers[1], StorageError)
    assert "storage.failed" in {entry.event for entry in journal.entries}


async def test_a_caller_who_is_cancelled_does_not_cancel_the_commit(store):
    account = await an_account(store)
    call = asyncio.ensure_future(store.accept(letter(account, "t1")))
    await asyncio.sleep(0)
    call.cancel()
    await store.accept(letter(account, "t2"))
    assert (await inbox(store, account)).messages == 2
    copying = asyncio.ensure_future(
        store.change_flags(account, (await inbox(store, account)).mailbox, [1], Change.ADD, frozenset({"\\Seen"}))
    )
    await asyncio.sleep(0.001)
    copying.cancel()

    async def unseen():
        return (await inbox(store, account)).unseen

    await until(unseen, 1)


# -- a commit in doubt --------------------------------------------------------------------------


async def test_a_cancelled_wait_for_the_standby_is_no_acknowledgement(open_node, watch, no_standby):
    journal = KeptJournal()
    store = await open_node(journal=journal)
    account = await an_account(store)
    no_standby("nobody")
    call = asyncio.ensure_future(store.accept(letter(account, "t1")))
    await until(lambda: waiting_commits(watch), 1)
    cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    await watch.fetch(cancel)  # the server now says COMMIT, with a notice
    await until(lambda: watch.fetchval("SELECT count(*) FROM message"), 1)
    await until(lambda: waiting_commits(watch), 1)  # the repetition found it done, and yet waits: it wrote something
    assert not call.done()
    assert "storage.held" in {entry.event for entry in journal.entries}
    no_standby("")
    answer = await asyncio.wait_for(call, PATIENCE)
    assert answer.placed[0].uid == 1
    assert (await inbox(store, account)).messages == 1
    assert journal.entries[-1].event == "storage.resumed"


async def test_who_finds_done_what_was_never_acknowledged_waits_for_the_standby_too(open_node, watch, no_standby):
    first, second = await open_node(hold_seconds=1.0), await open_node()
    account = await an_account(first)
    no_standby("nobody")
    with pytest.raises(StorageError, match="could not"):
        await asyncio.wait_for(first.accept(letter(account, "t1")), PATIENCE)
    await watch.fetch("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    await until(lambda: watch.fetchval("SELECT count(*) FROM message"), 1)  # on this server only
    await until(lambda: waiting_commits(watch), 0)
    call = asyncio.ensure_future(second.accept(letter(account, "t1")))
    while not (call.done() or await waiting_commits(watch)):
        await asyncio.sleep(0.01)
    assert not call.done()
    no_standby("")
    assert (await asyncio.wait_for(call, PATIENCE)).placed[0].repeated


async def test_what_must_not_be_done_twice_is_refused_when_its_commit_is_in_doubt(open_node, watch, no_standby):
    store = await open_node()
    account = await an_account(store)
    await store.accept(letter(account, "t1"))
    boxes = await store.mailboxes(account)
    no_standby("nobody")
    call = asyncio.ensure_future(store.copy(account, boxes[0].mailbox, [1], boxes[1].mailbox))
    await until(lambda: waiting_commits(watch), 1)
    await watch.fetch("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    with pytest.raises(StorageError, match="not known"):
        await asyncio.wait_for(call, PATIENCE)


async def test_what_was_settled_by_a_commit_in_doubt_is_said_to_be_settled(open_node, watch, no_standby):
    """And what somebody else has settled meanwhile is not."""
    store = await open_node()
    await store.accept(queue_of("q1", "a", "b", "c"))
    done, later, stale = await store.claim(owner=store.node, now=200, lease_until=900, limit=10)
    ending = Fate("q1", done.item, b"by us")
    settlements = [
        Settlement(done.item, done.token, fate=ending),
        Settlement(later.item, later.token, due_at=7000),
        Settlement(stale.item, stale.token - 1, fate=Fate("q1", stale.item, b"by somebody")),
    ]
    no_standby("nobody")
    call = asyncio.ensure_future(store.settle(settlements))
    await until(lambda: waiting_commits(watch), 1)
    await watch.fetch("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    await until(lambda: watch.fetchval("SELECT count(*) FROM item"), 2)  # here, and nowhere else
    await until(lambda: waiting_commits(watch), 1)
    assert not call.done()
    no_standby("")
    assert await asyncio.wait_for(call, PATIENCE) == [True, True, False]


async def test_who_waits_too_long_for_a_standby_is_refused(open_node, watch, no_standby):
    store = await open_node(hold_seconds=1.0)
    account = await an_account(store)
    no_standby("nobody")
    with pytest.raises(StorageError, match="could not"):
        await asyncio.wait_for(store.accept(letter(account, "t1")), PATIENCE)
    no_standby("")
    await asyncio.wait_for(store.accept(letter(account, "t2")), PATIENCE)


async def test_an_engine_that_does_not_answer_is_away_for_those_who_can_go_elsewhere(
    open_node, watch, no_standby, monkeypatch
):
    """It stands still: nothing fails. Reads go on, and change nothing about it."""
    for module in (pulse, units):
        monkeypatch.setattr(module, "SILENT_SECONDS", 0.1)
    journal = KeptJournal()
    store = await open_node(journal=journal)
    account = await an_account(store)
    no_standby("nobody")
    call = asyncio.ensure_future(store.accept(letter(account, "t1")))
    await until(lambda: events_of(journal), ["storage.held"])
    assert store.is_held
    await store.mailboxes(account)
    assert store.is_held
    no_standby("")
    await asyncio.wait_for(call, PATIENCE)
    assert not store.is_held
    assert await events_of(journal) == ["storage.held", "storage.resumed"]


async def events_of(journal):
    return [entry.event for entry in journal.entries if entry.event.startswith("storage.")]


async def test_who_held_mail_while_the_engine_was_away_is_heard_before_others_claim_it(open_node, monkeypatch):
    """All leases ended meanwhile, and whoever holds them knows what became of what he sent."""
    sender, other = await open_node(), await open_node()
    await sender.accept(queue_of("q1", "a", owner=sender.node, lease_until=500))
    (held,) = await sender.queued(QueueFilter())
    monkeypatch.setattr(pulse, "MISSED_SECONDS", -1.0)  # each commit is the first after a long time
    await other.put("x", b"y")
    assert await other.claim(owner=other.node, now=500, lease_until=900, limit=10) == []
    assert await sender.settle([Settlement(held.item, held.token)]) == [True]
    monkeypatch.undo()
    monkeypatch.setattr(pulse, "GRACE_SECONDS", 0.0)
    await sender.accept(queue_of("q2", "a", owner=sender.node, lease_until=500))
    (late,) = await other.claim(owner=other.node, now=500, lease_until=900, limit=10)
    assert late.queue_id == "q2"


@pytest.mark.parametrize(
    ("severity", "text", "is_unsynced"),
    [
        ("WARNING", "canceling wait for synchronous replication due to user request", True),
        ("WARNING", "storniere Warten auf synchrone Replikation wegen Benutzeranfrage", True),
        ("NOTICE", "a trigger has something to say", False),
    ],
)
def test_a_warning_at_a_commit_is_no_acknowledgement_in_any_language(severity, text, is_unsynced):
    class Session:
        def add_log_listener(self, hear):
            self.hear = hear

    connection = Connection(session := Session())
    session.hear(session, asyncpg.PostgresLogMessage.new({"S": "WARNUNG", "V": severity, "C": "01000", "M": text}))
    assert connection.is_unsynced is is_unsynced


# -- a server that goes away ------------------------------------------------------------------------


async def test_a_crash_of_the_server_is_waited_out(open_node, postgres_server):
    journal = KeptJournal()
    store = await open_node(journal=journal)
    account = await an_account(store)
    await store.accept(letter(account, "t1"))
    await asyncio.to_thread(postgres_server.kill)
    calls = [asyncio.ensure_future(store.accept(letter(account, f"u{n}"))) for n in range(5)]
    reading = asyncio.ensure_future(store.mailboxes(account))

    async def held():
        return "storage.held" in {entry.event for entry in journal.entries}

    await until(held)
    await asyncio.to_thread(postgres_server.start)
    answers = await asyncio.wait_for(asyncio.gather(*calls), PATIENCE)
    assert sorted(answer.placed[0].uid for answer in answers) == [2, 3, 4, 5, 6]
    assert len(await asyncio.wait_for(reading, PATIENCE)) > 1


async def test_after_the_deadline_it_is_a_refusal(open_node, postgres_server):
    store = await open_node(hold_seconds=3.0)
    account = await an_account(store)
    await asyncio.to_thread(postgres_server.kill)
    try:
        with pytest.raises(StorageError, match="could not"):
            await asyncio.wait_for(store.accept(letter(account, "t1")), PATIENCE)
    finally:
        await asyncio.to_thread(postgres_server.start)
    assert (await asyncio.wait_for(store.accept(letter(account, "t1")), PATIENCE)).placed[0].uid == 1


async def test_sessions_that_were_cut_are_never_used_again(store, watch):
    account = await an_account(store)
    await asyncio.gather(*[store.mailboxes(account) for _ in range(8)])
    await watch.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                      " AND application_name = 'posthouse'")  # fmt: skip
    assert (await store.accept(letter(account, "t1"))).placed[0].uid == 1
    assert len(await store.mailboxes(account)) > 1


# -- connecting ---------------------------------------------------------------------------------


async def test_trouble_with_our_own_disk_is_no_trouble_of_the_engine(store, tmp_path):
    async with asyncio.timeout(20):  # it was tried for a minute, and everybody's sessions were broken off with it
        with pytest.raises(StorageError, match="cannot be read"):
            await store.blobs.store(BlobId("ab" * 32), 300_000, tmp_path / "gone")
    assert not store.is_held


async def test_what_changes_while_a_page_is_read_is_of_a_later_epoch():
    """Else nobody would read it again."""

    class Changing:
        epoch = 1

        async def row(self, *_given):
            return (b"%d" % self.epoch,)

        async def rows(self, *_given):
            self.epoch += 1
            return []

    assert (await read_page(Changing(), BY_NUMBER, BY_NUMBER.first)).epoch == 1
    assert (await read_alias_page(Changing(), BY_NUMBER, BY_NUMBER.first_alias)).epoch == 1


@pytest.fixture
def black_hole():
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_a_server_that_swallows_packets_does_not_keep_us_from_the_one_that_answers(
    postgres_server, postgres, black_hole
):
    postgres_server.sql("ALTER ROLE posthouse PASSWORD 'right'")
    good = postgres_server.tcp_address("right")
    both = good.replace("@", f"@127.0.0.1:{black_hole},")
    async with asyncio.timeout(connecting.CONNECT_SECONDS - 1):  # then the black hole is given up
        connection = await connect(parse_engine(both))
    await connection.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.replace(":right@", ":wrong@"), "check user and password"),
        (lambda a: a.replace("/posthouse", "/nowhere").replace("//nowhere", "//posthouse"), "CREATE DATABASE"),
    ],
)
async def test_a_wrong_engine_says_what_to_do(postgres_server, open_node, change, says):
    postgres_server.sql("ALTER ROLE posthouse PASSWORD 'right'")
    with pytest.raises(Unsuitable, match=says):
        await open_node(change(postgres_server.tcp_address("right")))


async def test_an_engine_that_is_not_there_is_told_without_its_password():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unreachable, match=r"no server of postgresql://joe@127\.0\.0\.1") as caught:
        await connect(parse_engine(f"postgresql://joe:secret@127.0.0.1:{port}/mail"))
    assert "secret" not in str(caught.value)


async def test_a_standby_alone_is_not_enough(postgres_server, postgres):
    postgres_server.sql("ALTER DATABASE posthouse SET default_transaction_read_only = on", "postgres")
    try:
        with pytest.raises(Unreachable, match="standby"):
            await connect(parse_engine(postgres))
    finally:
        postgres_server.sql("ALTER DATABASE posthouse RESET default_transaction_read_only", "postgres")


@pytest.mark.parametrize("value", ["off", "local"])
async def test_a_server_that_would_lose_mail_is_refused(postgres_server, postgres, value):
    postgres_server.sql(f"ALTER DATABASE posthouse SET synchronous_commit = {value}", "postgres")
    try:
        with pytest.raises(Unsuitable, match="synchronous_commit"):
            await connect(parse_engine(postgres))
    finally:
        postgres_server.sql("ALTER DATABASE posthouse RESET synchronous_commit", "postgres")


def test_an_older_server_is_refused():
    require_version(150000)
    with pytest.raises(Unsuitable, match="PostgreSQL 14; 15 or newer"):
        require_version(140012)


@pytest.mark.parametrize(
    ("engine", "dsns"),
    [
        ("postgresql://u:p@h1,h2:6000,[::1]/d", ["u:p@h1:5432/d", "u:p@h2:6000/d", "u:p@[::1]:5432/d"]),
        ("postgres://h", ["h:5432/posthouse"]),
        ("postgresql:///d?host=/run&target_session_attrs=any", ["/d?host=%2Frun"]),
    ],
)
def test_an_address_names_servers_as_libpq_does(engine, dsns):
    assert parse_engine(engine).dsns == tuple(f"postgresql://{dsn}" for dsn in dsns)


def test_what_is_no_address_is_refused():
    with pytest.raises(StorageError, match="should look like"):
        parse_engine("mysql://h/d")


# -- schema -------------------------------------------------------------------------------------


async def test_a_newer_schema_is_refused_and_left_alone(open_node, watch):
    await watch.execute("INSERT INTO migration VALUES (999, 'later', 'x', 0)")
    try:
        with pytest.raises(SchemaTooNew, match="999"):
            await open_node()
        assert await watch.fetchval("SELECT count(*) FROM node") == 0
    finally:
        await watch.execute("DELETE FROM migration WHERE number = 999")


NEXT = MIGRATIONS[-1].number + 1


@pytest.fixture
async def later(watch):
    """Two schemas of later releases: one that only adds, one that the release before cannot serve."""
    adding = Migration(NEXT, "adding", ("CREATE TABLE added (x {octets})",), serves=NEXT - 1)
    changing = Migration(NEXT + 1, "changing", ("ALTER TABLE added ADD COLUMN y BIGINT",))
    yield (*MIGRATIONS, adding), (*MIGRATIONS, adding, changing)
    await watch.execute("DROP TABLE IF EXISTS added")
    await watch.execute(f"DELETE FROM migration WHERE number >= {NEXT}")


async def test_the_release_before_serves_while_the_next_one_adds_to_the_schema(open_node, later):
    old = await open_node()
    alice = await an_account(old)
    new = await open_node(migrations=later[0])
    await old.accept(Acceptance("t1", blob_of(b"x"), (Filing(alice, Role.INBOX, b""),)))
    restarted = await open_node()
    for number, node in enumerate((old, new, restarted)):
        await node.accept(Acceptance(f"u{number}", blob_of(b"x"), (Filing(alice, Role.INBOX, b""),)))
        await node.units.write(node._parts.membership._be_seen)
    assert (await new.mailboxes(alice))[0].uidnext == 5


async def test_a_schema_that_the_release_before_cannot_serve_waits_until_it_serves_no_more(open_node, later, watch):
    await open_node(migrations=later[0])
    await watch.execute("UPDATE node SET version = '0.0.1'")
    with pytest.raises(StorageError, match=r"stop .* \(0\.0\.1\) first"):
        await open_node(migrations=later[1])
    await watch.execute("UPDATE node SET seen = 0")  # dead, or so it seems
    await open_node(migrations=later[1])
    with pytest.raises(SchemaTooNew, match=str(NEXT + 1)):
        await open_node()


async def test_a_node_that_slept_through_an_upgrade_does_nothing_any_more(open_node, later, watch):
    sleeper = await open_node()
    alice = await an_account(sleeper)
    await watch.execute("UPDATE node SET seen = 0")
    await open_node(migrations=later[1])
    with pytest.raises(SchemaTooNew) as caught:
        await sleeper.units.write(sleeper._parts.membership._be_seen)
    sleeper.units.refuse(caught.value)
    with pytest.raises(StorageError, match="upgrade"):
        await sleeper.accept(Acceptance("t1", blob_of(b"x"), (Filing(alice, Role.INBOX, b""),)))


async def test_words_of_another_release_are_let_be(open_node):
    node = await open_node()
    node._parts.hints._hear(None, 0, "", "another-node 1f directory a-word-of-2031 zz")


async def test_a_changed_migration_is_noticed(open_node, watch):
    await watch.execute("UPDATE migration SET checksum = 'x' || checksum WHERE number = 2")
    try:
        with pytest.raises(StorageError, match="migration 2"):
            await open_node()
    finally:
        await watch.execute("UPDATE migration SET checksum = substr(checksum, 2) WHERE number = 2")


async def test_all_text_is_ordered_by_its_octets(postgres, watch):
    other = await watch.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
    )
    assert other == []


async def test_the_tables_of_the_queue_are_vacuumed_early(postgres, watch):
    options = await watch.fetchval("SELECT reloptions FROM pg_class WHERE relname = 'item'")
    assert {"fillfactor=70", "autovacuum_vacuum_scale_factor=0.01"} <= set(options)


async def test_many_nodes_may_make_the_schema_at_once(postgres_server, tmp_path):
    postgres_server.drop_database("fresh")
    postgres_server.make_database("fresh")
    address = postgres_server.address("fresh")
    given = [{"clock": ManualClock(), "ids": CountedIds(), "journal": KeptJournal()} for _ in range(4)]
    stores = await asyncio.gather(
        *[open_store(address, spool=tmp_path / f"{n}", node=f"n{n}", **given[n]) for n in range(4)]
    )
    assert sorted(store.slot for store in stores) == [0, 1, 2, 3]
    for store in stores:
        await store.close()


# -- many nodes -----------------------------------------------------------------------------------


async def test_uids_never_appear_behind_one_that_was_seen(open_node):
    nodes = [await open_node(), await open_node()]
    account = await an_account(nodes[0])
    box = (await inbox(nodes[0], account)).mailbox
    late, seen, done = [], [0], asyncio.Event()

    async def look():
        while not done.is_set():
            uids = [message.uid for message in (await nodes[1].view(account, box)).messages]
            late.extend(uid for uid in uids if uid < seen[-1] and uid not in seen)
            seen[:] = [0, *uids]

    looking = asyncio.ensure_future(look())
    for turn in range(6):
        await asyncio.gather(
            *[
                node.accept(letter(account, f"{turn}.{n}.{index}"))
                for index, node in enumerate(nodes)
                for n in range(10)
            ]
        )
    done.set()
    await looking
    assert late == []
    view = await nodes[0].view(account, box)
    assert [message.uid for message in view.messages] == list(range(1, 121))
    assert len({message.modseq for message in view.messages}) == 120


async def test_batches_that_cross_do_not_wait_for_each_other_in_a_circle(open_node, watch):
    nodes = [await open_node(), await open_node()]
    accounts = [await an_account(nodes[0], name) for name in ("a", "b", "c", "d")]
    before = await watch.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

    def crossing(node, turn):
        order = accounts if (node + turn) % 2 else accounts[::-1]
        filings = tuple(Filing(account, Role.INBOX, b"", key=f"{node}.{turn}") for account in order)
        return Acceptance(f"{node}.{turn}", blob_of(b"%d" % (turn % 3)), filings)

    await asyncio.gather(*[nodes[n].accept(crossing(n, turn)) for turn in range(40) for n in (0, 1)])
    for account in accounts:
        assert (await inbox(nodes[0], account)).messages == 80
    await watch.execute("SELECT pg_stat_clear_snapshot()")
    assert await watch.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == before


async def test_two_nodes_never_claim_the_same_item(open_node):
    nodes = [await open_node(), await open_node()]
    await nodes[0].accept(queue_of("q1", *[f"r{n}" for n in range(60)]))
    claims = [
        node.claim(owner=node.node, now=200, lease_until=300, limit=10) for _ in range(3) for node in nodes
    ]  # fmt: skip
    items = [item.item for claimed in await asyncio.gather(*claims) for item in claimed]
    assert len(items) == len(set(items))
    left = await nodes[0].claim(owner="x", now=200, lease_until=300, limit=100)
    assert len(items) + len(left) == 60


async def test_the_queue_of_a_dead_node_falls_due_when_its_lease_ends_and_its_late_result_is_void(open_node):
    dead, living = await open_node(), await open_node()
    await dead.accept(queue_of("q1", "a", owner=dead.node, lease_until=500))
    (held,) = await dead.queued(QueueFilter())
    assert await living.claim(owner=living.node, now=499, lease_until=900, limit=10) == []
    (mine,) = await living.claim(owner=living.node, now=500, lease_until=900, limit=10)
    assert await dead.settle([Settlement(held.item, held.token)]) == [False]
    assert await living.settle([Settlement(mine.item, mine.token)]) == [True]


async def test_the_last_two_recipients_settled_on_two_nodes_end_the_posting(open_node, watch):
    nodes = [await open_node(), await open_node()]
    for turn in range(10):
        await nodes[0].accept(queue_of(f"q{turn}", "a", "b"))
        items = await nodes[0].claim(owner="w", now=200, lease_until=900, limit=10)
        await asyncio.gather(
            *[
                node.settle([Settlement(item.item, item.token)])
                for node, item in zip(nodes, items, strict=True)
            ]
        )  # fmt: skip
    assert await watch.fetchval("SELECT count(*) FROM posting") == 0


async def test_a_node_hears_what_another_one_did(open_node):
    here, there = await open_node(poll_seconds=600), await open_node(poll_seconds=600)
    account = await an_account(here)
    heard = asyncio.Queue()
    there.watch(account, lambda: heard.put_nowait("account"))
    there.watch_directory(lambda: heard.put_nowait("directory"))
    await asyncio.wait_for(there._parts.hints.is_connected.wait(), PATIENCE)
    await here.accept(letter(account, "t1"))
    while await asyncio.wait_for(heard.get(), PATIENCE) != "account":
        pass
    await here.put_domain(DomainRow("other.test"))
    while await asyncio.wait_for(heard.get(), PATIENCE) != "directory":
        pass


async def test_a_node_hears_of_work_that_another_one_left(open_node):
    here, there = await open_node(poll_seconds=600), await open_node(poll_seconds=600)
    heard, marks = asyncio.Event(), asyncio.Queue()
    there.watch_queue(heard.set)
    there.watch_directory(lambda: marks.put_nowait("x"))
    await asyncio.wait_for(there._parts.hints.is_connected.wait(), PATIENCE)

    async def is_heard():
        """Whether it was, once a change that was made later has been heard of."""
        while not marks.empty():
            marks.get_nowait()
        await here.put_domain(DomainRow("office.test"))
        await asyncio.wait_for(marks.get(), PATIENCE)
        is_set = heard.is_set()
        heard.clear()
        return is_set

    await here.accept(queue_of("q1", "a", owner="somebody", lease_until=10**13, due_at=10))
    (item,) = await here.queued(QueueFilter())
    assert not await is_heard()
    now = here._parts.now()
    assert await here.settle([Settlement(item.item, item.token, due_at=now + 10**6)]) == [True]
    assert not await is_heard()
    await here.release([item.item], now + 10**6)
    assert not await is_heard()
    await here.release([item.item], now)
    assert await is_heard()
    (mine,) = await here.claim(owner=here.node, now=now, lease_until=now + 10**6, limit=1)
    assert not await is_heard()
    await here.settle([Settlement(mine.item, mine.token, due_at=now)])
    assert await is_heard()
    await here.accept(queue_of("q2", "b", due_at=10))
    assert await is_heard()
    await here.accept(queue_of("q3", "c", owner=here.node, lease_until=10**13))
    assert not await is_heard()
    await here.close()
    await asyncio.wait_for(heard.wait(), PATIENCE)
    items = await there.claim(owner=there.node, now=now, lease_until=now + 10**6, limit=9)
    assert "q3" in {item.queue_id for item in items}


async def test_a_lost_hint_is_found_by_the_poll(open_node, watch):
    here, there = await open_node(poll_seconds=600), await open_node(poll_seconds=600)
    account = await an_account(here)
    await there._parts.hints.close()  # nothing is heard any more
    heard = []
    there.watch(account, lambda: heard.append(1))
    await there._parts.hints.poll(there.units)
    await asyncio.sleep(0)
    heard.clear()
    await there._parts.hints.poll(there.units)
    await asyncio.sleep(0)
    assert heard == []
    await here.accept(letter(account, "t1"))
    await there._parts.hints.poll(there.units)
    await asyncio.sleep(0)
    assert heard == [1]


async def test_what_is_broadcast_is_heard_by_the_other_nodes_and_not_here(open_node):
    first, second = await open_node(), await open_node()
    heard = asyncio.Queue()
    first.listen("talk", lambda text: heard.put_nowait(("first", text)))
    second.listen("talk", lambda text: heard.put_nowait(("second", text)))
    second.listen("other talk", lambda text: heard.put_nowait(("wrong", text)))
    for node in (first, second):
        await node._parts.hints.is_connected.wait()
    for number in range(3):
        first.broadcast("talk", f"two words {number}")
    assert [await heard.get() for _ in range(3)] == [("second", f"two words {n}") for n in range(3)]
    assert heard.empty()


async def test_hints_come_back_after_their_session_was_cut(open_node, watch):
    here, there = await open_node(poll_seconds=600), await open_node(poll_seconds=600)
    account = await an_account(here)
    heard = asyncio.Event()
    there.watch(account, heard.set)
    await watch.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LISTEN%'"
                      " AND pid <> pg_backend_pid()")  # fmt: skip
    heard.clear()
    await here.accept(letter(account, "t1"))
    await asyncio.wait_for(heard.wait(), PATIENCE)  # by the poll of the new session


async def test_nodes_are_known_by_name_slot_and_version(open_node):
    first, second = await open_node(), await open_node()
    assert [(node.name, node.slot) for node in await first.nodes()] == [("node1", 0), ("node2", 1)]
    await second.close()
    assert [node.name for node in await first.nodes()] == ["node1"]
    third = await open_node()
    assert third.slot == 2  # not at once the one that was left: its ids may be ahead of the clock


async def test_what_a_node_known_to_be_dead_held_is_due_at_once(open_node, watch):
    dead = await open_node()
    await dead.accept(queue_of("q1", "a", owner=dead.node, lease_until=10**13))
    heir = await open_node(dead=[dead.node, "nobody"])
    assert [node.name for node in await heir.nodes()] == [heir.node]
    assert len(await heir.claim(owner=heir.node, now=200, lease_until=900, limit=10)) == 1


async def test_slots_go_round_and_pass_over_those_that_are_taken(open_node, watch):
    first = await open_node()
    assert first.slot == 0
    await watch.execute("UPDATE counter SET value = 959 WHERE name = 'slot'")
    assert [(await open_node()).slot for _ in range(2)] == [960, 1]


# -- blobs ----------------------------------------------------------------------------------------


async def test_a_sweep_never_takes_what_another_node_links_at_that_moment(open_node):
    nodes = [await open_node(), await open_node()]
    account = await an_account(nodes[0])
    box = (await inbox(nodes[0], account)).mailbox

    async def link(node, turn):
        place = (await node.accept(letter(account, f"{node.node}.{turn}", b"same"))).placed[0]
        assert await node.blobs.read(blob_of(b"same").blob_id) == b"same"
        await node.remove(account, box, [place.uid])

    async def collect(turn):
        return [line async for line in nodes[turn % 2].sweep(10**13)]

    for turn in range(15):
        await asyncio.gather(link(nodes[0], turn), link(nodes[1], turn), collect(turn))
    await nodes[0].accept(letter(account, "last", b"same"))
    await collect(0)
    assert await nodes[1].blobs.read(blob_of(b"same").blob_id) == b"same"


async def test_another_nodes_upload_is_spared_until_its_hour_is_over(open_node):
    here, there = await open_node(), await open_node()
    account = await an_account(here)
    writer = here.blobs.open()
    writer.write(b"L" * 300_000)
    blob = await writer.finish()
    now = int(ManualClock().now() * 1000)
    assert [line async for line in there.sweep(now + 1000)] == []
    await there.accept(Acceptance("t1", Blob(blob.blob_id, blob.size), (Filing(account, Role.INBOX, b""),)))
    assert len(await there.blobs.read(blob.blob_id)) == 300_000
    writer.discard()


async def test_an_upload_that_nobody_accepts_is_freed(open_node):
    here, there = await open_node(), await open_node()
    writer = here.blobs.open()
    writer.write(b"L" * 300_000)
    blob = await writer.finish()
    writer.discard()
    freed = [line async for line in there.sweep(int(ManualClock().now() * 1000) + 3600 * 1000)]
    assert freed == ["1 blobs freed"]
    with pytest.raises(Missing):
        await here.blobs.read(blob.blob_id)


# -- small things ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "a\0b", "\0\0", "\U0010fffe", "\U0010fffe\0\U0010fffe0", "0\U0010fffe"])
def test_text_comes_back(text):
    kept = keep_text(text)
    assert "\0" not in kept
    assert plain_text(kept) == text


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.SerializationError("x"), Kind.TRANSIENT),
        (asyncpg.DeadlockDetectedError("x"), Kind.TRANSIENT),
        (asyncpg.AdminShutdownError("x"), Kind.TRANSIENT),
        (asyncpg.ReadOnlySQLTransactionError("x"), Kind.TRANSIENT),
        (asyncpg.ConnectionDoesNotExistError("x"), Kind.TRANSIENT),
        (asyncpg.InternalClientError("cannot switch to state 15"), Kind.TRANSIENT),
        (ConnectionResetError(), Kind.TRANSIENT),
        (asyncpg.UniqueViolationError("x"), Kind.RACE),
        (asyncpg.ForeignKeyViolationError("x"), Kind.RACE),
        (asyncpg.DiskFullError("x"), Kind.FINAL),
        (asyncpg.DataError("x"), Kind.FINAL),
        (TypeError("x"), Kind.FINAL),
    ],
)
def test_an_error_is_tried_again_only_where_that_may_help(error, kind):
    assert classify(error) is kind


BY_KEY = {
    "delivered": (acceptance.FIND_BEFORE, ("delivery", "account_id")),
    "threads": (acceptance.FIND_BEFORE, ("account_id", "key")),
    "mailboxes by role": (tx.READ_BOXES, ("account_id", "role")),
    "tallies": (tx.WRITE_TALLIES, ("account_id",)),
    "mailboxes": (tx.WRITE_COUNTERS, ("account_id",)),
    "claims": (queue.CLAIM["<="], ("item_no",)),
    "items that are done": (queue.FINISH, ("item_no",)),
    "items that wait": (queue.DEFER, ("item_no",)),
    "leases": (queue.RENEW, ("item_no",)),
}


@pytest.mark.parametrize("name", BY_KEY)
async def test_a_plan_made_for_empty_tables_is_good_for_full_ones(new_database, name):
    """It is kept in a session: one that reads the table whole cost 5 ms a message after 20,000 messages."""
    statement, keys = BY_KEY[name]
    session = await asyncpg.connect(new_database, server_settings=SETTINGS)
    try:
        await session.execute("VACUUM ANALYZE")  # else they are taken for tables of ten pages
        await session.execute(f"PREPARE it AS {statement}")
        count = await session.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'it'"
        )
        rows = await session.fetch(f"EXPLAIN EXECUTE it({', '.join(['NULL'] * count)})")
    finally:
        await session.close()
    conditions = [line for (line,) in rows if "Index Cond" in line]
    assert any(all(key in line for key in keys) for line in conditions), [line for (line,) in rows]


async def test_what_is_old_among_delivery_keys_is_found_without_a_look_at_all(new_database, postgres_server):
    plan = postgres_server.sql(
        "SET enable_seqscan = off; EXPLAIN SELECT ctid FROM delivered WHERE at < 1 LIMIT 5000", "new"
    )
    assert "delivered_at" in plan
