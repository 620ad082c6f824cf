"""Rows of tomorrow's reports, on the shelves: what was seen, by day and domain, counted by all nodes together.

A row is a note (what) and a tally (how often) under one key, ``day/domain/digest``;
a note of the kind ``….day`` says that there are any. Strangers decide what
is seen, so all of it is bounded (threat D11): what comes beyond is counted,
and told in the report as messages that are not listed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

import msgspec

from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note, Tally

DMARC: Final = "dmarc.row"
TLS: Final = "tls.row"
KINDS: Final = (DMARC, TLS)

DAY_SECONDS: Final = 86400
KEPT_SECONDS: Final = 8 * DAY_SECONDS
"""Rows that could not be sent so long never are."""
MOST_DOMAINS: Final = 5000
"""Of one day and node."""
MOST_ROWS: Final = 1000
"""Of one domain, day and node."""
MOST_ROWS_IN_ALL: Final = 50_000
MOST_WAITING: Final = 20_000
"""Notes that wait while the store is in trouble."""
UNLISTED: Final = "-"
"""In place of a digest: how much came beyond the bounds."""
PAGE: Final = 500


def day_of(seconds: float) -> str:
    """The day of a moment, UTC: ``2026-11-21``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def start_of(day: str) -> int:
    """When ``day`` begins, in seconds since 1970."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


class Heap(msgspec.Struct, frozen=True):
    """What there is to tell one domain about one day. ``head`` is what the kind keeps once for all rows."""

    kind: str
    day: str
    domain: str
    head: bytes

    @property
    def prefix(self) -> str:
        return f"{self.day}/{self.domain}/"


class RowBook:
    """Rows of one kind on their way to the shelves; ``write`` puts down what waits."""

    __slots__ = ("_clock", "_day", "_journal", "_kind", "_known", "_notes", "_store", "_tallies", "_total")

    def __init__(self, kind: str, store: Store, clock: Clock, journal: Journal) -> None:
        self._kind = kind
        self._store = store
        self._clock = clock
        self._journal = journal
        self._day = ""
        self._known: dict[str, set[str]] = {}
        self._total = 0
        self._notes: list[Note] = []
        self._tallies: dict[str, int] = {}

    def add(self, day: str, domain: str, head: bytes, row: bytes, count: int = 1) -> None:
        """``count`` times ``row``; the first ``head`` of a day stays."""
        if "/" in domain:
            return
        if day != self._day:
            self._day, self._known, self._total = day, {}, 0
        rows = self._known.get(domain)
        if rows is None:
            if len(self._known) >= MOST_DOMAINS:
                return
            rows = self._known[domain] = set()
            self._note(f"{self._kind}.day", f"{day}/{domain}", head)
        digest = blake2b(row, digest_size=12).hexdigest()
        if digest not in rows:
            if len(rows) >= MOST_ROWS or self._total >= MOST_ROWS_IN_ALL:
                digest = UNLISTED
            else:
                rows.add(digest)
                self._total += 1
                self._note(self._kind, f"{day}/{domain}/{digest}", row)
        key = f"{day}/{domain}/{digest}"
        self._tallies[key] = self._tallies.get(key, 0) + count

    def miss(self, day: str, domain: str) -> None:
        """A message that there was no room for."""
        if day == self._day and domain in self._known:
            key = f"{day}/{domain}/{UNLISTED}"
            self._tallies[key] = self._tallies.get(key, 0) + 1

    def _note(self, kind: str, key: str, value: bytes) -> None:
        now = self._clock.now()
        self._notes.append(Note(kind, key, value, int(now * 1000), int((now + KEPT_SECONDS) * 1000)))

    async def write(self) -> None:
        """To the shelves with it. Trouble of the store keeps it here, within bounds."""
        notes, self._notes = self._notes, []
        tallies, self._tallies = self._tallies, {}
        try:
            for at in range(0, len(notes), PAGE):
                await self._store.put_notes(notes[at : at + PAGE])
            if tallies:
                await self._store.add_tallies([Tally(self._kind, key, count) for key, count in tallies.items()])
        except StorageError as error:
            self._journal.note("report.rows-unwritten", Level.WARNING, kind=self._kind, reason=str(error))
            if len(notes) + len(self._notes) > MOST_WAITING:
                self._known = {}  # what is not written is not known
                return
            self._notes = [*notes, *self._notes]
            for key, count in tallies.items():
                self._tallies[key] = self._tallies.get(key, 0) + count


async def heaps(store: Store, kind: str) -> AsyncIterator[Heap]:
    """Everything that waits to be told, the oldest day first."""
    after = ""
    while page := await store.list_notes(f"{kind}.day", after=after, limit=PAGE):
        for note in page:
            day, _, domain = note.key.partition("/")
            yield Heap(kind, day, domain, note.value)
        after = page[-1].key


async def rows_of(store: Store, heap: Heap, most: int) -> tuple[list[tuple[bytes, int]], int]:
    """Its rows with their counts, at most ``most`` of them; and how much is not listed."""
    counts = {tally.key: tally.a for tally in await _all_tallies(store, heap)}
    unlisted = counts.pop(heap.prefix + UNLISTED, 0)
    found: list[tuple[bytes, int]] = []
    after = ""
    while page := await store.list_notes(heap.kind, prefix=heap.prefix, after=after, limit=PAGE):
        found += [(note.value, counts.pop(note.key)) for note in page if note.key in counts]
        after = page[-1].key
    found.sort(key=lambda row: (-row[1], row[0]))
    return found[:most], unlisted + sum([count for _, count in found[most:]]) + sum(counts.values())


async def drop_heap(store: Store, heap: Heap, *, is_over: bool = True) -> None:
    """Forget it; the note that says that there is something goes last, so that a crash leaves nothing unfound.

    While its day is not over only the counts go: nodes do not write down again what they know is written.
    """
    tallies = await _all_tallies(store, heap)
    await _drop(store.drop_tallies, heap.kind, [tally.key for tally in tallies])
    if not is_over:
        return
    while page := await store.list_notes(heap.kind, prefix=heap.prefix, limit=PAGE):
        await store.drop_notes(heap.kind, [note.key for note in page])
    await store.drop_notes(f"{heap.kind}.day", [heap.prefix[:-1]])


async def _drop(drop: Callable[[str, Sequence[str]], Awaitable[int]], kind: str, keys: Sequence[str]) -> None:
    for at in range(0, len(keys), PAGE):
        await drop(kind, keys[at : at + PAGE])


async def _all_tallies(store: Store, heap: Heap) -> list[Tally]:
    found: list[Tally] = []
    while page := await store.list_tallies(
        heap.kind, prefix=heap.prefix, after=found[-1].key if found else "", limit=PAGE
    ):
        found += page
    return found


async def sweep_tallies(store: Store, kind: str, before: str) -> int:
    """Drop counts of days before ``before``: unlike notes they do not go by themselves."""
    dropped = 0
    while page := await store.list_tallies(kind, limit=PAGE):
        old = [tally.key for tally in page if tally.key < before]
        if not old:
            break
        dropped += await store.drop_tallies(kind, old)
    return dropped
