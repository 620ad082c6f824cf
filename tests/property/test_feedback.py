"""Whatever is counted is told: rows on shelves add up over nodes and days, and reports say the same when read."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.mta.feedback.arrived import from_aggregate
from posthouse.mta.feedback.rows import DMARC, RowBook, drop_heap, heaps, rows_of
from posthouse.standards.dmarcreport.read import parse_report
from posthouse.standards.dmarcreport.report import AggregateReport, Published, Row
from posthouse.standards.dmarcreport.write import format_report
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

DAYS = ("2027-01-15", "2027-01-16")
"""That of a fresh ManualClock, and the next."""

seen = st.tuples(
    st.sampled_from((0, 1)), st.sampled_from(DAYS), st.sampled_from(("a.test", "b.test", "a.test.b.test")),
    st.sampled_from((b"x", b"y", b"z")), st.integers(1, 3),
)  # fmt: skip
steps = st.lists(st.one_of(seen, st.just("write"), st.just("drop")), max_size=25)


@settings(max_examples=40)
@given(steps)
def test_two_nodes_count_together(steps):
    """Nothing is lost nor counted twice but what was dropped, whoever wrote it and when."""
    asyncio.run(_count(steps))


async def _count(steps):
    with tempfile.TemporaryDirectory() as place:
        clock, journal = ManualClock(), KeptJournal()
        store = await open_store(Path(place) / "store", clock=clock, ids=CountedIds(), journal=journal)
        try:
            books = [RowBook(DMARC, store, clock, journal) for _ in range(2)]
            expected = Counter()
            for step in (*steps, "write"):
                if step == "write":
                    for book in books:
                        await book.write()
                elif step == "drop":
                    for book in books:
                        await book.write()
                    async for heap in heaps(store, DMARC):
                        await drop_heap(store, heap, is_over=False)
                    expected.clear()
                else:
                    node, day, domain, row, count = step
                    books[node].add(day, domain, b"head", row, count)
                    expected[day, domain, row] += count
            found = Counter()
            async for heap in heaps(store, DMARC):
                rows, unlisted = await rows_of(store, heap, 100)
                assert unlisted == 0
                for row, count in rows:
                    found[heap.day, heap.domain, row] = count
            assert found == expected
        finally:
            await store.close()


words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=10)
rows = st.builds(
    Row,
    source=st.ip_addresses().map(str),
    count=st.integers(1, 10**6),
    disposition=st.sampled_from(("none", "pass", "quarantine", "reject")),
    dkim=st.sampled_from(("pass", "fail")),
    spf=st.sampled_from(("pass", "fail")),
    header_from=words.map(lambda word: f"{word.lower()}.test"),
)


@settings(max_examples=100)
@given(st.lists(rows, max_size=20))
def test_a_report_that_was_sent_says_the_same_when_it_is_read(rows):
    report = AggregateReport(
        organization="o", email="a@b.test", report_id="1", begin=1, end=2, published=Published(domain="x.test"), rows=tuple(rows)
    )  # fmt: skip
    arrived = from_aggregate(parse_report(format_report(report)))
    assert sum(one.count for one in arrived.senders) == sum(row.count for row in rows)
    assert sum(one.count for one in arrived.senders if one.passed) == sum(
        row.count for row in rows if "pass" in {row.dkim, row.spf}
    )
