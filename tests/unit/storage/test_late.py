"""Counters that come late: nobody sees it, and nothing is lost by it."""

import hashlib

import apsw
import pytest

from posthouse.mail.content import Blob
from posthouse.storage.acceptance import Acceptance, Filing, Overquota
from posthouse.storage.errors import Missing, SchemaTooNew
from posthouse.storage.mailbox import Change, Facts, Role
from posthouse.storage.sql.migrations import LEAST, MIGRATIONS, least_with, may_serve
from posthouse.storage.sqlite import late
from posthouse.storage.sqlite.connection import open_writer
from posthouse.storage.sqlite.engine import open_store
from posthouse.storage.sqlite.migrate import migrate
from posthouse.storage.sqlite.side import open_side
from posthouse.storage.sqlite.tx import Tx
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

SINCE = next(step for step in MIGRATIONS if step.name == "late counters")
BESIDE = next(step for step in MIGRATIONS if step.name == "counters beside INBOX")


async def open_here(path):
    return await open_store(path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())


@pytest.fixture
async def store(tmp_path):
    opened = await open_here(tmp_path)
    yield opened
    await opened.close()


async def someone(store, *, quota=10**9):
    return await store.create_account("a@office.test", "A", (), quota=quota)


async def file(store, account, trace, role=Role.INBOX, **facts):
    blob = Blob(hashlib.sha256(b"x").hexdigest(), 1, b"x")
    filing = Filing(account, role, b"", facts=Facts(**facts))
    return (await store.accept(Acceptance(trace, blob, (filing,)))).placed[0]


def rows(path):
    """What the rows say: UIDNEXT of each mailbox with mail, and what is used."""
    with apsw.Connection(str(path / "posthouse.db")) as connection:
        boxes = connection.execute("SELECT role, uidnext FROM mailbox WHERE uidnext > 1").fetchall()
        return dict(boxes), connection.execute("SELECT used FROM tally").get


async def told(store, account):
    """What the store says of the same."""
    boxes = {box.role.name: box.uidnext for box in await store.mailboxes(account) if box.uidnext > 1}
    return boxes, (await store.directory()).accounts[0].used


async def test_a_delivery_writes_no_counters_and_the_sixteenth_all(store, tmp_path):
    account = await someone(store)
    for number in range(1, late.MOST):
        await file(store, account, f"t{number}")
        assert rows(tmp_path) == ({}, 0)
        assert await told(store, account) == ({"INBOX": number + 1}, number)
    await file(store, account, "junk", Role.JUNK)
    await file(store, account, "last")
    both = {"INBOX": late.MOST + 1, "JUNK": 2}, late.MOST + 1
    assert rows(tmp_path) == await told(store, account) == both


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.INBOX, Role.JUNK}])
async def test_elsewhere_a_delivery_is_counted_at_once(store, tmp_path, role):
    account = await someone(store)
    await file(store, account, "late")
    await file(store, account, "now", role)
    used = 1 if role is Role.QUARANTINE else 2
    assert rows(tmp_path) == ({"INBOX": 2, role.name: 2}, used)


async def test_what_else_is_done_to_an_account_counts_what_was_late(store, tmp_path):
    account = await someone(store)
    await file(store, account, "junk", Role.JUNK)
    await file(store, account, "t1")
    await store.change_flags(account, 1, [1], Change.ADD, frozenset({"\\Seen"}))
    assert rows(tmp_path) == ({"INBOX": 2, "JUNK": 2}, 2)


async def test_after_a_restart_all_goes_on_where_it_was(tmp_path):
    store = await open_here(tmp_path)
    account = await someone(store, quota=3)
    before = [await file(store, account, "t1"), await file(store, account, "t2", Role.JUNK)]
    await store.close()
    assert rows(tmp_path) == ({}, 0)
    store = await open_here(tmp_path)
    after = await file(store, account, "t3")
    assert (before[0].uid, before[1].uid, after.uid) == (1, 1, 2)
    assert before[0].modseq < before[1].modseq < after.modseq
    assert await file(store, account, "t4") == Overquota(account)
    assert [box.unseen for box in await store.mailboxes(account) if box.messages] == [2, 1]
    await store.close()


async def test_who_is_asked_about_is_told_of_to_the_last_message_and_who_starts_does_not_read_each_mailbox(store):
    account = await someone(store)
    await file(store, account, "t1")
    exact = [page.accounts[0].used async for page in store.directory_pages(by_domain=True) if page.accounts]
    quick = [page.accounts[0].used async for page in store.directory_pages() if page.accounts]
    assert (exact, quick) == ([1], [0])
    assert [row.used for row in await store.accounts([account])] == [1]


async def test_keys_of_threads_that_ended_go_though_their_account_is_late(store):
    account = await someone(store)
    await file(store, account, "t1", message_id="<1@x>")
    await store.remove(account, 1, [1])
    await file(store, account, "t2", message_id="<2@x>")
    assert "1 keys of threads dropped" in [line async for line in store.sweep(0)]


async def test_who_copies_the_house_finds_all_counted(tmp_path):
    store = await open_here(tmp_path)
    account = await someone(store)
    await file(store, account, "t1")
    await store.close()
    side = await open_side(tmp_path, ids=CountedIds(), at=1)
    await side.close()
    assert rows(tmp_path) == ({"INBOX": 2}, 1)


def test_a_release_that_counts_no_late_mail_may_not_serve_it_and_its_postgresql_may(tmp_path):
    """It would give the same UID to another message."""
    refuses_releases_before(SINCE, tmp_path)


def refuses_releases_before(step, path):
    connection = open_writer(path / "x.db", "FULL")
    migrate(connection, 1, MIGRATIONS[: step.number])
    with pytest.raises(SchemaTooNew):
        migrate(connection, 2, MIGRATIONS[: step.number - 1])
    assert connection.execute("SELECT value FROM thing WHERE name = ?", (LEAST,)).get == b"%d" % step.number
    connection.close()
    assert may_serve(least_with(step, b"5"), step.number, step.number - 1)


async def test_what_is_late_is_found_by_keys(store, tmp_path):
    """The mailboxes of one account, then the end of each: not the roles of the whole house, not all of a mailbox."""
    with apsw.Connection(str(tmp_path / "posthouse.db")) as connection:
        plans = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {late.COUNTERS}", (1,))]
    assert plans == [
        "SEARCH m USING PRIMARY KEY (account_id=?)",
        "SEARCH x USING PRIMARY KEY (account_id=? AND mailbox_id=? AND uid>?) LEFT-JOIN",
    ]


# -- the counters of an account beside those of its INBOX

OWN = "SELECT modseq, used, quota, mailboxes, uidvalidity FROM tally"
TWICE = """SELECT account_modseq, account_used, account_quota, account_mailboxes, account_uidvalidity
    FROM mailbox WHERE mailbox_id = 1"""


def own_and_beside(path):
    with apsw.Connection(str(path / "posthouse.db")) as connection:
        return connection.execute(OWN).fetchall(), connection.execute(TWICE).fetchall()


def change(path, statement):
    """By hand, while nobody serves."""
    connection = apsw.Connection(str(path / "posthouse.db"))
    connection.execute(statement)
    connection.close()


async def test_whatever_is_done_to_an_account_its_counters_are_the_same_in_both_places(store, tmp_path):
    account = await someone(store)
    seen = [own_and_beside(tmp_path)]
    uids = [(await file(store, account, f"t{number}")).uid for number in range(late.MOST)]
    seen.append(own_and_beside(tmp_path))
    await store.change_flags(account, 1, uids[:1], Change.ADD, frozenset({"\\Seen"}))
    seen.append(own_and_beside(tmp_path))
    await store.create_mailbox(account, "Work")
    seen.append(own_and_beside(tmp_path))
    await store.change_account(account, quota=5)
    seen.append(own_and_beside(tmp_path))
    await store.remove(account, 1, uids[:3])
    seen.append(own_and_beside(tmp_path))
    assert all(own == beside for own, beside in seen)
    assert len({tuple(own) for own, _ in seen}) == len(seen)


async def test_a_delivery_reads_the_row_of_the_account_only_where_nothing_is_beside(tmp_path):
    store = await open_here(tmp_path)
    await someone(store)
    await store.close()
    connection = apsw.Connection(str(tmp_path / "posthouse.db"))
    asked = []
    connection.exec_trace = lambda _, statement, __: asked.append("tally" in statement) or True
    beside = Tx(connection).counters(1).tally
    assert asked == [False]
    connection.execute("UPDATE mailbox SET account_modseq = NULL")
    asked.clear()
    assert Tx(connection).counters(1).tally == beside
    assert asked == [False, True]
    connection.close()


async def test_data_of_before_is_served_and_gets_its_second_counters_when_the_first_are_written(tmp_path):
    store = await open_here(tmp_path)
    account = await someone(store, quota=late.MOST + 1)
    await file(store, account, "t0")
    await store.close()
    for name in ("modseq", "used", "quota", "mailboxes", "uidvalidity"):
        change(tmp_path, f"ALTER TABLE mailbox DROP COLUMN account_{name}")
    change(tmp_path, f"DELETE FROM migration WHERE number >= {BESIDE.number}")
    store = await open_here(tmp_path)
    assert own_and_beside(tmp_path)[1] == [(None,) * 5]
    for number in range(1, late.MOST):
        await file(store, account, f"t{number}")
    own, beside = own_and_beside(tmp_path)
    assert own == beside
    assert await told(store, account) == ({"INBOX": late.MOST + 1}, late.MOST)
    await store.close()
    store = await open_here(tmp_path)
    await file(store, account, "t16")
    blob = Blob(hashlib.sha256(b"x").hexdigest(), 1, b"x")
    refused = await store.accept(Acceptance("t17", blob, (Filing(account, Role.INBOX, b""),)))
    assert refused.placed == (Overquota(account),)
    await store.close()


async def test_nobody_is_delivered_to_who_is_not_there(store):
    account = await someone(store)
    await store.remove_account(account)
    with pytest.raises(Missing):
        await file(store, account, "t")


def test_a_release_that_does_not_know_the_second_counters_may_not_leave_them_behind(tmp_path):
    refuses_releases_before(BESIDE, tmp_path)
