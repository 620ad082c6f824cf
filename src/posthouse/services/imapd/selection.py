"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 section 6.3.2, RFC 7162 section 3.2)."""

from posthouse.ms.folders import find_mailbox
from posthouse.ms.view import DELETED, MailboxView
from posthouse.services.imapd.catalogue import identity
from posthouse.services.imapd.session import (
    SYSTEM_FLAGS,
    Answer,
    Selected,
    Session,
    asked_of,
    flag_attributes,
    gone_of,
    highest,
)
from posthouse.standards.imap import codes, events
from posthouse.standards.imap.responses import (
    Condition,
    Exists,
    Fetched,
    Flags,
    Listed,
    Notice,
    Recent,
    Tagged,
    Vanished,
)
from posthouse.standards.imap.sequence import format_sequence_set
from posthouse.storage.errors import Missing

OK, NO = Condition.OK, Condition.NO


async def select(session: Session, event: events.Select) -> Answer:
    """SELECT or EXAMINE: one list of mailboxes, one view."""
    if session.selected is not None:
        session.deselect()
        yield Notice(OK, "The mailbox before is closed", "CLOSED")
    mailbox = find_mailbox(await session.store.mailboxes(session.owner), event.mailbox)
    if mailbox is None:
        yield Tagged(event.tag, NO, "No such mailbox", "NONEXISTENT")
        return
    if event.condstore or event.qresync is not None:
        session.condstore = True
    session.watch()
    try:
        view = MailboxView(await session.store.view(session.owner, mailbox.mailbox))
    except Missing:
        session.deselect()
        yield Tagged(event.tag, NO, "No such mailbox", "NONEXISTENT")
        return
    selected = session.selected = Selected(view, event.read_only, keywords=view.keywords, variety=view.variety)
    now = view.mailbox
    yield Flags((*SYSTEM_FLAGS, *selected.keywords))
    yield Exists(len(view))
    yield Recent(0)  # RFC 9051 appendix E: to know better, each SELECT would have to write
    unseen = view.first_unseen()
    if unseen is not None and not session.rev2:
        yield Notice(OK, "First unseen", f"UNSEEN {unseen}")
    yield Notice(OK, "Valid", codes.uid_validity(now.uidvalidity))
    yield Notice(OK, "Predicted", codes.uid_next(now.uidnext))
    permanent = () if event.read_only else (*SYSTEM_FLAGS, *selected.keywords)
    yield Notice(OK, "Kept", codes.permanent_flags(permanent, keywords=not event.read_only))
    yield highest(view)
    yield Notice(OK, "Identity", codes.mailbox_id(identity(now)))
    if session.rev2:
        yield Listed(now.name)
    if event.qresync is not None and event.qresync.uidvalidity == now.uidvalidity:
        async for response in _resynchronize(session, selected, event.qresync):
            yield response
    yield Tagged(event.tag, OK, "Done", "READ-ONLY" if event.read_only else "READ-WRITE")


async def _resynchronize(session: Session, selected: Selected, known: events.Known) -> Answer:
    """What changed since the client's cache was made, of the messages in it (RFC 7162 section 3.2.5.2).

    Of the view, as EXISTS has told it: what has happened since is told with the next command.
    """
    view = selected.view
    delta = await session.store.delta(session.owner, selected.mailbox, known.modseq)  # type: ignore[arg-type]  # a number from the wire
    gone = gone_of(view, delta.vanished, known.uids)
    if gone:
        yield Vanished(format_sequence_set(gone), earlier=True)
    changed = (view.uid(index) for index in range(len(view)) if view.modseq(index) > known.modseq)
    for uid in asked_of(view, changed, known.uids):
        index = view.index(uid)
        if index is not None:
            yield Fetched(index + 1, flag_attributes(session, view, index, uid=True))


async def close(session: Session, event: events.Close) -> Answer:
    """CLOSE removes what is flagged for it, without a word; UNSELECT does not (RFC 3691)."""
    selected = session.chosen
    code = ""
    if event.expunge and not selected.read_only and _any_deleted(selected.view):
        gone = await session.store.expunge(session.owner, selected.mailbox, None)
        if gone and session.qresync:  # RFC 7162 section 3.2.8
            delta = await session.store.delta(session.owner, selected.mailbox, selected.view.highest)
            code = codes.highest_modseq(delta.highest)
    session.deselect()
    yield Tagged(event.tag, OK, "Closed", code)


def _any_deleted(view: MailboxView) -> bool:
    return view.mailbox.deleted > 0 or any(DELETED in view.flags(index) for index in range(len(view)))
