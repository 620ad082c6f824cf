"""STORE, COPY, MOVE, EXPUNGE (RFC 9051 section 6.4).

COPY is one unit of work of the store: all or nothing (RFC 9051 section 6.4.7).
STORE, MOVE and EXPUNGE promise nothing about their messages together, so they
go in steps: other people's mail waits for one step, not for a mailbox of a
hundred thousand.
"""

from collections.abc import Iterable, Iterator, Sequence

from posthouse.mail.ids import ModSeq, Uid
from posthouse.ms.folders import MOST_MESSAGES, find_mailbox
from posthouse.ms.judging import SAYING_FLAGS, judge_carried, judge_flagged
from posthouse.ms.view import MailboxView
from posthouse.services.imapd.session import (
    Answer,
    Session,
    enable_condstore,
    flag_attributes,
    news,
    resolve,
    take_turns,
    tell_expunged,
    tell_keywords,
)
from posthouse.standards.imap import attributes, codes, events
from posthouse.standards.imap.responses import Condition, Fetched, Notice, Response, Tagged
from posthouse.storage.acceptance import Placed
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Change, Mailbox, Message

OK, NO, BAD = Condition.OK, Condition.NO, Condition.BAD

_CHANGES = {
    events.Change.REPLACE: Change.REPLACE,
    events.Change.ADD: Change.ADD,
    events.Change.REMOVE: Change.REMOVE,
}
READ_ONLY = "The mailbox is open for reading only"
STEP = 1000
"""Messages changed in one unit of work: some tens of milliseconds."""


def _steps(uids: Sequence[Uid]) -> Iterator[Sequence[Uid]]:
    return (uids[at : at + STEP] for at in range(0, len(uids), STEP))


async def store(session: Session, event: events.Store) -> Answer:
    """STORE, with UNCHANGEDSINCE (RFC 7162 section 3.1.3)."""
    selected = session.chosen
    view = selected.view
    indexes = resolve(session, event.numbers, by_uid=event.by_uid)
    if indexes is None or selected.read_only:
        yield _not_now(event.tag, indexes)
        return
    since = event.unchanged_since
    if since is not None:
        for response in enable_condstore(session):
            yield response
    if not indexes:
        yield Tagged(event.tag, OK, "Nothing to do")
        return
    refused: list[Uid] = []
    found = False
    for uids in _steps([view.uid(index) for index in indexes]):
        changed, late = await session.store.change_flags(
            session.owner,
            selected.mailbox,
            uids,
            _CHANGES[event.change],
            event.flags - {"\\Recent"},
            ModSeq(since) if since is not None else None,
        )
        refused += late
        found = found or bool(changed or late)
        _tell_flagged(session, event, [one.uid for one in changed])
        for response in _tell_changed(session, event, changed):
            yield response
    if refused:
        async for response in news(session, may_expunge=False):
            yield response
        places = sorted([index for index in map(view.index, refused) if index is not None])
        for index in places:  # so that nobody need ask what has changed
            yield Fetched(index + 1, flag_attributes(session, view, index, uid=event.by_uid))
        numbers = refused if event.by_uid else [index + 1 for index in places]
        yield Tagged(event.tag, OK, "Some have changed meanwhile", codes.modified(sorted(numbers)))
        return
    if not (found or event.by_uid or event.silent):  # RFC 2180 section 4.2.2
        yield Tagged(event.tag, NO, "The messages are gone", "EXPUNGEISSUED")
        return
    yield Tagged(event.tag, OK, "Done")


def _not_now(tag: str, indexes: Sequence[int] | None) -> Tagged:
    """The numbers name nothing, or nothing may be changed here."""
    return Tagged(tag, BAD, "No such message number") if indexes is None else Tagged(tag, NO, READ_ONLY)


def _tell_changed(session: Session, event: events.Store, changed: Sequence[Message]) -> Iterator[Response]:
    """The new flags; with .SILENT only what the client cannot reckon, and mod-sequences where it keeps them."""
    selected = session.chosen
    view = selected.view
    surprising = _surprising(view, event, changed) if event.silent else frozenset[Uid]()
    places = sorted(view.take(changed))
    yield from tell_keywords(selected)
    for index in places:
        if not event.silent or view.uid(index) in surprising:
            yield Fetched(index + 1, flag_attributes(session, view, index, uid=event.by_uid))
        elif session.condstore:
            yield Fetched(index + 1, (attributes.uid(view.uid(index)), attributes.modseq(view.modseq(index))))


def _surprising(view: MailboxView, event: events.Store, changed: Iterable[Message]) -> frozenset[Uid]:
    """Whose flags are now other than the client reckons: another session changed them (RFC 9051 section 6.4.6).

    A client that keeps the new mod-sequence would never ask for them (RFC 7162 section 3.1.3).
    """
    found = set()
    for message in changed:
        index = view.index(message.uid)
        if index is None or message.flags == _reckoned(view.flags(index), event):
            continue
        if _folded(message.flags) != _reckoned(_folded(view.flags(index)), event, _folded(event.flags)):
            found.add(message.uid)
    return frozenset(found)


def _folded(flags: frozenset[str]) -> frozenset[str]:
    """Flags are the same in whatever case (RFC 9051 section 9, rule 1); the store keeps the spelling it saw first."""
    return frozenset(flag.lower() for flag in flags)


def _reckoned(before: frozenset[str], event: events.Store, named: frozenset[str] | None = None) -> frozenset[str]:
    named = (event.flags if named is None else named) - {"\\Recent", "\\recent"}
    match event.change:
        case events.Change.REPLACE:
            return named
        case events.Change.ADD:
            return before | named
        case _:
            return before - named


async def carry(session: Session, event: events.Copy | events.Move) -> Answer:
    """COPY and MOVE (RFC 6851), with COPYUID (RFC 4315)."""
    selected = session.chosen
    moving = isinstance(event, events.Move)
    indexes = resolve(session, event.numbers, by_uid=event.by_uid)
    if indexes is None or (moving and selected.read_only):
        yield _not_now(event.tag, indexes)
        return
    mailboxes = await session.store.mailboxes(session.owner)
    target = find_mailbox(mailboxes, event.mailbox)
    if target is None:
        yield Tagged(event.tag, NO, "No such mailbox", "TRYCREATE")
        return
    uids = [selected.view.uid(index) for index in indexes]
    if not uids:
        yield Tagged(event.tag, OK, "Nothing to do")
        return
    if not event.by_uid:
        async for response in news(session, may_expunge=False):
            yield response
        if selected.view.gone_among(uids):  # RFC 2180 section 4.4: none rather than some
            yield Tagged(event.tag, NO, "Some messages are gone", "EXPUNGEISSUED")
            return
    async for response in (_move if moving else _copy)(session, event, mailboxes, target, uids):
        yield response


async def _copy(
    session: Session,
    event: events.Copy | events.Move,
    mailboxes: Sequence[Mailbox],
    target: Mailbox,
    uids: Sequence[Uid],
) -> Answer:
    """All or nothing (RFC 9051 section 6.4.7)."""
    if sum(mailbox.messages for mailbox in mailboxes) + len(uids) > MOST_MESSAGES:
        yield Tagged(event.tag, NO, "Too many messages", "LIMIT")
        return
    pairs = _pairs(await session.store.copy(session.owner, session.chosen.mailbox, uids, target.mailbox))
    _tell_carried(session, mailboxes, target, pairs)
    if not pairs and not event.by_uid:  # gone since we looked
        yield Tagged(event.tag, NO, "The messages are gone", "EXPUNGEISSUED")
        return
    yield Tagged(event.tag, OK, "Copied", codes.copy_uid(target.uidvalidity, pairs))


async def _move(
    session: Session,
    event: events.Copy | events.Move,
    mailboxes: Sequence[Mailbox],
    target: Mailbox,
    uids: Sequence[Uid],
) -> Answer:
    """Each message is moved or unaffected (RFC 9051 section 6.4.8); what was moved is told in any case."""
    selected = session.chosen
    pairs: list[tuple[Uid, Uid]] = []
    fault: StorageError | None = None
    try:
        for step in _steps(uids):
            pairs += _pairs(await session.store.move(session.owner, selected.mailbox, step, target.mailbox))
    except StorageError as error:
        fault = error
    _tell_carried(session, mailboxes, target, pairs)
    if pairs:
        yield Notice(OK, "Moved", codes.copy_uid(target.uidvalidity, pairs))
    if target.mailbox != selected.mailbox:
        gone = selected.view.drop([source for source, _ in pairs])
        for index, response in enumerate(tell_expunged(session, gone)):
            await take_turns(index)
            yield response
    if fault is not None:
        raise fault
    if not pairs and not event.by_uid:  # gone since we looked
        yield Tagged(event.tag, NO, "The messages are gone", "EXPUNGEISSUED")
        return
    yield Tagged(event.tag, OK, "Done")


def _pairs(carried: Sequence[tuple[Uid, Placed]]) -> list[tuple[Uid, Uid]]:
    """Where each went, ascending."""
    return sorted([(source, placed.uid) for source, placed in carried])


def _tell_carried(
    session: Session, mailboxes: Sequence[Mailbox], target: Mailbox, pairs: Sequence[tuple[Uid, Uid]]
) -> None:
    """Where somebody puts a message says what he thinks of it."""
    if session.judged is None:
        return
    source = next((one for one in mailboxes if one.mailbox == session.chosen.mailbox), None)
    placed = [uid for _, uid in pairs]
    lesson = judge_carried(session.owner, source, target, placed) if source is not None else None
    if lesson is not None:
        session.judged(lesson)


def _tell_flagged(session: Session, event: events.Store, uids: Sequence[Uid]) -> None:
    if session.judged is None or event.flags.isdisjoint(SAYING_FLAGS):
        return
    mailbox = session.chosen.view.mailbox
    lesson = judge_flagged(session.owner, mailbox, _CHANGES[event.change], event.flags, uids)
    if lesson is not None:
        session.judged(lesson)


async def expunge(session: Session, event: events.Expunge) -> Answer:
    """EXPUNGE; UID EXPUNGE removes no other than those named (RFC 4315 section 2.1)."""
    selected = session.chosen
    if selected.read_only:
        yield Tagged(event.tag, NO, READ_ONLY)
        return
    view = selected.view
    if event.uids is not None:
        named = [view.uid(index) for index in resolve(session, event.uids, by_uid=True) or ()]
    else:
        named = [view.uid(index) for index in range(len(view)) if "\\Deleted" in view.flags(index)]
    for uids in _steps(named):
        gone = view.drop(await session.store.expunge(session.owner, selected.mailbox, uids))
        for index, response in enumerate(tell_expunged(session, gone)):
            await take_turns(index)
            yield response
    if event.uids is None:  # and what others marked that we have not heard of
        for response in tell_expunged(
            session, view.drop(await session.store.expunge(session.owner, selected.mailbox, None))
        ):
            yield response
    yield Tagged(event.tag, OK, "Done")
