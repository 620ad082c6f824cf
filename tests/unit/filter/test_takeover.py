"""Signs that somebody else sends from an account (threat A06)."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.takeover import OFFICE_TIMES, Takeover
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

ALICE, BOB = AccountId(1), AccountId(2)


@pytest.fixture
async def ground(tmp_path):
    clock = ManualClock()
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    acquaintance = Acquaintance(store, clock, KeptJournal())
    limits = Limits(account_new_recipients_day=10, bounced_of=10)
    yield Takeover(acquaintance, limits, clock), acquaintance, clock
    await store.close()


def people(number: int, name: str = "p") -> list[Address]:
    return [Address(f"{name}{one}", "elsewhere.test") for one in range(number)]


async def test_the_eleventh_new_person_of_a_day_is_one_too_many(ground) -> None:
    takeover, _, clock = ground
    assert await takeover.meets(ALICE, people(10), is_office=False) == ""
    assert "10 new people" in await takeover.meets(ALICE, people(1, "other"), is_office=False)
    assert await takeover.meets(BOB, people(10), is_office=False) == ""
    clock.pass_time(86400)
    assert await takeover.meets(ALICE, people(10, "later"), is_office=False) == ""


async def test_who_is_known_does_not_count_whoever_remembers_it(ground) -> None:
    takeover, acquaintance, _ = ground
    acquaintance.remember(ALICE, people(20))
    assert await takeover.meets(ALICE, people(20), is_office=False) == ""
    await acquaintance.flush()
    assert await acquaintance.strangers(ALICE, people(25)) == 5
    assert await acquaintance.strangers(BOB, people(25)) == 25


async def test_an_address_named_twice_is_one_person(ground) -> None:
    _, acquaintance, _ = ground
    assert await acquaintance.strangers(ALICE, people(1) * 10) == 1


async def test_an_office_meets_more_people(ground) -> None:
    takeover, _, _ = ground
    assert await takeover.meets(ALICE, people(10 * OFFICE_TIMES), is_office=True) == ""
    assert await takeover.meets(ALICE, people(1, "x"), is_office=True) != ""


async def test_a_fifth_of_failures_is_borne_and_more_is_not(ground) -> None:
    takeover, _, clock = ground
    for number in range(50):
        assert takeover.ended(ALICE, failed=number % 5 == 4) == ""
    assert takeover.ended(ALICE, failed=True) != ""
    takeover.forgive(ALICE)
    assert takeover.ended(ALICE, failed=True) == ""
    clock.pass_time(86400)
    assert [takeover.ended(ALICE, failed=True) for _ in range(9)] == [""] * 9
    assert takeover.ended(ALICE, failed=True) != ""


async def test_few_failures_say_nothing(ground) -> None:
    takeover, _, _ = ground
    assert [takeover.ended(ALICE, failed=True) for _ in range(9)] == [""] * 9
