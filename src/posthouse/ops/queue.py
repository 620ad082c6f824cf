"""The queue in the operator's hands: look, hold, release, retry, drop, bounce (``posthouse.mta.queue``).

Every verb but ``list`` and ``show`` needs to be told which items: by queue id,
sender, recipient or domain, or by saying ``all``.
"""

from collections.abc import AsyncIterator

from posthouse.mta import queue
from posthouse.mta.queue import Entry
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.storage.queue import QueueFilter, State

MAX_LISTED = 1000
MAX_CHANGED = 100_000

Rows = AsyncIterator[Row]

STATES = {"held": State.HELD, "waiting": State.WAITING}


async def list_queue(house: House, arguments: Arguments) -> Rows:
    which = _which(arguments, arguments.number("limit", MAX_LISTED))
    arguments.finish()
    for entry in await queue.list_items(house.store, which):
        yield entry_row(entry, house.now)


async def show_queued(house: House, arguments: Arguments) -> Rows:
    """One message of the queue with all its recipients."""
    queue_id = arguments.text("id")
    arguments.finish()
    entries = await queue.show(house.store, queue_id)
    if not entries:
        raise await _absent(house, queue_id)
    for entry in entries:
        yield {
            **entry_row(entry, house.now),
            "created_at": entry.created_at,
            "due_at": entry.due_at,
            "expires_at": entry.expires_at,
        }


async def hold(house: House, arguments: Arguments) -> Rows:
    """What is held stays in the queue and is not tried."""
    which = _chosen(arguments)
    yield await _changed(house, which, await queue.hold(house.store, which))


async def release(house: House, arguments: Arguments) -> Rows:
    """Held items go again, at once."""
    which = _chosen(arguments)
    changed = await queue.release(house.store, which, house.clock)
    house.wake()
    yield await _changed(house, which, changed)


async def retry(house: House, arguments: Arguments) -> Rows:
    """Waiting items are tried at once instead of at their time."""
    which = _chosen(arguments)
    changed = await queue.retry(house.store, which, house.clock)
    house.wake()
    yield await _changed(house, which, changed)


async def drop(house: House, arguments: Arguments) -> Rows:
    """Out of the queue for good; nobody is told."""
    which = _chosen(arguments)
    yield await _changed(house, which, await queue.drop(house.store, which, house.clock))


async def bounce(house: House, arguments: Arguments) -> Rows:
    """Out of the queue for good; the senders are told, if they want to be."""
    which = _chosen(arguments)
    if house.secretary is None:
        raise CannotDo("reports are written by a running server", "start it, or drop the messages without a report")
    changed = await queue.bounce(house.store, which, house.secretary, house.clock)
    house.wake()
    yield await _changed(house, which, changed)


def entry_row(entry: Entry, now: int) -> Row:
    """One recipient in the queue, as lists show it."""
    return {
        "id": entry.queue_id,
        "item": entry.item,
        "state": "deferred" if entry.state == "waiting" and entry.attempts else entry.state,
        "from": entry.sender,
        "to": entry.recipient,
        "size": entry.size,
        "age": max(0, now - entry.created_at) // 1000,
        "attempts": entry.attempts,
        "next": max(0, entry.due_at - now) // 1000,
        "last": entry.last,
        "host": entry.last_host,
    }


def _which(arguments: Arguments, limit: int) -> QueueFilter:
    wanted = arguments.text("state", "")
    if wanted and wanted not in STATES:
        raise CannotDo(f"there is no state {wanted}", f"it is one of {', '.join(STATES)}")
    return QueueFilter(
        queue_id=arguments.text("id", ""),
        sender=arguments.text("sender", ""),
        recipient=arguments.text("recipient", ""),
        domain=arguments.text("domain", ""),
        state=STATES[wanted] if wanted else None,
        limit=limit,
    )


def _chosen(arguments: Arguments) -> QueueFilter:
    """The items the operator means. Nothing named means nothing, unless he says all."""
    everything = arguments.flag("all")
    which = _which(arguments, MAX_CHANGED)
    arguments.finish()
    if not (everything or which.queue_id or which.sender or which.recipient or which.domain):
        raise CannotDo("which messages?", "name a queue id, --sender, --recipient or --domain, or say --all")
    return which


async def _changed(house: House, which: QueueFilter, changed: int) -> Row:
    queue_id = which.queue_id
    if changed or not queue_id:
        return {"changed": changed}
    entries = await queue.show(house.store, queue_id)
    if not entries:
        raise await _absent(house, queue_id)
    states = ", ".join(sorted({str(entry_row(entry, house.now)["state"]) for entry in entries}))
    narrowed = which.sender or which.recipient or which.domain
    what = "its recipients" if narrowed else f"its state: {states}"
    raise CannotDo(f"there was nothing to change about {queue_id}", f"posthouse queue show {queue_id} shows {what}")


async def _absent(house: House, queue_id: str) -> CannotDo:
    """What to say of an id that is not in the queue; the hint leads on, never back."""
    if await house.store.record(queue_id) is not None:
        return CannotDo(f"{queue_id} is not in the queue", f"posthouse explain {queue_id} says what became of it")
    return CannotDo(f"there is no {queue_id} in the queue", "posthouse queue list shows what is there")
