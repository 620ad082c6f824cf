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


def tell(one: Takeover, other: Takeover) -> None:
    """What a node has counted, as ``filter.sharing`` carries it."""
    for name, counted in one.allowances.items():
        for who, amount in counted.take_news().items():
            other.allowances[name].charge_elsewhere(who, amount)


@pytest.fixture
async def nodes(ground):
    first, acquaintance, clock = ground
    second = Takeover(acquaintance, Limits(account_new_recipients_day=10, bounced_of=10), clock)
    for node in (first, second):
        for counted in node.allowances.values():
            counted.share()
    return first, second


async def test_whom_an_account_meets_is_counted_by_all_nodes_together(nodes) -> None:
    first, second = nodes
    assert await first.meets(ALICE, people(9), is_office=False) == ""
    tell(first, second)
    assert await second.meets(ALICE, people(1, "x"), is_office=False) == ""
    assert await second.meets(ALICE, people(1, "y"), is_office=False) != ""


async def test_what_becomes_of_its_mail_too(nodes) -> None:
    first, second = nodes
    for _ in range(6):
        assert first.ended(ALICE, failed=True) == ""
    tell(first, second)
    tell(second, first)  # what was heard is not told back
    for _ in range(3):
        assert second.ended(ALICE, failed=True) == ""
    assert "10 of the 10" in second.ended(ALICE, failed=True)


async def test_who_was_forgiven_on_one_node_is_forgiven_on_all(nodes) -> None:
    first, second = nodes
    for _ in range(9):
        first.ended(ALICE, failed=True)
    tell(first, second)
    second.forgive(ALICE)
    tell(second, first)
    assert first.ended(ALICE, failed=True) == ""
    assert second.ended(ALICE, failed=True) == ""
