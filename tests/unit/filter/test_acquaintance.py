"""Who is known to whom."""

import asyncio

import pytest

from posthouse.filter.acquaintance import KIND, PLACES, SLOTS, Acquaintance, placed
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.testing.journal import KeptJournal

ALICE, BOB = AccountId(1), AccountId(2)
FRIEND = Address("friend", "client.test")


@pytest.fixture
def book(office):
    return Acquaintance(office.store, office.clock, KeptJournal())


async def test_whom_one_has_written_to_one_knows_and_nobody_else_does(office, book):
    assert not await book.knows(ALICE, FRIEND)
    book.remember(ALICE, [FRIEND])
    assert await book.knows(ALICE, Address("Friend", "client.test")), "at once, before it is written"
    await book.flush()
    again = Acquaintance(office.store, office.clock, KeptJournal())
    assert await again.knows(ALICE, FRIEND), "another node knows it too"
    assert not await again.knows(BOB, FRIEND)
    assert not await again.knows(ALICE, Address("stranger", "client.test"))


async def test_a_friend_is_known_while_he_is_being_written_down(office, book):
    book.remember(ALICE, [FRIEND])
    writing = asyncio.ensure_future(book.flush())
    asked = []
    while not writing.done():
        asked += [await book.knows(ALICE, FRIEND), not await book.strangers(ALICE, [FRIEND])]
        await asyncio.sleep(0)
    assert all(asked)
    assert len(asked) > 2


async def test_who_writes_to_the_whole_world_fills_his_own_book_only(office, book):
    for start in range(0, 3000, 1000):
        book.remember(ALICE, [Address(f"n{number}", "world.test") for number in range(start, start + 1000)])
        await book.flush()
    notes = await office.store.list_notes(KIND, prefix="1/", limit=10_000)
    assert len(notes) <= SLOTS
    assert max(len(note.value) for note in notes) <= PLACES * 8


async def test_the_oldest_place_of_a_slot_makes_room(office, book):
    slot = placed(ALICE, FRIEND)[0]
    same = [FRIEND]
    number = 0
    while len(same) <= PLACES:
        other = Address(f"n{number}", "world.test")
        number += 1
        if placed(ALICE, other)[0] == slot:
            same.append(other)
    for one in same:
        book.remember(ALICE, [one])
        await book.flush()
    again = Acquaintance(office.store, office.clock, KeptJournal())
    assert [await again.knows(ALICE, one) for one in same] == [False] + [True] * PLACES
