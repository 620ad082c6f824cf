"""APPEND (RFC 9051 section 6.3.12): the message goes to the store in chunks; OK is a promise (promise point 1)."""

from posthouse.ms.append import Appending
from posthouse.ms.folders import find_mailbox, room_left
from posthouse.ms.judging import judge_carried
from posthouse.ms.readable import Unreadable
from posthouse.services.imapd.session import Answer, Session
from posthouse.standards.imap import codes, events
from posthouse.standards.imap.responses import Condition, Continuation, Response, Tagged
from posthouse.storage.errors import QuotaExceeded, StorageError

OK, NO, BAD = Condition.OK, Condition.NO, Condition.BAD


async def start(session: Session, event: events.StartAppend) -> Answer:
    """Refuse before the message is sent what can be refused by then."""
    mailboxes = await session.store.mailboxes(session.owner)
    mailbox = find_mailbox(mailboxes, event.mailbox)
    quota = session.account.quota if session.account is not None else 0
    if mailbox is None:
        yield Tagged(event.tag, NO, "No such mailbox", "TRYCREATE")
    elif quota > 0 and room_left(mailboxes, quota) < event.size:
        yield Tagged(event.tag, NO, "No room left", "OVERQUOTA")
    else:
        session.fault, session.append_to = None, mailbox
        session.appending = session.appender.begin(
            session.owner,
            mailbox.mailbox,
            flags=event.flags - {"\\Recent"},
            received_at=event.received_at * 1000 or 1 if event.received_at is not None else None,  # 0: none was given
            binary=event.utf8,
        )
        yield Continuation()


def chunk(session: Session, event: events.AppendChunk) -> tuple[Response, ...] | Answer:
    """The next octets of the message; nothing is answered before its end."""
    if session.appending is not None and session.fault is None:
        try:
            session.appending.write(event.octets)
        except StorageError as error:
            session.fault = error
            session.appending.discard()
        else:
            if session.appending.is_full:
                return _let_it_drain(session.appending)
    return ()


async def _let_it_drain(appending: Appending) -> Answer:
    """The disk is slower than the peer: nothing more of the message is read meanwhile."""
    await appending.drained()
    nothing: tuple[Response, ...] = ()
    for response in nothing:
        yield response


async def end(session: Session, event: events.EndAppend) -> Answer:
    """File the message and say where."""
    appending, session.appending = session.appending, None
    fault, session.fault = session.fault, None
    refusal = event.fault or ("A message with NUL in it needs a literal8" if event.nul else None)
    if appending is None or refusal is not None:
        if appending is not None:
            appending.discard()
        yield Tagged(event.tag, BAD, refusal or "No message")
        return
    if fault is not None:
        raise fault
    try:
        placed = await appending.finish()
    except QuotaExceeded:
        yield Tagged(event.tag, NO, "No room left", "OVERQUOTA")
        return
    except Unreadable:  # RFC 3516 section 4.4
        yield Tagged(event.tag, NO, "Binary content that cannot be encoded", "UNKNOWN-CTE")
        return
    if session.judged is not None and session.append_to is not None:
        lesson = judge_carried(session.owner, None, session.append_to, (placed.uid,))
        if lesson is not None:
            session.judged(lesson)
    yield Tagged(event.tag, OK, "Filed", codes.append_uid(placed.uidvalidity, placed.uid))
