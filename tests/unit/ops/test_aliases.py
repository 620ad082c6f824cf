"""Aliases in the operator's hands: they are made only where they lead to somebody."""

import pytest

from posthouse.ops.house import CannotDo


async def test_aliases_are_made_changed_listed_and_removed(office) -> None:
    await office.do("alias add", address="sales@office.test", targets=["alice@office.test"])
    (row,) = await office.do("alias add", address="sales@office.test", targets=["x@elsewhere.test"])
    assert row["changed"]
    assert [row["targets"] for row in await office.do("alias list")] == [["x@elsewhere.test"]]
    await office.do("alias remove", address="sales@office.test")
    assert not await office.do("alias list")


async def test_an_alias_for_nobody_here_is_refused_unless_it_is_meant(office) -> None:
    given = {"address": "team@office.test", "targets": ["alice+x@office.test", "nobody@office.test", "q@far.test"]}
    with pytest.raises(CannotDo, match=r"^nobody@office\.test is an address of ours that nobody has$") as problem:
        await office.do("alias add", **given)
    assert "--force" in problem.value.hint
    assert not await office.do("alias list")
    await office.do("alias add", **given, force=True)
    assert [row["address"] for row in await office.do("alias list")] == ["team@office.test"]


async def test_all_targets_that_nobody_has_are_named(office) -> None:
    with pytest.raises(CannotDo, match=r"^x@office\.test and y@office\.test are addresses of ours that nobody has$"):
        await office.do("alias add", address="team@office.test", targets=["x@office.test", "y@office.test"])


async def test_a_catch_all_has_every_address(office) -> None:
    await office.do("domain add", name="office.test", catch_all="alice@office.test")
    assert await office.do("alias add", address="team@office.test", targets=["anybody@office.test"])


@pytest.mark.parametrize("targets", [["loop@office.test"], ["alice@office.test", "LOOP+x@office.test"]])
async def test_an_alias_for_itself_is_refused_even_with_force(office, targets) -> None:
    with pytest.raises(CannotDo, match=r"loop@office\.test would lead back to itself"):
        await office.do("alias add", address="loop@office.test", targets=targets, force=True)


async def test_aliases_may_not_go_in_circles(office) -> None:
    await office.do("alias add", address="a@office.test", targets=["alice@office.test"])
    await office.do("alias add", address="b@office.test", targets=["a@office.test"])
    with pytest.raises(CannotDo, match=r"a@office\.test would lead back to itself: a@\S+, b@\S+, a@\S+$"):
        await office.do("alias add", address="a@office.test", targets=["alice@office.test", "b@office.test"])
    assert len(await office.do("alias list")) == 2


async def test_an_alias_for_itself_through_a_catch_all_is_refused(office) -> None:
    await office.do("domain add", name="office.test", catch_all="sink@office.test")
    with pytest.raises(CannotDo, match=r"sink@office\.test would lead back to itself"):
        await office.do("alias add", address="sink@office.test", targets=["anybody@office.test"])
