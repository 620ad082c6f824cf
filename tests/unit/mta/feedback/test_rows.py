"""Rows on the shelves: what strangers can make of them is bounded, and trouble of the store loses nothing."""

import pytest

from posthouse.mta.feedback import rows as shelf
from posthouse.mta.feedback.rows import DMARC, RowBook, heaps, rows_of, sweep_tallies
from posthouse.storage.errors import StorageError

DAY = "2027-01-15"


@pytest.fixture
def book(office) -> RowBook:
    return RowBook(DMARC, office.store, office.clock, office.journal)


async def told(office) -> dict[str, tuple[dict[bytes, int], int]]:
    found = {}
    async for heap in heaps(office.store, DMARC):
        rows, unlisted = await rows_of(office.store, heap, 10_000)
        found[heap.domain] = (dict(rows), unlisted)
    return found


async def test_a_flood_of_kinds_is_counted_and_not_listed(office, book, monkeypatch) -> None:
    monkeypatch.setattr(shelf, "MOST_ROWS", 3)
    for at in range(10):
        book.add(DAY, "a.test", b"", b"%d" % at)
    book.add(DAY, "b.test", b"", b"x")
    await book.write()
    found = await told(office)
    assert found["a.test"] == ({b"0": 1, b"1": 1, b"2": 1}, 7)
    assert found["b.test"] == ({b"x": 1}, 0)


async def test_a_flood_of_domains_ends_at_a_bound(office, book, monkeypatch) -> None:
    monkeypatch.setattr(shelf, "MOST_DOMAINS", 2)
    for at in range(5):
        book.add(DAY, f"d{at}.test", b"", b"x")
    await book.write()
    assert sorted(await told(office)) == ["d0.test", "d1.test"]


async def test_all_rows_together_are_bounded(office, book, monkeypatch) -> None:
    monkeypatch.setattr(shelf, "MOST_ROWS_IN_ALL", 2)
    for name in ("a.test", "b.test", "c.test"):
        book.add(DAY, name, b"", b"x")
    await book.write()
    assert [found[1] for found in (await told(office)).values()] == [0, 0, 1]


async def test_a_name_that_is_no_key_is_not_kept(office, book) -> None:
    book.add(DAY, "a/b.test", b"", b"x")
    await book.write()
    assert await told(office) == {}


async def test_trouble_of_the_store_loses_nothing(office, book, monkeypatch) -> None:
    async def fail(*_: object) -> None:
        raise StorageError("disk full")

    book.add(DAY, "a.test", b"", b"x")
    with monkeypatch.context() as broken:
        broken.setattr(office.store, "put_notes", fail)
        await book.write()
        book.add(DAY, "a.test", b"", b"x")
        await book.write()
    await book.write()
    assert (await told(office))["a.test"] == ({b"x": 2}, 0)


async def test_more_rows_than_a_report_has_are_told_in_number(office, book) -> None:
    for at in range(5):
        book.add(DAY, "a.test", b"", b"%d" % at, at + 1)
    await book.write()
    (heap,) = [one async for one in heaps(office.store, DMARC)]
    assert await rows_of(office.store, heap, 2) == ([(b"4", 5), (b"3", 4)], 6)


async def test_counts_of_old_days_are_swept(office, book) -> None:
    book.add("2027-01-01", "a.test", b"", b"x")
    await book.write()
    book.add(DAY, "a.test", b"", b"x")
    await book.write()
    assert await sweep_tallies(office.store, DMARC, "2027-01-10") == 1
    assert len(await office.store.list_tallies(DMARC)) == 1
