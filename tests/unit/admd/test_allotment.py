"""Failures that several nodes count together (L21)."""

import pytest

from posthouse.admd.allotment import SHARE, Allotment
from posthouse.storage.errors import StorageError
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


@pytest.fixture
async def ground(tmp_path):
    clock = ManualClock(1_800_000_000.0)
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    yield store, clock
    await store.close()


def node(ground, most: int = 20) -> Allotment:
    store, clock = ground
    return Allotment("account", most, 3600, store, clock, KeptJournal())


async def test_three_nodes_give_no_more_than_one_would_by_much(ground) -> None:
    nodes = [node(ground) for _ in range(3)]
    tried = 0
    for turn in range(200):
        one = nodes[turn % 3]
        if not one.is_spent("alice"):
            tried += 1
            await one.spend("alice")
    assert 20 <= tried <= 20 + 3 * 2
    assert all(one.is_spent("alice") for one in nodes)
    assert not nodes[0].is_spent("bob")


async def test_the_window_ends_for_all(ground) -> None:
    _store, clock = ground
    one = node(ground, most=SHARE)
    for _ in range(20):
        await one.spend("alice")
    assert one.is_spent("alice")
    clock.pass_time(3600)
    assert not one.is_spent("alice")
    await one.spend("alice")
    assert not one.is_spent("alice")


async def test_a_clock_that_is_set_back_locks_nobody_out_for_that_long(ground) -> None:
    _store, clock = ground
    one = node(ground, most=SHARE)
    clock.jump(365 * 86400)
    for _ in range(20):
        await one.spend("alice")
    assert one.is_spent("alice")
    clock.jump(-365 * 86400)
    assert not one.is_spent("alice")


async def test_a_mistake_costs_the_store_nothing(ground) -> None:
    _store, clock = ground
    asked = []

    class Counting:
        async def take(self, key, want, *given):
            asked.append(key)
            return want

    one = Allotment("account", 20, 3600, Counting(), clock, KeptJournal())
    await one.spend("alice")
    assert not asked
    for _ in range(SHARE):
        await one.spend("alice")
    assert len(asked) == 1
    assert "alice" not in asked[0]


async def test_without_the_store_each_node_counts_for_itself(ground) -> None:
    class Broken:
        async def take(self, *_):
            raise StorageError("away")

    journal = KeptJournal()
    one = Allotment("account", 20, 3600, Broken(), ground[1], journal)
    for _ in range(30):
        await one.spend("alice")
    assert not one.is_spent("alice")
    assert journal.entries[0].event == "auth.uncounted"
