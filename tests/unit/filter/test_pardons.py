"""Whose mail somebody takes out of Junk is known to him."""

import pytest

from posthouse.filter.pardons import Pardons
from posthouse.mail.address import Address
from posthouse.ms.judging import judge_carried
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Role
from posthouse.testing.journal import KeptJournal

MESSAGE = b"From: friend@client.test\r\nSubject: Hi\r\n\r\nHello\r\n"
FRIEND = Address("friend", "client.test")


def tell(pardons: Pardons, account, source, target, uid) -> None:
    """As the doors to mailboxes do."""
    lesson = judge_carried(account, source, target, [uid])
    if lesson is not None:
        pardons.heed(lesson)


async def moved(office, target: Role) -> Pardons:
    """A message of a friend is moved from Junk, and the guard is told of it."""
    async with office.smtp() as session:
        await session.hello()
        await session.send("friend@client.test", ["alice@office.test"], MESSAGE)
    account, pardons = office.accounts["alice"], Pardons(office.store, office.acquaintance, office.journal)
    boxes = {one.role: one for one in await office.store.mailboxes(account)}
    (first,) = await office.stored("alice")
    ((_, in_junk),) = await office.store.move(account, boxes[Role.INBOX].mailbox, [first.uid], boxes[Role.JUNK].mailbox)
    tell(pardons, account, boxes[Role.INBOX], boxes[Role.JUNK], in_junk.uid)
    await pardons.settled()
    assert not await office.acquaintance.knows(account, FRIEND), "who is put into Junk is no friend"
    ((_, out),) = await office.store.move(account, boxes[Role.JUNK].mailbox, [in_junk.uid], boxes[target].mailbox)
    tell(pardons, account, boxes[Role.JUNK], boxes[target], out.uid)
    await pardons.settled()
    await office.acquaintance.flush()
    return pardons


@pytest.mark.parametrize(("target", "known"), [(Role.INBOX, True), (Role.ARCHIVE, True), (Role.TRASH, False)])
async def test_who_is_taken_out_of_junk_is_known_and_who_is_thrown_away_is_not(office, target, known):
    await moved(office, target)
    assert await office.acquaintance.knows(office.accounts["alice"], FRIEND) is known


async def test_trouble_of_the_store_costs_a_note(office, monkeypatch):
    async def broken(*_given):
        raise StorageError("gone")

    monkeypatch.setattr(office.store, "read", broken)
    journal = KeptJournal()
    pardons = Pardons(office.store, office.acquaintance, journal)
    account = office.accounts["alice"]
    boxes = {one.role: one for one in await office.store.mailboxes(account)}
    tell(pardons, account, boxes[Role.JUNK], boxes[Role.INBOX], 1)
    await pardons.settled()
    assert [one.event for one in journal.entries] == ["pardons.unread"]
