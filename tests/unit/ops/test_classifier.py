"""The classifier in the operator's hands."""

import dataclasses

import pytest

from posthouse.filter.classifier.school import School
from posthouse.filter.classifier.tokens import tokens_of
from posthouse.observe.ports import Journal
from posthouse.ops.house import CannotDo
from posthouse.testing.journal import KeptJournal
from posthouse.testing.letters import Writer

ALICE = "alice@office.test"


@pytest.fixture
def operator(office):
    journal: Journal = KeptJournal()
    office.house = dataclasses.replace(
        office.house, school=School(office.house.store, None, office.house.clock, journal)
    )
    return office


async def show(operator, count: int = 12, **given) -> None:
    writer = Writer(4)
    for number in range(count):
        for is_junk in (True, False):
            letter = writer.junk() if is_junk else writer.good()
            name = f"{number:x}{'j' if is_junk else 'g'}".rjust(64, "0")
            row = await operator.do(
                "classifier train", name=name, tokens=list(tokens_of(letter.octets)), junk=is_junk, **given
            )
            assert row == [{"learned": True}]


def words(seed: int = 8) -> list[str]:
    return list(tokens_of(Writer(seed).junk().octets))


async def test_status_says_who_is_heard(operator) -> None:
    assert await operator.do("classifier status") == []
    await show(operator, 9, account=ALICE)
    everybody, alice = await operator.do("classifier status")
    assert everybody == {"name": "(all)", "counts": "people", "junk": 1, "good": 1, "least": 3, "speaks": False}
    assert (alice["name"], alice["junk"], alice["speaks"]) == (ALICE, 9, False)


async def test_training_for_all_is_heard_at_once_and_explained(operator) -> None:
    with pytest.raises(CannotDo, match="nobody has taught enough"):
        await operator.do("classifier explain", tokens=words())
    await show(operator)
    first, *rest = await operator.do("classifier explain", tokens=words())
    assert first["junk"] > 0.9
    assert first["by"] == "shared words"
    assert {row["token"] for row in rest} <= set(words())


async def test_training_for_one_is_his_alone(operator) -> None:
    await show(operator, account=ALICE)
    first, *_ = await operator.do("classifier explain", tokens=words(), account=ALICE)
    assert (first["junk"] > 0.9, first["by"]) == (True, "own words")
    with pytest.raises(CannotDo, match="nobody has taught enough"):
        await operator.do("classifier explain", tokens=words())


async def test_forgetting(operator) -> None:
    await show(operator, 2)
    await show(operator, 2, account=ALICE)
    for who in ("operator", ALICE):
        assert (await operator.do("classifier forget", address=who))[0]["tokens"] > 10
    assert await operator.do("classifier status") == []


async def test_who_is_removed_is_forgotten(operator) -> None:
    await show(operator, 2, account=ALICE)
    await operator.do("account remove", address=ALICE, yes=True)
    assert await operator.do("classifier status") == []


@pytest.mark.parametrize(
    "given",
    [
        {"name": "x", "tokens": ["a"]},
        {"name": "a" * 64, "tokens": ["a" * 91]},
        {"name": "a" * 64, "tokens": ["a"] * 401},
        {"name": "a" * 64},
        {"name": "a" * 64, "tokens": ["a"], "account": "nobody@office.test"},
    ],
)
async def test_what_makes_no_sense_is_refused(operator, given) -> None:
    with pytest.raises(CannotDo):
        await operator.do("classifier train", **given)
