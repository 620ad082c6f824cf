"""From where an account is known (threats A03, O11)."""

import pytest

from posthouse.admd.familiar import KEPT_SECONDS, VAIN_SECONDS, Familiar, Kinship, networks_of
from posthouse.mail.ids import AccountId
from posthouse.storage.directory import AccountRow
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

ALICE = AccountRow(AccountId(1), "alice@office.test", "", ("x",), 0, 0)
BOB = AccountRow(AccountId(2), "bob@office.test", "", ("x",), 0, 0)
HOME, NEXT_DOOR, AWAY = "192.0.2.1", "192.0.2.200", "198.51.100.7"


class House:
    def __init__(self, store, clock) -> None:
        self.store, self.clock = store, clock
        self.familiar = self.another_node()

    def another_node(self) -> Familiar:
        return Familiar(self.store, bytes(32), self.clock, KeptJournal())


@pytest.fixture
async def house(tmp_path):
    clock = ManualClock()
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    yield House(store, clock)
    await store.close()


async def test_a_login_makes_an_address_known_and_what_is_around_it_near(house) -> None:
    house.familiar.note_login(ALICE, HOME)
    for familiar in (house.familiar, house.another_node()):
        await house.familiar.flush()
        assert await familiar.kinship(ALICE, HOME) is Kinship.KNOWN
        assert await familiar.kinship(ALICE, NEXT_DOOR) is Kinship.NEAR
        assert await familiar.kinship(ALICE, AWAY) is Kinship.STRANGE
        assert await familiar.kinship(BOB, HOME) is Kinship.STRANGE


async def test_after_ninety_days_nobody_knows_it_any_more(house) -> None:
    house.familiar.note_login(ALICE, HOME)
    await house.familiar.flush()
    house.clock.pass_time(KEPT_SECONDS)
    assert await house.another_node().kinship(ALICE, HOME) is Kinship.STRANGE


async def test_another_generation_begins_anew(house) -> None:
    """A thief who was in once is a stranger again when all sessions were ended."""
    house.familiar.note_login(ALICE, HOME)
    await house.familiar.flush()
    later = AccountRow(ALICE.account, ALICE.address, "", ("x",), 0, 0, generation=1)
    assert await house.familiar.kinship(later, HOME) is Kinship.STRANGE


async def test_the_store_is_not_asked_for_each_guess(house) -> None:
    asked = 0
    notes = house.store.notes

    async def count(*given):
        nonlocal asked
        asked += 1
        return await notes(*given)

    familiar = house.another_node()
    familiar._store = type("Counting", (), {"notes": staticmethod(count)})()
    for _ in range(100):
        assert await familiar.kinship(ALICE, AWAY) is Kinship.STRANGE
    assert asked == 1
    house.clock.pass_time(VAIN_SECONDS)
    await familiar.kinship(ALICE, AWAY)
    assert asked == 2


async def test_the_store_tells_nobody_where_people_live(house) -> None:
    house.familiar.note_login(ALICE, HOME)
    await house.familiar.flush()
    for note in await house.store.list_notes("known.network"):
        assert "192" not in note.key
        assert note.value == b""


def test_networks_are_written_the_same_for_mapped_addresses() -> None:
    assert networks_of("::ffff:192.0.2.1") == networks_of(HOME)
    assert networks_of("2001:db8::1")[1] == networks_of("2001:db8:0:ffff::1")[1]
    assert networks_of("unix") == ("unix", "unix")
