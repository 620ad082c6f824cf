"""Results are settled together, and one that cannot be does not take the others with it."""

import asyncio
import hashlib

import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import BlobId
from posthouse.mail.outcome import Failed, Relayed
from posthouse.mail.reply import reply
from posthouse.mta import settler as settler_module
from posthouse.mta.schedule import Schedule
from posthouse.mta.settler import Settler
from posthouse.mta.settling import Result
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.errors import Conflict, StorageError
from posthouse.storage.mailbox import Role
from posthouse.storage.queue import Posting, QueueFilter
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal, KeptMeter
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock

BODY = b"Subject: x\r\n\r\nhello\r\n"
BLOB = Blob(BlobId(hashlib.sha256(BODY).hexdigest()), len(BODY), BODY)
LOST = Blob(BlobId("ab" * 32), 200_000)
TAKEN, NO = reply(250, "2.0.0", "taken"), reply(550, "5.1.1", "nobody of that name")


class Clerk:
    """Writes reports about q1 that cannot be accepted, good ones about others."""

    def __init__(self, account, trouble):
        self.account = account
        self.trouble = trouble

    async def write(self, item, _findings):
        if item.queue_id == "q1" and self.trouble is Conflict:
            raise Conflict("the report")
        blob = LOST if item.queue_id == "q1" else BLOB
        return Acceptance(f"r{item.queue_id}", blob, (Filing(self.account, Role.INBOX, b""),), at=1)


@pytest.fixture
async def office(tmp_path):
    clock, ids, journal = ManualClock(), CountedIds(), KeptJournal()
    store = await open_store(tmp_path / "store", clock=clock, ids=ids, journal=journal)
    yield await Office(store, clock=clock, ids=ids, journal=journal).furnish()
    await store.close()


@pytest.mark.parametrize("trouble", [None, Conflict])
async def test_a_report_that_cannot_be_accepted_costs_its_own_message_only(office, trouble):
    store, journal = office.store, KeptJournal()
    for name in ("q1", "q2", "q3"):
        to = (Recipient(Address("bob", f"{name}.test")),)
        posting = Posting(name, "alice@office.test", b"", to, created_at=1, due_at=1, expires_at=10**13)
        await store.accept(Acceptance(f"t{name}", BLOB, (), (posting,), at=1))
    items = {item.queue_id: item for item in await store.claim(owner="me", now=10, lease_until=10**15, limit=9)}
    account = (await store.directory()).accounts[0].account
    settler = Settler(
        store, Clerk(account, trouble), Schedule.of(office.limits),
        clock=office.clock, chance=lambda: 0.5, journal=journal, meter=KeptMeter(),
    )  # fmt: skip
    settler.add([
        Result(items["q1"], Failed(NO, "hop")), Result(items["q2"], Relayed("hop", TAKEN)),
        Result(items["q3"], Failed(NO, "hop")),
    ])  # fmt: skip
    await settler.flush()
    assert [item.queue_id for item in await store.queued(QueueFilter())] == ["q1"]
    assert len(journal.bugs) == 1


async def test_a_worker_whose_lease_has_ended_tells_nobody_anything(office):
    """Who took the item over will: the sender would hear it twice, or the contrary of what is true."""
    store, journal = office.store, KeptJournal()
    to = (Recipient(Address("bob", "q2.test")),)
    posting = Posting("q2", "alice@office.test", b"", to, created_at=1, due_at=1, expires_at=10**13)
    await store.accept(Acceptance("tq2", BLOB, (), (posting,), at=1))
    (paused,) = await store.claim(owner="me", now=10, lease_until=100, limit=9)
    (mine,) = await store.claim(owner="somebody", now=100, lease_until=10**15, limit=9)
    account = (await store.directory()).accounts[0].account
    settler = Settler(
        store, Clerk(account, None), Schedule.of(office.limits),
        clock=ManualClock(), chance=lambda: 0.5, journal=journal, meter=KeptMeter(),
    )  # fmt: skip

    async def told():
        return sum(box.messages for box in await store.mailboxes(account))

    settler.add([Result(paused, Failed(NO))])
    await settler.flush()
    assert await told() == 0
    settler.add([Result(mine, Failed(NO))])
    await settler.flush()
    assert await told() == 1
    assert await store.queued(QueueFilter()) == []


async def test_who_claims_a_sender_elsewhere_aims_so_many_reports_an_hour_at_him(office):
    """B01: late failures of what strangers sent through an alias of ours. Our own people hear of each."""
    store, journal = office.store, KeptJournal()
    account = (await store.directory()).accounts[0].account
    settler = Settler(
        store, Clerk(account, None), Schedule.of(office.limits), clock=office.clock, chance=lambda: 0.5,
        journal=journal, meter=KeptMeter(), stranger_reports_hour=3, is_own=lambda domain: domain == "office.test",
    )  # fmt: skip

    async def fail(start: int, number: int, sender: str, submitter=None) -> int:
        before = len(await office.read("alice"))
        for at in range(start, start + number):
            to = (Recipient(Address("x", f"far{at}.test")),)
            posting = Posting(f"s{at}", sender, b"", to, 1, 1, 10**15, submitter=submitter)
            await store.accept(Acceptance(f"t{at}", BLOB, (), (posting,), at=1))
        items = await store.claim(owner="me", now=10, lease_until=10**15, limit=99)
        settler.add([Result(item, Failed(NO, "hop")) for item in items])
        await settler.flush()
        return len(await office.read("alice")) - before

    assert await fail(10, 5, "victim@else.test") == 3
    assert [one.event for one in journal.entries].count("report.withheld") == 2
    assert await fail(20, 5, "app@office.test") == 5, "a machine of ours"
    assert await fail(30, 5, "alice@office.test", account) == 5
    office.clock.pass_time(3600)
    assert await fail(40, 1, "victim@else.test") == 1


class Troubled:
    """A store whose answers to ``settle`` are given, one after the other, before its own; None: its cell is away."""

    def __init__(self, store, *answers):
        self._store, self.answers, self.asked = store, list(answers), 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def settle(self, settlements, reports=()):
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        elif isinstance(answer, StorageError):
            raise answer
        elif answer is None:
            return [None] * len(settlements)
        return await self._store.settle(settlements, reports)


async def sent_items(office, *names):
    for name in names:
        posting = Posting(name, "alice@office.test", b"", (Recipient(Address("bob", f"{name}.test")),), 1, 1, 10**13)
        await office.store.accept(Acceptance(f"t{name}", BLOB, (), (posting,), at=1))
    return await office.store.claim(owner="me", now=10, lease_until=10**15, limit=9)


async def run_until_empty(office, settler, settled):
    running = asyncio.ensure_future(settler.run(settled))
    try:
        async with asyncio.timeout(60):
            while await office.store.queued(QueueFilter()):
                await asyncio.sleep(0.005)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("trouble", [StorageError("away"), None])
async def test_what_was_sent_is_written_down_however_long_the_store_is_away(office, monkeypatch, trouble):
    """Whoever forgot it would send it again."""
    monkeypatch.setattr(settler_module, "RETRY_SECONDS", 0.0)
    store, out = Troubled(office.store, *[trouble] * 40), []
    settler = Settler(
        store, Clerk(1, None), Schedule.of(office.limits),
        clock=office.clock, chance=lambda: 0.5, journal=KeptJournal(), meter=KeptMeter(),
    )  # fmt: skip
    items = await sent_items(office, "q1", "q2")
    settler.add([Result(item, Relayed("hop", TAKEN)) for item in items])
    await run_until_empty(office, settler, lambda items, _posted: out.append((store.asked, len(items))))
    assert [one for one in out if one[1]] == [(41, 2)], "nobody lets go of it before"


async def test_a_report_waits_with_what_it_is_about_while_its_cell_is_away(office, monkeypatch):
    monkeypatch.setattr(settler_module, "RETRY_SECONDS", 0.0)
    store, account = office.store, (await office.store.directory()).accounts[0].account
    renew, away = store.renew, [None] * 3

    async def renewing(items, lease_until):
        return [away.pop()] if away else await renew(items, lease_until)

    monkeypatch.setattr(store, "renew", renewing)
    settler = Settler(
        store, Clerk(account, None), Schedule.of(office.limits),
        clock=office.clock, chance=lambda: 0.5, journal=KeptJournal(), meter=KeptMeter(),
    )  # fmt: skip
    (item,) = await sent_items(office, "q2")
    settler.add([Result(item, Failed(NO, "hop"))])
    await run_until_empty(office, settler, lambda _items, _posted: None)
    assert len(await office.read("alice")) == 1


async def test_one_that_the_store_refuses_holds_up_no_other(office, monkeypatch):
    monkeypatch.setattr(settler_module, "RETRY_SECONDS", 0.0)
    strict = office.store.settle
    items = {item.queue_id: item for item in await sent_items(office, "q1", "q2", "q3")}

    async def choosy(settlements, reports=()):
        if any(one.item == items["q1"].item for one in settlements):
            raise StorageError("not this one")
        return await strict(settlements, reports)

    monkeypatch.setattr(office.store, "settle", choosy)
    settler = Settler(
        office.store, Clerk(1, None), Schedule.of(office.limits),
        clock=office.clock, chance=lambda: 0.5, journal=KeptJournal(), meter=KeptMeter(),
    )  # fmt: skip
    settler.add([Result(item, Relayed("hop", TAKEN)) for item in items.values()])
    for _ in range(2):
        await settler.flush()
    assert [item.queue_id for item in await office.store.queued(QueueFilter())] == ["q1"]
    monkeypatch.setattr(office.store, "settle", strict)
    await settler.flush()
    assert await office.store.queued(QueueFilter()) == []


async def test_a_store_that_does_not_answer_is_late_until_it_does(office):
    answer = asyncio.Event()
    store = Troubled(office.store, answer)
    settler = Settler(
        store, Clerk(1, None), Schedule.of(office.limits),
        clock=office.clock, chance=lambda: 0.5, journal=KeptJournal(), meter=KeptMeter(),
    )  # fmt: skip
    assert not settler.is_late
    (item,) = await sent_items(office, "q1")
    settler.add([Result(item, Relayed("hop", TAKEN))])
    flushing = asyncio.ensure_future(settler.flush())
    while not store.asked:
        await asyncio.sleep(0)
    office.clock.pass_time(6)
    assert settler.is_late
    answer.set()
    await flushing
    assert not settler.is_late
