"""An alias of ours that leads nowhere is our own affair (threat B01)."""

import pytest

from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope, Recipient
from posthouse.observe.ledger import Record, parse_record
from posthouse.observe.ports import Level
from posthouse.storage.directory import AliasRow

FORGED = Address("victim", "elsewhere.test")
LETTER = b"From: x@elsewhere.test\r\nSubject: Hi\r\nMessage-ID: <1@elsewhere.test>\r\n\r\nHello\r\n"
ALIASES = (
    AliasRow("team@office.test", ("alice@office.test", "gone@office.test", "left@office.test")),
    AliasRow("ring@office.test", ("bob@office.test", "ring@office.test", "chicken@office.test")),
    AliasRow("chicken@office.test", ("egg@office.test",)),
    AliasRow("egg@office.test", ("chicken@office.test", "gone@office.test")),
)


@pytest.fixture
async def office(open_office):
    return await open_office(aliases=ALIASES)


async def take(office, to="team@office.test", *, submitter=None, sender=FORGED, intake=None, trace=None):
    intake = intake or office.intake
    writer = intake.open()
    writer.write(LETTER)
    blob = await writer.finish()
    trace = trace or office.ids.trace_id()
    made = intake.draft(
        Envelope(sender, (Recipient(Address(*to.split("@"))),), submitter=submitter),
        blob,
        trace=trace,
        trace_lines=b"",
        facts=await intake.facts(blob),
        head=LETTER,
        record=Record(trace, 1, "smtp", "accepted"),
    )
    return await intake.accept(made)


def warnings(office) -> list:
    return [entry for entry in office.journal.entries if entry.event == "alias.lapsed"]


@pytest.mark.parametrize("to", ["team@office.test", "ring@office.test", "team+x@office.test"])
async def test_a_stranger_is_not_told_and_the_good_targets_get_it(office, to):
    assert await take(office, to) == ()
    assert len(await office.read("alice")) + len(await office.read("bob")) == 1
    assert not await office.queue()


async def test_the_postmaster_hears_of_it_once_a_day(office):
    for _ in range(3):
        await take(office)
    (notice,) = await office.read("carol")
    assert b"team@office.test" in notice
    assert b"gone@office.test" in notice
    assert b"left@office.test" in notice
    assert b"victim" not in notice
    assert notice.startswith(b"Return-Path: <>\r\n")
    assert [entry.level for entry in warnings(office)] == [Level.WARNING]
    await take(office, "ring@office.test")
    assert len(await office.read("carol")) == 2
    office.clock.pass_time(86_400)
    await take(office)
    assert len(await office.read("carol")) == 3
    assert not await office.queue()


async def test_a_house_that_was_started_again_does_not_tell_it_twice(office):
    await take(office)
    office.__post_init__()
    await take(office)
    assert len(await office.read("carol")) == 1


async def test_the_ledger_says_who_was_lost_and_why(office):
    await take(office, trace="t77")
    record = parse_record(await office.store.record("t77"))
    assert record.lost == (
        "gone@office.test: 550 5.1.1 no such user here",
        "left@office.test: 550 5.1.1 no such user here",
    )


async def test_one_of_us_gets_the_report(office):
    """The benign twin."""
    await take(office, submitter=office.accounts["bob"], sender=Address("bob", "office.test"))
    (report,) = await office.read("bob")
    assert b"could not be delivered" in report
    assert not await office.read("carol")
    assert not warnings(office)
