"""What is written beside the road is written once for many, and what the engine refused stays to be written."""

import asyncio

import pytest

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.gathering import Gathering
from posthouse.filter.returns import Sent
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.storage.errors import StorageError
from posthouse.testing.journal import KeptJournal

ALICE = AccountId(1)
FRIEND = Address("friend", "client.test")


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("posthouse.filter.gathering.GATHER_SECONDS", 0)


async def done(gathering: Gathering) -> None:
    await asyncio.gather(*[task for task in (gathering._task,) if task is not None])


async def test_many_requests_are_one_writing_and_one_made_meanwhile_is_another():
    flushed = []

    async def flush():
        flushed.append(len(flushed))
        if len(flushed) == 1:
            gathering.soon()

    gathering = Gathering(flush, KeptJournal(), "gathered.unwritten")
    for _ in range(5):
        gathering.soon()
    await done(gathering)
    assert flushed == [0, 1]


async def test_what_is_refused_is_told_and_tried_again_when_asked():
    journal, answers = KeptJournal(), [StorageError("gone"), None]

    async def flush():
        if (answer := answers.pop(0)) is not None:
            raise answer

    gathering = Gathering(flush, journal, "gathered.unwritten")
    gathering.soon()
    await done(gathering)
    assert [one.event for one in journal.entries] == ["gathered.unwritten"]
    gathering.soon()
    await done(gathering)
    assert answers == []
    assert len(journal.entries) == 1


@pytest.fixture
def refusing(office, monkeypatch):
    """An engine that refuses notes until told otherwise."""
    write, refused = office.store.put_notes, [True]

    async def put_notes(notes):
        if refused[0]:
            raise StorageError("gone")
        await write(notes)

    monkeypatch.setattr(office.store, "put_notes", put_notes)
    return refused


async def test_an_acquaintance_that_could_not_be_written_is_known_and_written_later(office, refusing):
    journal = KeptJournal()
    book = Acquaintance(office.store, office.clock, journal)
    book.remember(ALICE, [FRIEND])
    await done(book._gathering)
    assert [one.event for one in journal.entries] == ["acquaintance.unwritten"]
    assert await book.knows(ALICE, FRIEND)
    refusing[0] = False
    await book.flush()
    assert await Acquaintance(office.store, office.clock, journal).knows(ALICE, FRIEND)


async def test_what_we_sent_is_ours_though_the_engine_was_away_when_it_left(office, refusing):
    sent = Sent(office.store, office.clock, KeptJournal())
    sent.remember("1@office.test")
    with pytest.raises(StorageError):
        await sent.flush()
    assert await sent.knows(["1@office.test"])
    refusing[0] = False
    await sent.flush()
    assert await Sent(office.store, office.clock, KeptJournal()).knows(["1@office.test"])
