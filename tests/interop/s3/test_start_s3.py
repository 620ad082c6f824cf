"""How the house begins with a bucket: one that is somebody else's stops it, one that is away does not."""

import pytest

from posthouse.storage.bodies import NotOurs
from posthouse.supervisor.claims import LOCK
from posthouse.supervisor.engine import BodyKeys, open_engine
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.supervisor.sections.node import StoreSection
from posthouse.testing.freeports import free_base
from posthouse.testing.journal import KeptJournal

KEYS = BodyKeys("office", "not a secret")


def section(port, prefix):
    return StoreSection(bodies=f"s3://mail/{prefix}", s3_endpoint=f"http://127.0.0.1:{port}")


async def opened(directory, port, prefix, journal):
    ports = {"clock": SystemClock(), "ids": RandomIds(), "journal": journal}
    return await open_engine(section(port, prefix), directory, KEYS, **ports)


async def swept(store):
    return [line async for line in store.sweep(int(SystemClock().now() * 1000))]


async def test_a_prefix_of_another_store_stops_the_start(seaweed, tmp_path):
    journal = KeptJournal()
    for _ in range(2):
        store = await opened(tmp_path / "one", seaweed.port, "start/1", journal)
        await swept(store)
        await store.close()
    with pytest.raises(NotOurs, match="belongs to another store"):
        await opened(tmp_path / "two", seaweed.port, "start/1", journal)
    store = await opened(tmp_path / "two", seaweed.port, "start/2", journal)  # the refusal left nothing open
    await store.close()
    assert journal.entries == []
    assert not [left for left in (tmp_path / "two" / "uploads").iterdir() if left.suffix != LOCK]


async def test_a_bucket_that_is_away_is_told_and_keeps_nobody_outside(tmp_path):
    journal = KeptJournal()
    store = await opened(tmp_path, free_base(1), "start/3", journal)
    assert {entry.event for entry in journal.entries} == {"bodies.failed"}
    writer = store.blobs.open()
    writer.write(b"small")
    assert (await writer.finish()).octets == b"small"
    writer.discard()
    await store.close()
