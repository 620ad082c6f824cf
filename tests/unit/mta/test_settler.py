"""Results are settled together, and one that cannot be does not take the others with it."""

import hashlib

import pytest

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import BlobId
from posthouse.mail.outcome import Failed, Relayed
from posthouse.mail.reply import reply
from posthouse.mta.schedule import Schedule
from posthouse.mta.settler import Settler
from posthouse.mta.settling import Result
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.errors import Conflict
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
