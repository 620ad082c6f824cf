"""What one IMAP session knows: who it is, what it has selected, what it has asked us to tell."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass

from posthouse.filter.classifier.lesson import Lesson
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId, MailboxId, Uid
from posthouse.ms.append import Appender, Appending
from posthouse.ms.view import MailboxView, Update
from posthouse.net.ports import Line
from posthouse.observe.ports import Journal
from posthouse.standards.imap import attributes, codes
from posthouse.standards.imap.responses import (
    Condition,
    Exists,
    Expunged,
    Fetched,
    Flags,
    Notice,
    Response,
    Vanished,
)
from posthouse.standards.imap.sequence import SequenceSet, format_sequence_set
from posthouse.storage.directory import AccountRow
from posthouse.storage.mailbox import Mailbox
from posthouse.storage.ports import Store

Answer = AsyncIterator[Response]

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
TURN = 500
"""Responses in a row that wait for nothing, before the neighbours get their turn (invariant H7)."""


@dataclass(slots=True)
class Selected:
    """The selected mailbox as this session sees it."""

    view: MailboxView
    read_only: bool
    saved: "array[int] | None" = None
    """UIDs of the last search with SAVE (RFC 5182): what ``$`` means."""
    keywords: tuple[str, ...] = ()
    """Those the client has been told of in FLAGS."""
    variety: int = 0
    """Of sets of flags, when it was told."""

    @property
    def mailbox(self) -> MailboxId:
        return self.view.mailbox.mailbox


Judged = Callable[[Lesson], None]
"""Told what somebody thinks of his mail; it never waits."""


class Session:
    """One session's state. ``dirty``: something of the account may have changed since the view was last brought up."""

    __slots__ = (
        "account",
        "append_octets",
        "append_to",
        "appender", "appending",
        "clock",
        "condstore",
        "dirty",
        "failures",
        "fault",
        "idling",

        "journal",
        "judged",
        "leave",
        "line",
        "qresync",
        "rev2",
        "selected",
        "store",
        "unwatch",
        "utf8",
    )  # fmt: skip

    def __init__(
        self, line: Line, store: Store, clock: Clock, appender: Appender, journal: Journal, *, append_octets: int
    ) -> None:
        self.line, self.store, self.clock, self.appender, self.journal = line, store, clock, appender, journal
        self.append_octets = append_octets
        self.account: AccountRow | None = None
        self.leave: Callable[[], None] | None = None
        """Ends the login."""
        self.selected: Selected | None = None
        self.appending: Appending | None = None
        self.fault: Exception | None = None
        """What went wrong while a message was being appended; told at its end."""
        self.unwatch: Callable[[], None] | None = None
        self.judged: Judged | None = None
        """Told what the owner says of his mail by what he does with it (``ms.judging``)."""
        self.append_to: Mailbox | None = None
        """Where the message that is being appended goes."""
        self.failures = 0
        self.dirty = self.idling = self.condstore = self.qresync = self.rev2 = self.utf8 = False

    @property
    def owner(self) -> AccountId:
        """The account whose mail this session reads; the core lets nobody come so far without login."""
        if self.account is None:
            raise RuntimeError("no login")
        return self.account.account

    @property
    def chosen(self) -> Selected:
        """The selected mailbox; the core lets nobody come so far without SELECT."""
        if self.selected is None:
            raise RuntimeError("no mailbox selected")
        return self.selected

    def hint(self) -> None:
        """The store says that something of the account may have changed."""
        self.dirty = True
        if self.idling:
            self.line.wake()

    def watch(self) -> None:
        """Hear of what happens from now on: before a view is read, so that nothing falls between the two."""
        if self.unwatch is None:
            self.unwatch = self.store.watch(self.owner, self.hint)
        self.dirty = False

    def deselect(self) -> None:
        self.selected = None
        self.dirty = False
        if self.unwatch is not None:
            self.unwatch()
            self.unwatch = None


async def news(session: Session, *, may_expunge: bool, always: bool = False) -> Answer:
    """What happened in the selected mailbox since the session last heard of it; one trip to the store, or none."""
    selected = session.selected
    if selected is None or not (always or session.dirty or (may_expunge and selected.view.has_gone)):
        return
    session.dirty = False  # before asking, so that a hint that comes meanwhile is kept
    try:
        delta = await session.store.delta(session.owner, selected.mailbox, selected.view.highest)
    except BaseException:
        session.dirty = True
        raise
    for response in tell(session, selected.view, selected.view.apply(delta, may_expunge=may_expunge)):
        yield response


def tell(session: Session, view: MailboxView, update: Update) -> Iterator[Response]:
    """An update of the view as responses, as few as will do."""
    yield from tell_expunged(session, update.expunged)
    if update.exists is not None:
        yield Exists(update.exists)
    if session.selected is not None:
        yield from tell_keywords(session.selected)
    for index in update.changed:
        yield Fetched(index + 1, flag_attributes(session, view, index, uid=session.rev2))


def tell_keywords(selected: Selected) -> Iterator[Response]:
    """FLAGS, whenever keywords have come into use since the client was last told (RFC 9051 section 7.3.5)."""
    view = selected.view
    if view.variety == selected.variety:
        return
    selected.variety = view.variety
    known = view.keywords
    if known != selected.keywords:
        selected.keywords = known
        yield Flags((*SYSTEM_FLAGS, *known))


def tell_expunged(session: Session, expunged: tuple[tuple[int, Uid], ...]) -> Iterator[Response]:
    """EXPUNGE for each, or one VANISHED (RFC 7162 section 3.2.10)."""
    if session.qresync and expunged:
        yield Vanished(format_sequence_set(sorted(uid for _, uid in expunged)))
        return
    for number, _ in expunged:
        yield Expunged(number)


def gone_of(view: MailboxView, vanished: Iterable[Uid], asked: SequenceSet | None) -> list[Uid]:
    """Of ``vanished`` what is in the view no more and was asked for, ascending (RFC 7162 section 3.2.6)."""
    return asked_of(view, (uid for uid in vanished if view.index(uid) is None), asked)


def asked_of(view: MailboxView, uids: Iterable[Uid], asked: SequenceSet | None) -> list[Uid]:
    """Those of ``uids`` that the client knows or asks for, ascending; all, when it named none."""
    found = sorted(uids)
    if asked is None:
        return found
    return [uid for places in asked.indexes(found, view.mailbox.uidnext) for uid in found[places.start : places.stop]]


def flag_attributes(session: Session, view: MailboxView, index: int, *, uid: bool) -> tuple[bytes, ...]:
    """FLAGS, with UID and MODSEQ where the client has asked for such things (RFC 7162 section 3.1)."""
    found = [attributes.flags(view.flags(index))]
    if uid or session.condstore:
        found.insert(0, attributes.uid(view.uid(index)))
    if session.condstore:
        found.append(attributes.modseq(view.modseq(index)))
    return tuple(found)


def enable_condstore(session: Session) -> Iterator[Response]:
    """The first command that shows interest in mod-sequences learns the highest (RFC 7162 section 3.1)."""
    if not session.condstore:
        session.condstore = True
        if session.selected is not None:
            yield highest(session.selected.view)


def highest(view: MailboxView) -> Notice:
    """The mod-sequence up to which the client has been told everything."""
    return Notice(Condition.OK, "Highest", codes.highest_modseq(max(1, view.settled)))


async def take_turns(index: int) -> None:
    """Let others run after each ``TURN`` responses that needed no waiting."""
    if index % TURN == TURN - 1:
        await asyncio.sleep(0)


def resolve(session: Session, numbers: SequenceSet, *, by_uid: bool) -> list[int] | None:
    """The indexes that ``numbers`` name, ascending; None if a message number names nothing (answer BAD).

    UIDs that do not exist are passed over (RFC 9051 section 6.4.9).
    """
    selected = session.chosen
    view = selected.view
    if numbers.saved:
        return [index for index in map(view.index, selected.saved or ()) if index is not None]
    if by_uid:
        return [index for found in numbers.indexes(view.uids) for index in found]
    spans = numbers.spans(len(view))
    if spans and spans[-1][1] > len(view):  # none: ``1:*`` of nothing
        return None
    return [index for low, high in spans for index in range(low - 1, high)]
