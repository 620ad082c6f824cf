"""SEARCH, with ESEARCH and saved results (RFC 9051 section 6.4.4, RFC 4731, RFC 5182)."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from posthouse.ms.search import Found as Hits
from posthouse.ms.search import search as search_mailbox
from posthouse.services.imapd.session import Answer, Selected, Session, enable_condstore
from posthouse.standards.imap import criteria, events
from posthouse.standards.imap.responses import Condition, Esearch, Found, Notice, Tagged
from posthouse.standards.imap.sequence import format_sequence_set
from posthouse.storage.errors import StorageError

OK = Condition.OK
SIGN_OF_LIFE_SECONDS = 10.0
"""RFC 9585: a client that waits for a long search hears that it goes on, and we hear whether it is still there."""


async def search(session: Session, event: events.Search) -> Answer:
    """SEARCH and UID SEARCH."""
    selected = session.chosen
    hits = Hits((), done=False)
    spoke = session.clock.monotonic()
    within = _Numbers(selected)
    now = int(session.clock.now())
    if asks_modseq(event.criteria):
        for response in enable_condstore(session):
            yield response
    found = search_mailbox(session.store, session.owner, selected.view, event.criteria, within, now)
    saving = event.returns is not None and "SAVE" in event.returns
    try:
        async for hits in found:  # noqa: B007 - the last one counts
            if session.clock.monotonic() - spoke >= SIGN_OF_LIFE_SECONDS:
                spoke = session.clock.monotonic()
                yield Notice(OK, "Still searching", "INPROGRESS")
    except StorageError:
        if saving:  # RFC 5182 section 2.1: NO leaves nothing saved
            selected.saved = None
        raise
    if event.returns is not None and saving:
        selected.saved = array("I", map(selected.view.uid, _told(event.returns, hits.indexes)))
    if event.returns is None:
        yield _found(selected, event, hits.indexes)
    elif event.returns != {"SAVE"}:
        yield _esearch(selected, event, event.returns, hits.indexes)
    yield Tagged(event.tag, OK, "Done")


def asks_modseq(tree: criteria.Criteria) -> bool:
    """Whether the criteria ask for mod-sequences, so that the answer tells the highest (RFC 7162 section 3.1.5)."""
    waiting = [tree]
    while waiting:
        match waiting.pop():
            case criteria.ChangedSince():
                return True
            case criteria.And(keys):
                waiting.extend(keys)
            case criteria.Or(left, right):
                waiting += [left, right]
            case criteria.Not(key):
                waiting.append(key)
            case _:
                pass
    return False


def _told(returns: frozenset[str], indexes: Sequence[int]) -> Sequence[int]:
    """What an answer is about: with MIN or MAX alone only those (RFC 5182 section 2.1, RFC 4731 section 3.2)."""
    if not indexes or not returns & {"MIN", "MAX"} or returns & {"ALL", "COUNT"}:
        return indexes
    ends = {indexes[0]} if "MIN" in returns else set()
    return sorted(ends | {indexes[-1]} if "MAX" in returns else ends)


def _numbers(selected: Selected, indexes: Sequence[int], *, by_uid: bool) -> list[int]:
    return [selected.view.uid(index) for index in indexes] if by_uid else [index + 1 for index in indexes]


def _highest(selected: Selected, event: events.Search, indexes: Sequence[int]) -> int | None:
    if not indexes or not asks_modseq(event.criteria):
        return None
    return max(selected.view.modseq(index) for index in indexes)


def _found(selected: Selected, event: events.Search, indexes: Sequence[int]) -> Found:
    numbers = _numbers(selected, indexes, by_uid=event.by_uid)
    return Found(tuple(numbers), _highest(selected, event, indexes))


def _esearch(selected: Selected, event: events.Search, returns: frozenset[str], indexes: Sequence[int]) -> Esearch:
    numbers = _numbers(selected, indexes, by_uid=event.by_uid)
    return Esearch(
        event.tag,
        event.by_uid,
        min=numbers[0] if "MIN" in returns and numbers else None,
        max=numbers[-1] if "MAX" in returns and numbers else None,
        count=len(numbers) if "COUNT" in returns else None,
        all=format_sequence_set(numbers) if "ALL" in returns and numbers else None,
        modseq=_highest(selected, event, _told(returns, indexes)),
    )


class _Numbers:
    """Whether a message is in a set of numbers: each set is put in order once, each message is one bisection.

    Sets are known by identity, while the command lives: hashing one of 2,000 ranges takes longer than asking it.
    """

    __slots__ = ("_known", "_selected")

    def __init__(self, selected: Selected) -> None:
        self._selected = selected
        self._known: dict[int, tuple[list[int], list[int]]] = {}

    def __call__(self, key: criteria.Numbered, index: int) -> bool:
        known = self._known.get(id(key))
        if known is None:
            known = self._known[id(key)] = self._spans(key)
        number = index + 1 if not (key.by_uid or key.numbers.saved) else self._selected.view.uid(index)
        lows, highs = known
        at = bisect_right(lows, number) - 1
        return at >= 0 and number <= highs[at]

    def _spans(self, key: criteria.Numbered) -> tuple[list[int], list[int]]:
        if key.numbers.saved:
            saved = list(self._selected.saved or ())
            return saved, saved
        view = self._selected.view
        largest = (view.uids[-1] if view.uids else 0) if key.by_uid else len(view)
        spans = key.numbers.spans(largest)
        return [low for low, _ in spans], [high for _, high in spans]
