"""An empty house to operate on."""

import pytest

from posthouse.ops.control import perform
from posthouse.ops.house import House
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


class Operator:
    """Says what is to be done; ``do`` gives the rows."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.woken = 0

    async def do(self, operation: str, **given) -> list[dict]:
        return [dict(row) async for row in perform(self.house, operation, given)]


@pytest.fixture
async def operator(tmp_path):
    clock = ManualClock()
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    operator = Operator(House(store, clock))

    def wake() -> None:
        operator.woken += 1

    operator.house = House(store, clock, wake=wake)
    yield operator
    await store.close()


@pytest.fixture
async def office(operator):
    """A domain and an account."""
    await operator.do("domain add", name="office.test")
    await operator.do("account add", address="alice@office.test", password="correct horse battery")
    return operator
