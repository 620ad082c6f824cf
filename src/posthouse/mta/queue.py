"""What an operator may do with the queue: list, show, hold, release, retry, drop, bounce.

Each works on the items a ``QueueFilter`` means and says how many it changed.
What workers have claimed is not taken from them, but by drop and bounce: the
fence in the store then makes their results void.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from posthouse.lib.ports import Clock
from posthouse.mail.reply import reply
from posthouse.mta.reporting import Action, Finding, is_wanted
from posthouse.mta.settler import Secretary
from posthouse.mta.settling import make_fate
from posthouse.observe.ledger import Ending
from posthouse.storage.ports import Store
from posthouse.storage.queue import Fate, Item, QueueFilter, State

RETURNED = reply(550, "5.7.1", "an operator of this server returned the message")
"""RFC 3463 section 3.8: it was not the other side's doing."""
DROPPED = "an operator of this server dropped the message"
SEIZING_MILLISECONDS: Final = 60_000
MANY: Final = 100_000
"""More held items than one message has."""
ASK_US = "Ask your postmaster why before you send it again."


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as a table or a line of JSON shows it."""

    item: int
    queue_id: str
    sender: str
    recipient: str
    state: str
    attempts: int
    size: int
    created_at: int
    due_at: int
    expires_at: int
    last: str
    last_host: str


def describe(item: Item) -> Entry:
    state = "held" if item.state is State.HELD else "active" if item.claimed else "waiting"
    return Entry(
        item.item,
        item.queue_id,
        item.reverse_path,
        str(item.recipient.address),
        state,
        item.attempts,
        item.content.size,
        item.created_at,
        item.due_at,
        item.expires_at,
        item.last,
        item.last_host,
    )


async def list_items(store: Store, which: QueueFilter) -> list[Entry]:
    """What is in the queue."""
    return [describe(item) for item in await store.queued(which)]


async def show(store: Store, queue_id: str) -> list[Entry]:
    """All that is left of one message."""
    return await list_items(store, QueueFilter(queue_id=queue_id))


async def hold(store: Store, which: QueueFilter) -> int:
    """Keep items from being tried."""
    return await store.hold(await _numbers(store, which))


async def release(store: Store, which: QueueFilter, clock: Clock) -> int:
    """Let held items go, at once."""
    held = [item.item for item in await store.queued(which) if item.state is State.HELD]
    return await store.release(held, int(clock.now() * 1000))


async def retry(store: Store, which: QueueFilter, clock: Clock) -> int:
    """Try waiting items now; held ones stay held."""
    waiting = [item.item for item in await store.queued(which) if item.state is State.WAITING and not item.claimed]
    return await store.release(waiting, int(clock.now() * 1000))


async def drop(store: Store, which: QueueFilter, clock: Clock) -> int:
    """**Durable.** Take items out of the queue; nobody is told, but the ledger knows."""
    items = await store.queued(which)
    return await store.drop([item.item for item in items], fates=_fates(items, "dropped", DROPPED, clock))


async def bounce(store: Store, which: QueueFilter, secretary: Secretary, clock: Clock) -> int:
    """**Durable.** Take items out of the queue and tell their senders, in one transaction.

    First they are held, out of reach of all workers: what was delivered until then is not reported as returned.
    """
    items = await _seize(store, sorted(await store.queued(which), key=lambda item: item.queue_id), clock)
    reports = []
    for _, group in groupby(items, key=lambda item: item.queue_id):
        told = [item for item in group if _may_be_told(item)]
        if told:
            findings = [Finding(item.recipient, Action.FAILED, RETURNED, advice=ASK_US) for item in told]
            reports.append(await secretary.write(told[0], findings))
    fates = _fates(items, "returned", RETURNED.text[0], clock)
    return await store.drop([item.item for item in items], reports, fates)


async def _seize(store: Store, items: Sequence[Item], clock: Clock) -> list[Item]:
    """Hold ``items``, whoever has claimed them; those that are held now, the others have left or are being carried."""
    claimed = [item for item in items if item.claimed]
    if claimed:  # end their leases and take them from their workers, not due before they are held
        now = int(clock.now() * 1000)
        await store.renew([(item.item, item.token) for item in claimed], now)
        await store.release([item.item for item in claimed], now + SEIZING_MILLISECONDS)
    numbers = {item.item for item in items}
    await store.hold(tuple(numbers))
    held: list[Item] = []
    for queue_id in dict.fromkeys(item.queue_id for item in items):
        found = await store.queued(QueueFilter(queue_id=queue_id, state=State.HELD, limit=len(numbers) + MANY))
        held += [item for item in found if item.item in numbers]
    return held


def _fates(items: Sequence[Item], outcome: str, said: str, clock: Clock) -> list[Fate]:
    now = int(clock.now() * 1000)
    return [
        make_fate(item, Ending(str(item.recipient.address), now, outcome, reply=said, tries=item.attempts))
        for item in items
    ]


def _may_be_told(item: Item) -> bool:
    return bool(item.reverse_path) and not item.is_report and is_wanted(item.recipient, Action.FAILED)


async def _numbers(store: Store, which: QueueFilter) -> Sequence[int]:
    return [item.item for item in await store.queued(which)]
