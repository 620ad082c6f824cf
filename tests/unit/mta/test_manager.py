"""The queue's manager over a real store and next hops on loopback: what is settled, reported, kept apart and resumed."""

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest

from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.mail.envelope import Body, Envelope, Notify, Recipient
from posthouse.mail.reply import reply
from posthouse.ms.describe import describe
from posthouse.mta import manager as manager_module
from posthouse.mta import queue, release, workers
from posthouse.mta.bounce import Reporter
from posthouse.mta.crew import Crew
from posthouse.mta.handoff import Nobody
from posthouse.mta.intake import Intake
from posthouse.mta.manager import Manager
from posthouse.mta.outside import Outside
from posthouse.mta.route import DirectoryRoute, Hop, HostRoute, Routes, Terms
from posthouse.mta.schedule import Schedule
from posthouse.mta.secretary import Secretary
from posthouse.mta.settler import Settler
from posthouse.observe.ledger import parse_ending
from posthouse.standards.dsn.parse import parse_delivery_status
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.storage.directory import DomainRow
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Role
from posthouse.storage.queue import QueueFilter, Settlement
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal, KeptMeter
from posthouse.testing.ports import CountedIds, ManualClock

LETTER = b"From: alice@office.test\r\nSubject: hello\r\n\r\nDear Bob\r\n"
REFUSED = reply(550, "5.1.2", "no such domain")
SOON_SECONDS = 40.0
"""For what happens when it is time for it: the queue would be looked at in any case after a minute."""


class Zone:
    """Where domains lead, without DNS: the manager asks as if it were."""

    def __init__(self) -> None:
        self.found = {}

    async def find(self, domain):
        return self.found.get(domain, REFUSED)

    async def addresses(self, host, *, ours_too=False):
        return (host,)


class Kept:
    def __init__(self) -> None:
        self.files = {}

    async def write(self, name, octets):
        self.files[name] = octets


class House:
    def __init__(self, store, road) -> None:
        self.store, self.road = store, road
        self.clock, self.ids, self.journal, self.zone, self.files = (
            ManualClock(),
            CountedIds(),
            KeptJournal(),
            Zone(),
            Kept(),
        )
        self.directory = Directory()
        limits = Limits()
        self.schedule = Schedule.of(limits)
        reporter = Reporter(
            hostname="office.test", clock=self.clock, ids=self.ids, schedule=self.schedule, returned_octets=16384
        )
        self.intake = Intake(
            store,
            self.directory,
            clock=self.clock,
            ids=self.ids,
            limits=limits,
            reporter=reporter,
            handoff=Nobody(),
            describe=describe,
            journal=KeptJournal(),
        )
        self.secretary = Secretary(store, reporter, self.intake)
        self.routes = Routes(self.zone, table={"outside.test": DirectoryRoute()})
        road.relay._routes = self.routes
        road.relay._blobs = store.blobs
        settler = Settler(
            store,
            self.secretary,
            self.schedule,
            clock=self.clock,
            chance=lambda: 0.5,
            journal=self.journal,
            meter=KeptMeter(),
        )
        crew = Crew(
            store,
            road.relay,
            self.routes,
            settler,
            Outside(self.files, store.blobs),
            self.clock,
            lambda: 0.5,
            self.journal,
        )
        self.settler = settler
        self.manager = Manager(crew, owner="test", limits=limits)

    def lead(self, domain: str, port: int, **terms) -> None:
        self.routes._table[domain] = HostRoute(
            f"{domain}:{port}", (Hop("hop.test", port, ("127.0.0.1",)),), Terms(**terms)
        )

    async def post(
        self, *to: str | Recipient, sender: str | None = "alice@office.test", content=LETTER, is_report=False, **values
    ):
        recipients = tuple(one if isinstance(one, Recipient) else Recipient(parse_mailbox(one)) for one in to)
        envelope = Envelope(parse_mailbox(sender) if sender else None, recipients, **values)
        writer = self.store.blobs.open()
        writer.write(content)
        blob = await writer.finish()
        accepted = await self.store.accept(
            self.intake.plan(envelope, blob, trace=self.ids.trace_id(), is_report=is_report)
        )
        if accepted.items:
            self.manager.take(accepted.items)

    async def queued(self, **which):
        return await self.store.queued(QueueFilter(**which))

    async def until(self, question):
        async with asyncio.timeout(SOON_SECONDS):
            while not (result := await question()):
                await asyncio.sleep(0.01)
            return result

    async def empty(self):
        async def question():
            return not await self.queued()

        await self.until(question)

    async def tried(self, **which):
        """Until everything has been put back after a try."""

        async def question():
            items = await self.queued(**which)
            return items and all(not item.claimed and item.last for item in items) and items

        return await self.until(question)

    async def inbox(self, account):
        boxes = await self.store.mailboxes(account)
        inbox = next(box for box in boxes if box.role is Role.INBOX)
        view = await self.store.view(account, inbox.mailbox)
        stored = await self.store.read(account, inbox.mailbox, [one.uid for one in view.messages])
        return [one.content.prefix + await self.store.blobs.read(one.content.blob.blob_id) for one in stored]


@pytest.fixture
async def house(tmp_path, road):
    clock = ManualClock()
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    made = House(store, road)
    made.hints = []

    def watch(hint):
        """As if there were other nodes."""
        made.hints.append(hint)
        return lambda: made.hints.remove(hint)

    store.watch_queue = watch
    await store.put_domain(DomainRow("office.test"))
    made.alice = await store.create_account("alice@office.test", "Alice", (), quota=10**9)
    await made.directory.refresh(store)
    running = asyncio.create_task(made.manager.run())
    while made.manager._tasks is None:
        await asyncio.sleep(0.001)
    made.intake.handoff = made.manager
    made.running = running
    yield made
    made.manager.stop()
    with contextlib.suppress(asyncio.CancelledError):
        async with asyncio.timeout(60):
            await running
    await store.close()
    assert made.journal.bugs == []


async def test_fresh_mail_is_relayed_without_a_claim(house, hop):
    await hop.start(hop.speak(keywords=("PIPELINING",)))
    house.lead("elsewhere.test", hop.port)
    await house.post("bob@elsewhere.test", "carol@elsewhere.test")
    await house.empty()
    assert sum(command.startswith("MAIL") for command in hop.commands) == 1
    assert sum(command.startswith("RCPT") for command in hop.commands) == 2


async def test_work_that_another_node_left_is_taken_up_at_once(house):
    house.intake.handoff = Nobody()  # which had no hands free
    await house.post("dave@outside.test")
    (hint,) = house.hints
    hint()
    await house.empty()
    house.manager.stop()
    await house.running
    assert house.hints == []


async def test_many_messages_to_one_destination_share_few_connections(house, hop):
    await hop.start(hop.speak(keywords=("PIPELINING",)))
    house.lead("elsewhere.test", hop.port)
    for _ in range(60):
        await house.post("bob@elsewhere.test")
    await house.empty()
    assert sum(command.startswith("MAIL") for command in hop.commands) == 60
    assert hop.connections <= 20


async def fates(house) -> list[tuple[str, str, str, str, int]]:
    found = [parse_ending(one) for record in await house.store.records() for one in await house.store.fates(record[0])]
    return [(one.to, one.outcome, one.host, one.reply, one.tries) for one in found]


async def test_the_ledger_tells_what_became_of_each_recipient(house, hop):
    await hop.start(hop.speak(answers={"RCPT TO:<CAROL": "550 5.1.1 nobody of that name"}))
    house.lead("elsewhere.test", hop.port)
    await house.post("bob@elsewhere.test", "carol@elsewhere.test")
    await house.post("dave@outside.test")
    await house.empty()
    assert sorted(await fates(house)) == [
        ("bob@elsewhere.test", "relayed", "hop.test", "250 2.0.0 taken", 1),
        ("carol@elsewhere.test", "failed", "hop.test", "550 5.1.1 nobody of that name", 1),
        ("dave@outside.test", "relayed", "", "250 2.0.0 kept outside", 1),
    ]


async def test_the_ledger_tells_what_the_operator_did(house):
    house.lead("elsewhere.test", 1)
    await house.post("bob@elsewhere.test", "carol@elsewhere.test")
    await house.tried()
    assert await queue.drop(house.store, QueueFilter(recipient="bob@elsewhere.test"), house.clock) == 1
    assert await queue.bounce(house.store, QueueFilter(), house.secretary, house.clock) == 1
    assert sorted(one[:2] for one in await fates(house)) == [
        ("bob@elsewhere.test", "dropped"),
        ("carol@elsewhere.test", "returned"),
    ]


async def test_a_refusal_is_told_to_the_sender_in_the_same_transaction(house, hop):
    await hop.start(hop.speak(answers={"RCPT": "550 5.1.1 nobody of that name"}))
    house.lead("elsewhere.test", hop.port)
    await house.post("bob@elsewhere.test", envid="E1")
    await house.empty()
    [report] = await house.inbox(house.alice)
    assert b"Auto-Submitted: auto-replied" in report
    assert b"Return-Path: <>" in report
    status = parse_delivery_status(
        report.partition(b"message/delivery-status\r\n\r\n")[2].partition(b"\r\n--report")[0] + b"\r\n"
    )
    assert status.envid == "E1"
    [one] = status.recipients
    assert (one.action.value, one.status, one.final.text) == ("failed", "5.1.1", "bob@elsewhere.test")
    assert "nobody of that name" in one.diagnostic


async def test_a_report_to_somebody_elsewhere_is_sent_at_once(house, hop):
    await hop.start(hop.speak(answers={"RCPT": "550 5.1.1 nobody of that name"}))
    house.lead("elsewhere.test", hop.port)
    await house.post("bob@elsewhere.test", sender="friend@outside.test")
    await house.empty()
    assert any(b"nobody of that name" in octets for octets in house.files.files.values())


@pytest.mark.parametrize("values", [{"sender": None}, {"is_report": True}])
async def test_nobody_is_told_about_reports_and_mail_from_nobody(house, hop, values):
    await hop.start(hop.speak(answers={"RCPT": "550 5.1.1 nobody"}))
    house.lead("elsewhere.test", hop.port)
    await house.post("bob@elsewhere.test", **values)
    await house.empty()
    assert await house.inbox(house.alice) == []


async def test_who_wants_no_report_gets_none(house, hop):
    await hop.start(hop.speak(answers={"RCPT": "550 5.1.1 nobody"}))
    house.lead("elsewhere.test", hop.port)
    await house.post(Recipient(parse_mailbox("bob@elsewhere.test"), Notify.NEVER))
    await house.empty()
    assert await house.inbox(house.alice) == []


@pytest.mark.parametrize(("keywords", "reports"), [((), 1), (("DSN",), 0)])
async def test_success_is_reported_by_us_only_where_the_next_hop_will_not(house, hop, keywords, reports):
    await hop.start(hop.speak(keywords=keywords))
    house.lead("elsewhere.test", hop.port)
    await house.post(Recipient(parse_mailbox("bob@elsewhere.test"), Notify.SUCCESS))
    await house.empty()
    found = await house.inbox(house.alice)
    assert len(found) == reports
    assert all(b"Action: relayed" in one for one in found)


async def test_lmtp_delivers(house, hop):
    await hop.start(hop.speak())
    house.lead("elsewhere.test", hop.port, lmtp=True)
    await house.post(Recipient(parse_mailbox("bob@elsewhere.test"), Notify.SUCCESS))
    await house.empty()
    [report] = await house.inbox(house.alice)
    assert b"Action: delivered" in report


async def test_trouble_puts_off_warns_once_and_gives_up_at_last(house, hop):
    await hop.start(hop.speak(answers={"RCPT": "451 4.2.1 later"}))
    house.lead("elsewhere.test", hop.port)
    await house.post("bob@elsewhere.test")
    [item] = await house.tried()
    assert (item.attempts, item.last_host) == (1, "hop.test")
    assert item.due_at - int(house.clock.now() * 1000) == 300_000
    warnings = []
    for seconds in (4 * 3600, 3 * 3600, 5 * 86400, *[3 * 3600] * 8):
        assert await house.queued(), "what was not tried often enough is not given up, however old it is"
        before = (await house.queued())[0].attempts
        house.clock.pass_time(seconds)
        house.manager.wake()

        async def tried_again(before=before):
            items = await house.queued()
            return not items or (items[0].attempts > before and not items[0].claimed)

        await house.until(tried_again)
        warnings.append(sum(b"Action: delayed" in one for one in await house.inbox(house.alice)))
    assert warnings == [1] * 11
    assert not await house.queued()
    assert any(b"Status: 5.4.7" in one for one in await house.inbox(house.alice))


async def test_a_destination_that_is_away_is_left_alone_and_its_mail_goes_when_it_is_back(house, hop):
    house.lead("elsewhere.test", 1)
    await house.post("bob@elsewhere.test")
    await house.tried()
    await house.post("carol@elsewhere.test")
    items = await house.tried(recipient="carol@elsewhere.test")
    assert items[0].attempts == 0  # not tried: the destination is known to be away
    await hop.start(hop.speak())
    destination = next(iter(house.manager._destinations.values()))
    destination.route = house.routes._table["elsewhere.test"] = replace(
        destination.route, hops=(Hop("hop.test", hop.port, ("127.0.0.1",)),)
    )
    house.clock.pass_time(100)
    await house.post("dave@elsewhere.test")
    await house.empty()
    assert sum(command.startswith("RCPT") for command in hop.commands) == 3


async def test_all_that_waits_for_a_destination_goes_when_it_is_back(house, hop, monkeypatch):
    monkeypatch.setattr(release, "RELEASE_AT_ONCE", 2)
    monkeypatch.setattr(manager_module, "BUSY_SLEEP_SECONDS", 0.01)
    house.lead("elsewhere.test", 1)
    await house.post(*(f"u{number}@elsewhere.test" for number in range(9)))
    await house.tried()
    await hop.start(hop.speak(keywords=("PIPELINING",)))
    destination = next(iter(house.manager._destinations.values()))
    destination.route = house.routes._table["elsewhere.test"] = replace(
        destination.route, hops=(Hop("hop.test", hop.port, ("127.0.0.1",)),)
    )
    house.clock.pass_time(100)  # the pause of the destination is over, the items are due much later
    await house.post("dave@elsewhere.test")
    await house.empty()
    assert sum(command.startswith("RCPT") for command in hop.commands) == 10


async def test_an_operator_may_try_a_destination_at_once(house, hop):
    house.lead("elsewhere.test", 1)
    await house.post("bob@elsewhere.test")
    await house.tried()
    await queue.retry(house.store, QueueFilter(), house.clock)
    house.manager.wake()

    async def tried_again():
        [item] = await house.queued()
        return item.attempts == 2 and not item.claimed

    await house.until(tried_again)


async def test_a_slow_destination_delays_no_other(house, hop):
    async def silence(reader, writer):
        await reader.read()

    slow = type(hop)()
    await slow.start(silence)
    await hop.start(hop.speak())
    house.lead("slow.test", slow.port)
    house.lead("elsewhere.test", hop.port)
    for number in range(30):
        await house.post(f"bob{number}@slow.test")
    await house.post("bob@elsewhere.test")

    async def gone():
        return not await house.queued(domain="elsewhere.test")

    await house.until(gone)
    assert len(await house.queued(domain="slow.test")) == 30
    assert slow.connections <= 2
    await slow.stop()


async def test_no_route_is_told_at_once(house):
    await house.post("bob@nowhere.test")
    await house.empty()
    [report] = await house.inbox(house.alice)
    assert b"Status: 5.1.2" in report


async def test_mail_to_outside_is_kept_as_files(house):
    await house.post("bob@outside.test", body=Body.EIGHTBIT)
    await house.empty()
    [eml] = [octets for name, octets in house.files.files.items() if name.endswith(".eml")]
    [envelope] = [json.loads(octets) for name, octets in house.files.files.items() if name.endswith(".json")]
    assert eml == LETTER
    assert (envelope["from"], envelope["to"]) == ("alice@office.test", ["bob@outside.test"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(StorageError("the disk is gone"), "queue.unreadable"), (ZeroDivisionError("a bug"), "queue.relay-bug")],
)
async def test_what_goes_wrong_with_one_message_puts_off_that_one(house, monkeypatch, wrong, told):
    """It is told to whoever looks after us, tried again later, and its neighbours go on."""

    async def fail(name, octets):
        raise wrong

    with monkeypatch.context() as broken:
        broken.setattr(house.files, "write", fail)
        await house.post("bob@outside.test")
        [item] = await house.tried()
    assert "could not read the message" in item.last
    assert told in [entry.event for entry in house.journal.entries]
    house.journal.entries.clear()  # the bug is as expected
    await house.post("carol@outside.test")

    async def gone():
        return [one.item for one in await house.queued()] == [item.item]

    await house.until(gone)
    assert [octets for name, octets in house.files.files.items() if name.endswith(".eml")] == [LETTER]


async def test_too_many_recipients_at_once_go_in_another_round(house, hop):
    taken = []

    async def conversation(reader, writer):
        writer.write(b"220 hop\r\n")
        count = 0
        while line := await reader.readline():
            if line.startswith(b"MAIL"):
                count = 0
            if line.startswith(b"RCPT"):
                count += 1
                if count > 1:
                    writer.write(b"452 4.5.3 too many recipients\r\n")
                    continue
                taken.append(line)
            if line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            writer.write(b"250 ok\r\n")

    await hop.start(conversation)
    house.lead("elsewhere.test", hop.port)
    await house.post("a@elsewhere.test", "b@elsewhere.test")

    async def one_left():
        items = await house.queued()
        return len(items) == 1 and not items[0].claimed and items

    [left] = await house.until(one_left)
    assert left.attempts == 0
    house.clock.pass_time(2)
    house.manager.wake()
    await house.empty()
    assert len(taken) == 2


async def test_operators_hold_release_and_bounce(house, hop):
    house.lead("elsewhere.test", 1)
    await house.post("bob@elsewhere.test")
    await house.tried()
    everything = QueueFilter()
    assert await queue.hold(house.store, everything) == 1
    assert [entry.state for entry in await queue.list_items(house.store, everything)] == ["held"]
    assert await queue.retry(house.store, everything, house.clock) == 0
    assert await queue.release(house.store, everything, house.clock) == 1
    assert await queue.bounce(house.store, everything, house.secretary, house.clock) == 1
    assert not await house.queued()
    [report] = await house.inbox(house.alice)
    assert b"an operator of this server returned the message" in report
    assert b"Status: 5.7.1\r\n" in report
    assert b"Ask your postmaster why" in report
    assert b"could not be reached" not in report


class Delivering:
    """A store where a worker settles an item just after the queue was looked at, or just before it is dropped."""

    def __init__(self, store, item, moment):
        self._store, self._item, self._moment = store, item, moment
        self.settled = None

    def __getattr__(self, name):
        async def call(*arguments, **named):
            if name == self._moment and self.settled is None:
                [self.settled] = await self._store.settle([Settlement(self._item.item, self._item.token)])
            return await getattr(self._store, name)(*arguments, **named)

        return call


@pytest.mark.parametrize(("moment", "in_time"), [("renew", True), ("release", True), ("hold", False), ("drop", False)])
async def test_only_what_is_really_taken_out_is_reported_as_returned(house, moment, in_time):
    house.lead("elsewhere.test", 1)
    house.manager.stop()
    await house.running
    await house.post("bob@elsewhere.test", "carol@elsewhere.test")
    lease_until = int(house.clock.now() * 1000) + 60_000
    carried, _ = await house.store.claim(owner="worker", now=10**15, lease_until=lease_until, limit=2)
    store = Delivering(house.store, carried, moment)
    assert await queue.bounce(store, QueueFilter(), house.secretary, house.clock) == (1 if in_time else 2)
    assert store.settled is in_time
    assert not await house.queued()
    [report] = await house.inbox(house.alice)
    assert (str(carried.recipient.address).encode() in report) is not in_time


async def test_a_lost_lease_is_let_go(house, hop):
    async def silence(reader, writer):
        await reader.read()

    await hop.start(silence)
    house.lead("elsewhere.test", hop.port)
    await house.post("bob@elsewhere.test")
    [item] = await house.queued()
    assert item.claimed
    await queue.drop(house.store, QueueFilter(), house.clock)
    await house.manager._leases.renew()
    assert len(house.manager._leases) == 0
    await hop.stop()


async def test_nothing_is_sent_while_nobody_can_write_down_that_it_was(house, hop, monkeypatch):
    """What is sent and not settled is sent again by whoever comes next."""
    await hop.start(hop.speak(keywords=("PIPELINING",)))
    house.lead("elsewhere.test", hop.port)
    monkeypatch.setattr(workers, "WAIT_SECONDS", 0.001)
    settle, may_send, frozen, asked = house.store.settle, house.manager._leases.may_send, asyncio.Event(), []

    async def settling(settlements, reports=()):
        await frozen.wait()
        return await settle(settlements, reports)

    def asking(load):
        asked.append(len(hop.mails))
        return may_send(load)

    monkeypatch.setattr(house.store, "settle", settling)
    await house.post("bob@elsewhere.test")
    await house.until(lambda: answered(house.settler._unanswered is not None))
    house.clock.pass_time(6)
    monkeypatch.setattr(house.manager._leases, "may_send", asking)
    await house.post("carol@elsewhere.test")
    await house.until(lambda: answered(len(asked) > 5))
    assert asked[-1] == 1
    frozen.set()
    await house.empty()
    assert len(hop.mails) == 2


async def test_what_is_not_ours_for_long_enough_is_not_begun_and_no_reason_to_wait_for_ever(house, hop, monkeypatch):
    await hop.start(hop.speak(keywords=("PIPELINING",)))
    house.lead("elsewhere.test", hop.port)
    monkeypatch.setattr(workers, "WAIT_SECONDS", 0.001)
    take = house.manager.take

    def slowly(items):
        """The store took half a minute and more for its promise."""
        take(items)
        house.clock.pass_time(31)

    monkeypatch.setattr(house.manager, "take", slowly)
    await house.post("bob@elsewhere.test")
    assert len(house.manager._leases) == 1
    assert hop.mails == []
    house.clock.pass_time(25)
    await house.until(lambda: answered(not len(house.manager._leases)))
    assert hop.connections == 0
    [item] = await house.queued()
    assert item.attempts == 0


async def answered(value):
    return value


async def test_stopping_leaves_fresh_mail_to_whoever_comes_next(house):
    house.manager.stop()
    await asyncio.wait_for(house.running, 60)
    await house.post("bob@elsewhere.test")
    [item] = await house.queued()
    assert not item.claimed


async def test_mail_committed_while_the_manager_ended_is_taken_by_nobody_and_its_sender_hears_nothing_of_it(house):
    """It was born claimed by who is gone; it is safe, and falls due when the lease ends."""
    house.lead("elsewhere.test", 1)
    lease = house.manager.lease
    owner, until = lease(int(house.clock.now() * 1000))
    house.running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await house.running
    house.manager.lease = lambda _at: (owner, until)  # given before
    await house.post("bob@elsewhere.test")
    [item] = await house.queued()
    assert item.claimed
