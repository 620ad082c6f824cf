"""What became of our reports: kept for the operator, and so that nothing is told twice."""

import hashlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from posthouse.mta.feedback.rows import DAY_SECONDS, Heap
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

SENT: Final = "report.sent"
KEPT_SECONDS: Final = 90 * DAY_SECONDS


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of the report about one domain and day. ``until``: the time that was told of ends there."""

    kind: str
    day: str
    domain: str
    state: str
    """``sent``, ``kept`` (about ourselves), ``unwanted``, ``refused``, ``too large``, ``gave up``; or ``due``."""
    until: int = 0
    at: int = 0
    rows: int = 0
    messages: int = 0
    octets: int = 0
    to: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Addresses that get nothing, with the reason."""


def key_of(heap: Heap) -> str:
    return f"{heap.day}/{heap.kind}/{heap.domain}"


def trace_of(heap: Heap, begin: int) -> str:
    """The same however often it is tried."""
    digest = hashlib.sha256(f"{heap.kind}\0{heap.day}\0{heap.domain}\0{begin}".encode()).hexdigest()
    return f"f{digest[:23]}"


async def put(store: Store, heap: Heap, about: Sent) -> None:
    """**Durable.** Remember it; ``about.at`` is now."""
    note = Note(SENT, key_of(heap), msgspec.msgpack.encode(about), about.at, about.at + KEPT_SECONDS * 1000)
    await store.put_notes([note])


async def told_until(store: Store, heap: Heap) -> int:
    """Where the last report about this day ended, in seconds since 1970; 0 if there was none."""
    for note in await store.notes(SENT, [key_of(heap)]):
        return msgspec.msgpack.decode(note.value, type=Sent).until
    return 0


async def told(store: Store, kind: str, *, since: str = "", domain: str = "") -> AsyncIterator[Sent]:
    """What was sent of ``kind``, from the day ``since`` on."""
    after = since
    while page := await store.list_notes(SENT, after=after, limit=200):
        for note in page:
            _, own, about = note.key.split("/", 2)
            if own == kind and (not domain or about == domain or about.endswith("." + domain)):
                yield msgspec.msgpack.decode(note.value, type=Sent)
        after = page[-1].key
