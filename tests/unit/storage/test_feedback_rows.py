"""Rows of reports on the shelves of both engines: two nodes count together, nothing is told twice."""

import pytest

from posthouse.mta.feedback.rows import DMARC, RowBook, drop_heap, heaps, rows_of, sweep_tallies
from posthouse.storage.postgresql import engine as postgresql
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

DAY = "2027-01-15"


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request, tmp_path):
    journal, ports = KeptJournal(), {"clock": ManualClock(), "ids": CountedIds()}
    if request.param == "sqlite":
        opened = await open_store(tmp_path / "store", journal=journal, **ports)
    else:
        address = request.getfixturevalue("postgres")
        opened = await postgresql.open_store(address, spool=tmp_path / "spool", journal=journal, **ports)
    yield opened
    await opened.close()


async def test_two_nodes_count_together_and_a_heap_goes_whole(store) -> None:
    clock, journal = ManualClock(), KeptJournal()
    for node in (RowBook(DMARC, store, clock, journal), RowBook(DMARC, store, clock, journal)):
        for at in range(600):
            node.add(DAY, "a.test", b"head", b"row %d" % at, 2)
        node.add(DAY, "a.test.b.test", b"", b"row")
        await node.write()
    found = {heap.domain: heap async for heap in heaps(store, DMARC)}
    assert sorted(found) == ["a.test", "a.test.b.test"]
    rows, unlisted = await rows_of(store, found["a.test"], 10_000)
    assert (len(rows), {count for _, count in rows}, unlisted) == (600, {4}, 0)
    assert found["a.test"].head == b"head"
    await drop_heap(store, found["a.test"])
    assert [heap.domain async for heap in heaps(store, DMARC)] == ["a.test.b.test"]
    assert await rows_of(store, found["a.test"], 10) == ([], 0)
    assert await sweep_tallies(store, DMARC, "2027-02-01") == 1
    assert journal.entries == []
