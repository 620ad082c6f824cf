"""The secret behind the salts of unknown users outlives the process."""

import asyncio

import pytest

from posthouse.admd.secret import OCTETS, kept_secret
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


@pytest.fixture
def opened(tmp_path):
    async def open_again():
        return await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())

    return open_again


async def test_a_secret_is_made_once_and_found_again(opened) -> None:
    found = []
    for _ in range(2):
        store = await opened()
        found += [await kept_secret(store), await kept_secret(store)]
        await store.close()
    assert len(set(found)) == 1
    assert len(found[0]) == OCTETS


async def test_nodes_that_begin_at_the_same_moment_have_one_secret(opened) -> None:
    store = await opened()
    assert len(set(await asyncio.gather(*[kept_secret(store) for _ in range(5)]))) == 1
    await store.close()


async def test_every_house_has_its_own(tmp_path) -> None:
    made = set()
    for name in "ab":
        clock, ids = ManualClock(), CountedIds()
        store = await open_store(tmp_path / name, clock=clock, ids=ids, journal=KeptJournal())
        made.add(await kept_secret(store))
        await store.close()
    assert len(made) == 2


async def test_what_is_too_short_to_be_one_is_replaced(opened) -> None:
    store = await opened()
    await store.put("auth.secret", b"short")
    assert len(await kept_secret(store)) == OCTETS
    await store.close()
