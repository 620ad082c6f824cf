"""The queue in the operator's hands: look, hold, release, retry, drop, bounce.

Every verb but ``list`` and ``show`` needs to be told which items: by queue id,
sender, recipient or domain, or by saying ``all``.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from posthouse.mail.reply import reply
from posthouse.mta.reporting import Action, Finding, is_wanted
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.storage.ports import Acceptance, Item, QueueFilter, State

MAX_LISTED = 1000
MAX_CHANGED = 100_000

Rows = AsyncIterator[Row]

STATES = {"held": State.HELD, "waiting": State.WAITING}


async def list_queue(house: House, arguments: Arguments) -> Rows:
    which = _which(arguments, arguments.number("limit", MAX_LISTED))
    arguments.finish()
    for item in await house.store.queued(which):
        yield item_row(item, house.now)


async def show_queued(house: House, arguments: Arguments) -> Rows:
    """One message of the queue with all its recipients."""
    queue_id = arguments.text("id")
    arguments.finish()
    items = await house.store.queued(QueueFilter(queue_id=queue_id))
    if not items:
        raise CannotDo(f"there is no {queue_id} in the queue", f"posthouse explain {queue_id} says what became of it")
    for item in items:
        yield {
            **item_row(item, house.now),
            "created_at": item.created_at,
            "due_at": item.due_at,
            "expires_at": item.expires_at,
            "envid": item.envid,
            "warned": item.warned,
            "report": item.is_report,
        }


async def hold(house: House, arguments: Arguments) -> Rows:
    items = await _chosen(house, arguments, State.WAITING)
    yield {"changed": await house.store.hold([item.item for item in items]) if items else 0, "found": len(items)}


async def release(house: House, arguments: Arguments) -> Rows:
    """Held items go again, at once."""
    items = await _chosen(house, arguments, State.HELD)
    yield await _let_go(house, items)


async def retry(house: House, arguments: Arguments) -> Rows:
    """Waiting items are tried at once instead of at their time."""
    items = await _chosen(house, arguments, State.WAITING)
    yield await _let_go(house, items)


async def drop(house: House, arguments: Arguments) -> Rows:
    """Out of the queue for good; nobody is told."""
    items = await _chosen(house, arguments, None)
    changed = await house.store.drop([item.item for item in items]) if items else 0
    yield {"changed": changed, "found": len(items)}


async def bounce(house: House, arguments: Arguments) -> Rows:
    """Out of the queue for good; the senders are told, if they want to be."""
    items = await _chosen(house, arguments, None)
    reports = await _reports(house, items)
    changed = await house.store.drop([item.item for item in items], reports) if items else 0
    house.wake()
    yield {"changed": changed, "found": len(items), "reports": len(reports)}


def item_row(item: Item, now: int) -> Row:
    """One recipient in the queue, as lists show it."""
    return {
        "id": item.queue_id,
        "item": item.item,
        "state": _state(item, now),
        "from": item.reverse_path,
        "to": str(item.recipient.address),
        "size": item.content.size,
        "age": max(0, now - item.created_at) // 1000,
        "attempts": item.attempts,
        "next": max(0, item.due_at - now) // 1000,
        "last": item.last,
        "host": item.last_host,
    }


def _state(item: Item, now: int) -> str:
    if item.state is State.HELD:
        return "held"
    if item.claimed:
        return "active"
    if item.attempts:
        return "deferred"
    return "scheduled" if item.due_at > now else "waiting"


def _which(arguments: Arguments, limit: int, state: State | None = None) -> QueueFilter:
    wanted = arguments.text("state", "")
    if wanted and wanted not in STATES:
        raise CannotDo(f"there is no state {wanted}", f"it is one of {', '.join(STATES)}")
    return QueueFilter(
        queue_id=arguments.text("id", ""),
        sender=arguments.text("sender", ""),
        recipient=arguments.text("recipient", ""),
        domain=arguments.text("domain", ""),
        state=STATES[wanted] if wanted else state,
        limit=limit,
    )


async def _chosen(house: House, arguments: Arguments, state: State | None) -> Sequence[Item]:
    """The items the operator means. Nothing named means nothing, unless he says all."""
    everything = arguments.flag("all")
    which = _which(arguments, MAX_CHANGED, state)
    arguments.finish()
    named = which.queue_id or which.sender or which.recipient or which.domain
    if not (named or everything):
        raise CannotDo("which messages?", "name a queue id, --sender, --recipient or --domain, or say --all")
    items = await house.store.queued(which)
    if not items and which.queue_id:
        state_text = f" {state.value}" if state is not None else ""
        raise CannotDo(f"there is no{state_text} {which.queue_id} in the queue", "posthouse queue list shows what is")
    return items


async def _let_go(house: House, items: Sequence[Item]) -> Row:
    changed = await house.store.release([item.item for item in items], house.now) if items else 0
    house.wake()
    return {"changed": changed, "found": len(items)}


async def _reports(house: House, items: Sequence[Item]) -> list[Acceptance]:
    """One report a message, about all its recipients that are dropped (RFC 3464)."""
    if house.secretary is None:
        raise CannotDo("reports are written by a running server", "start it, or drop the messages without a report")
    said = reply(550, "5.7.1", "returned by the administrator")
    messages: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.reverse_path and not item.is_report and is_wanted(item.recipient, Action.FAILED):
            messages[item.queue_id].append(item)
    return [
        await house.secretary.write(group[0], [Finding(item.recipient, Action.FAILED, said) for item in group])
        for group in messages.values()
    ]
