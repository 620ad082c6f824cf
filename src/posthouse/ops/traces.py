"""Where is my mail? What the decision ledger and the queue know of one id; and how the house is."""

from collections.abc import AsyncIterator

import msgspec

from posthouse import __version__
from posthouse.admd.limits import list_limits
from posthouse.mta import queue
from posthouse.ops import people
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.queue import entry_row
from posthouse.storage.queue import QueueFilter, State

MAX_COUNTED = 100_000

Rows = AsyncIterator[Row]


async def explain(house: House, arguments: Arguments) -> Rows:
    """The record of a transaction, what became of whoever was queued, and what is still queued of it."""
    trace = arguments.text("id").strip().strip("<>[]().,;").lower()
    arguments.finish()
    record = await house.store.record(trace)
    endings = await house.store.fates(trace)
    entries = await queue.show(house.store, trace)
    if not (record or endings or entries):
        raise CannotDo(
            f"nothing is known of {trace}",
            "an id has 12 characters; it stands at the end of a reply, in the Received line and in the log, "
            "and its record is kept for a while",
        )
    if record:  # a report of ours has none
        known = msgspec.json.decode(record, type=dict[str, object])
        yield {"kind": "record", **known, **({"waiting": len(entries)} if known.get("queued") else {})}
    for ending in endings:
        yield {"kind": "ended", **msgspec.json.decode(ending, type=dict[str, object])}
    for entry in entries:
        yield {"kind": "queued", **entry_row(entry, house.now)}


async def recent(house: House, arguments: Arguments) -> Rows:
    """The latest records, newest first."""
    limit = arguments.number("limit", 20)
    arguments.finish()
    for _, _, record in await house.store.records(limit=min(limit, 1000)):
        yield msgspec.json.decode(record, type=dict[str, object])


async def status(house: House, arguments: Arguments) -> Rows:
    """How the house is, in one row."""
    arguments.finish()
    counts = (await house.store.population()).values()
    items = await house.store.queued(QueueFilter(limit=MAX_COUNTED))
    oldest = min((item.created_at for item in items), default=house.now)
    yield {
        "version": __version__,
        "domains": len((await people.known(house)).domains),
        "accounts": sum(one.accounts for one in counts),
        "aliases": sum(one.aliases for one in counts),
        "queued": len(items),
        "held": sum(item.state is State.HELD for item in items),
        "deferred": sum(item.attempts > 0 for item in items),
        "oldest": (house.now - oldest) // 1000,
        **house.facts(),
    }


async def limits(house: House, arguments: Arguments) -> Rows:
    """Every limit with its number, value in force and reason."""
    arguments.finish()
    for row in list_limits(house.limits):
        yield row
