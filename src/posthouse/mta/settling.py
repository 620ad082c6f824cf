"""What an outcome means for an item of the queue, and for its sender. Pure."""

import re
from dataclasses import dataclass
from typing import Final

from posthouse.mail.ids import TraceId
from posthouse.mail.outcome import Deferred, Delivered, Failed, Outcome, Relayed
from posthouse.mail.reply import Reply, reply
from posthouse.mta.reporting import Action, Finding, is_wanted
from posthouse.mta.schedule import Schedule
from posthouse.observe.ledger import Ending, format_ending
from posthouse.storage.queue import Fate, Item, Settlement

DELIVERED = reply(250, "2.1.5", "delivered")
UNTRIED = reply(450, "4.4.1", "not tried yet")

_SAID: Final = re.compile(r"([45][0-9][0-9]) (?:([45]\.[0-9]{1,3}\.[0-9]{1,3}) )?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """An item and what became of it. ``again_at``: try again then, as if this try had not been."""

    item: Item
    outcome: Outcome
    again_at: int | None = None
    inner: bool = False
    """The host is on a static route: its name is nobody's business outside (B02)."""


def settle(result: Result, schedule: Schedule, now: int, chance: float) -> tuple[Settlement, Finding | None]:
    """The settlement of ``result``, and what its sender should hear, if anything."""
    item, outcome = result.item, result.outcome
    if isinstance(outcome, Deferred):
        if not schedule.is_over(item.attempts + 1, item.created_at, item.expires_at, now):
            return _wait(result, outcome, schedule, now, chance)
        outcome = Failed(expired(outcome.reply), outcome.host)
    done = Settlement(item.item, item.token, fate=fate_of(item, outcome, now))
    if isinstance(outcome, Failed):
        return done, _finding(result, Action.FAILED, outcome.reply, outcome.host)
    if isinstance(outcome, Relayed):
        # RFC 3461 section 5.2.2: a server that speaks DSN will report by itself
        return done, None if outcome.speaks_dsn else _finding(result, Action.RELAYED, outcome.reply, outcome.host)
    return done, _finding(result, Action.DELIVERED, DELIVERED, "")


def fate_of(item: Item, outcome: Delivered | Relayed | Failed, now: int) -> Fate:
    """What the ledger keeps of an item that is done."""
    host, said = ("", DELIVERED) if isinstance(outcome, Delivered) else (outcome.host, outcome.reply)
    word = type(outcome).__name__.lower()
    return make_fate(item, Ending(str(item.recipient.address), now, word, host, str(said), item.attempts + 1))


def make_fate(item: Item, ending: Ending) -> Fate:
    return Fate(TraceId(item.queue_id), item.item, format_ending(ending))


def expired(last: Reply) -> Reply:
    """RFC 3463 section 3.5: delivery time expired."""
    return Reply(last.code, "4.4.7", (f"given up after too many tries; the last one: {last}",))


def put_back(item: Item, due_at: int, reason: Reply | None = None) -> Result:
    """``item`` goes back to wait, as if it had not been claimed: why it waits is still what was said last."""
    if reason is not None:
        return Result(item, Deferred(reason), due_at)
    return Result(item, Deferred(said_last(item), item.last_host), due_at)


def said_last(item: Item) -> Reply:
    """The reply that ``item.last`` is the text of."""
    parts = _SAID.fullmatch(item.last)
    if parts is None:
        return reply(450, "4.4.1", item.last) if item.last else UNTRIED
    return reply(int(parts[1]), parts[2], parts[3])


def _wait(
    result: Result, outcome: Deferred, schedule: Schedule, now: int, chance: float
) -> tuple[Settlement, Finding | None]:
    item = result.item
    late = not item.warned and schedule.is_late(item.created_at, now)
    if result.again_at is not None:
        due_at = result.again_at
    else:
        due_at = schedule.next_try(item.attempts + 1, now, chance)
        if now < item.expires_at:
            due_at = min(due_at, max(item.expires_at, now + 1000))
    waits = Settlement(
        item.item,
        item.token,
        due_at=due_at,
        last=str(outcome.reply),
        last_host=outcome.host,
        warned=item.warned or late,
        attempted=result.again_at is None,
    )
    return waits, _finding(result, Action.DELAYED, outcome.reply, outcome.host) if late else None


def _finding(result: Result, action: Action, answer: Reply, host: str) -> Finding | None:
    """None when there is nobody to tell, or he did not want to know."""
    item = result.item
    if not item.reverse_path or item.is_report or not is_wanted(item.recipient, action):
        return None
    return Finding(item.recipient, action, answer, "" if result.inner else host)
