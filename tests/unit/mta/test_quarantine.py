"""What was kept from its readers: seen, released, dropped, expired, and told of once a day."""

import pytest

from posthouse.filter.action import Action
from posthouse.filter.boundary import Boundary
from posthouse.filter.clue import Clue
from posthouse.filter.ports import Opinion
from posthouse.mta.digest import Digests
from posthouse.mta.quarantine import Entry, Quarantine, one_line, trace_of
from posthouse.observe.ledger import parse_record
from posthouse.storage.errors import Missing
from posthouse.storage.queue import QueueFilter, State
from posthouse.testing.office import RELAY, Office

DAY = 86_400
MESSAGE = (
    b"From: =?utf-8?q?B=C3=B6se?= <x@sender.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe=0D=0A?= there\r\n\r\nhello\r\n"
)


class Suspicious:
    """Implements ``Examiner``: everything shall be put aside."""

    name = "suspicious"

    async def examine(self, _letter) -> Opinion:
        return Opinion((Clue("suspicious", "suspicious.look", "looks odd", action=Action.QUARANTINE),))


@pytest.fixture
async def house(office: Office) -> Office:
    office.boundary = Boundary(None, [Suspicious()], journal=office.journal)
    return office


async def send(house: Office, *recipients: str, content: bytes = MESSAGE) -> None:
    async with house.smtp(RELAY) as session:
        await session.hello()
        answers = await session.send("x@sender.test", recipients or ("alice@office.test",), content)
    assert answers[-1].startswith("250"), answers


def office_of(house: Office) -> Quarantine:
    return Quarantine(house.store, house.directory, house.clock)


async def entries(house: Office) -> list[Entry]:
    return [one async for one in office_of(house).entries()]


async def test_copies_and_what_is_held_are_seen_together(house: Office) -> None:
    await send(house, "alice@office.test", "bob@office.test", "friend@elsewhere.test")
    alice, bob, held = await entries(house)
    assert (alice.recipients, bob.recipients) == (("alice@office.test",), ("bob@office.test",))
    assert held.recipients == ("friend@elsewhere.test",)
    assert held.is_held
    for one in (alice, bob, held):
        assert one.sender == "x@sender.test"
        assert one.author == "Böse <x@sender.test>"
        assert one.subject == "Grüße there"
        assert one.reason == "suspicious.look: looks odd"
    assert await office_of(house).find(bob.id) == bob
    assert await office_of(house).find(held.id) == held


async def test_nobody_reads_it_meanwhile(house: Office) -> None:
    await send(house)
    assert await house.read("alice") == []


async def test_what_an_operator_holds_is_not_in_quarantine(house: Office) -> None:
    house.boundary = None
    await send(house, "friend@elsewhere.test")
    (item,) = await house.queue()
    assert await house.store.hold([item.item]) == 1
    assert await entries(house) == []
    assert await office_of(house).find(item.queue_id) is None


@pytest.mark.parametrize(
    "ident",
    ["", ".", "1.", ".1", "1.2.3", "999.1", "1.999", "nothing", "\u0661.\u0661", "1" * 50 + ".1", "9" * 20 + ".1"],
)
async def test_what_is_not_there_is_not_found(house: Office, ident: str) -> None:
    await send(house)
    assert await office_of(house).find(ident) is None


async def test_what_somebody_drops_is_told_to_the_classifier_and_what_time_takes_is_not(house: Office) -> None:
    await send(house)
    learnt = []

    async def learn(account, content) -> None:
        learnt.append((account, content.size))

    office = Quarantine(house.store, house.directory, house.clock, learn_junk=learn)
    (copy,) = await entries(house)
    await office.drop(copy)
    assert learnt == [(house.accounts["alice"], copy.size)]
    await send(house)
    house.clock.pass_time(100)
    assert await office.expire(10) == 1
    assert len(learnt) == 1


async def test_release_puts_it_into_the_inbox_and_tells_the_classifier(house: Office) -> None:
    await send(house, "alice@office.test", "friend@elsewhere.test")
    learnt = []

    async def learn(account, content) -> None:
        learnt.append((account, content.size))

    office = Quarantine(house.store, house.directory, house.clock, learn)
    copy, held = await entries(house)
    await office.release(copy)
    await office.release(held)
    (message,) = await house.read("alice")
    assert message.endswith(MESSAGE)
    assert learnt == [(house.accounts["alice"], copy.size)]
    (item,) = await house.queue()
    assert item.state is State.WAITING
    assert await entries(house) == []
    record = parse_record(await house.store.record(f"{copy.trace}-{copy.id}"))
    assert (record.door, record.verdict) == ("quarantine", "released")


async def test_a_message_is_released_once(house: Office) -> None:
    await send(house)
    (copy,) = await entries(house)
    await office_of(house).release(copy)
    with pytest.raises(Missing):
        await office_of(house).release(copy)
    assert len(await house.read("alice")) == 1


async def test_drop_is_for_good(house: Office) -> None:
    await send(house, "alice@office.test", "friend@elsewhere.test")
    for entry in await entries(house):
        await office_of(house).drop(entry)
    assert await entries(house) == []
    assert await house.store.queued(QueueFilter()) == []


async def test_what_is_too_old_goes_and_the_ledger_knows(house: Office) -> None:
    await send(house, "alice@office.test", "friend@elsewhere.test")
    (copy, _) = await entries(house)
    house.clock.pass_time(29 * DAY)
    await send(house, "bob@office.test")
    assert await office_of(house).expire(30 * DAY) == 0
    house.clock.pass_time(2 * DAY)
    assert await office_of(house).expire(30 * DAY) == 2
    assert [one.recipients for one in await entries(house)] == [("bob@office.test",)]
    assert parse_record(await house.store.record(f"{copy.trace}-{copy.id}")).verdict == "expired"


async def test_many_are_seen_page_by_page(house: Office) -> None:
    for _ in range(105):
        await send(house)
    assert len({one.id for one in await entries(house)}) == 105


# -- letters


def digests_of(house: Office) -> Digests:
    return Digests(house.store, office_of(house), house.intake, house.clock, keep_seconds=30 * DAY)


async def test_users_hear_once_a_day_of_what_is_new(house: Office) -> None:
    await send(house, "alice@office.test", "bob@office.test", "friend@elsewhere.test")
    (alice, *_) = await entries(house)
    assert await digests_of(house).send() == 2
    (told,) = await house.read("alice")
    text = told.decode()
    for line in (alice.id, "from:    Böse <x@sender.test>", "subject: Grüße there", "looks odd", "30 days"):
        assert line in text
    assert "Auto-Submitted: auto-generated" in text
    assert "Return-Path: <>" in text
    assert "hello" not in text
    assert await digests_of(house).send() == 0
    await send(house)
    assert await digests_of(house).send() == 0, "not before tomorrow"
    house.clock.pass_time(DAY)
    assert await digests_of(house).send() == 1
    assert await house.read("carol") == []


async def test_an_operator_need_not_wait_for_tomorrow(house: Office) -> None:
    await send(house)
    assert await digests_of(house).send() == 1
    house.clock.pass_time(1)
    await send(house)
    assert await digests_of(house).send(at_once=True) == 1
    house.clock.pass_time(1)
    assert await digests_of(house).send(at_once=True) == 0
    assert len(await house.read("alice")) == 2


async def test_what_a_stranger_wrote_is_text_of_one_line(house: Office) -> None:
    evil = b"From: x\r\nSubject: a\x1b[2Jb =?utf-8?b?4oCuZXZpbA0KQmNjOiB4?=\r\n\r\n.\r\n".replace(b"\r\n.\r\n", b"\r\n")
    await send(house, content=evil)
    await digests_of(house).send()
    (told,) = await house.read("alice")
    head, _, body = told.decode().partition("\r\n\r\n")
    assert "Bcc" not in head
    assert "  subject: a [2Jb evil Bcc: x\r\n" in body


def test_one_line() -> None:
    assert one_line("a\r\n\u202eb\u200b\x00c") == "a b c"
    assert len(one_line("x" * 1000)) == 200


def test_the_trace_is_in_our_own_received_field() -> None:
    prefix = b"Received: from h (h [192.0.2.1])\r\n\tby mx.office.test with ESMTP id abc123def456;\r\n\tdate\r\n"
    assert trace_of(prefix) == "abc123def456"
    assert trace_of(b"Received: from by x with y id z") == ""


async def test_nobody_reads_the_whole_directory_for_a_name(house: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(house)

    async def directory() -> None:
        raise AssertionError("a million accounts")

    monkeypatch.setattr(house.store, "directory", directory)
    (copy,) = await entries(house)
    assert copy.recipients == ("alice@office.test",)
    assert await office_of(house).find(copy.id) == copy
