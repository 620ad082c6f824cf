"""DELE, RSET, and QUIT, which does what they have marked (RFC 1939 sections 5 and 6)."""

from collections.abc import AsyncIterator

from posthouse.mail.ids import Uid
from posthouse.services.pop3d.session import TEMPORARY, Answer, Opened, Session, find_message
from posthouse.standards.pop3.events import Action, Dele, Negative, Positive, Quit, Rset
from posthouse.standards.pop3.maildrop import NoSuchMessage
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Change
from posthouse.storage.ports import Store


async def delete(session: Session, event: Dele) -> AsyncIterator[Action]:
    maildrop = session.drop.maildrop
    try:
        if maildrop.size(maildrop.uid(event.number)) is None:
            await find_message(session, event.number)  # its size is needed for STAT
        maildrop.delete(event.number)
    except NoSuchMessage as error:
        yield Negative(str(error))
        return
    yield Positive(f"message {event.number} goes when you QUIT")


def reset(session: Session, _event: Rset) -> Answer:
    session.drop.maildrop.reset()
    return (Positive("nothing is deleted"),)


async def leave(session: Session, event: Quit) -> AsyncIterator[Action]:
    """The UPDATE state: what was marked is gone for good before ``+OK`` (promise point)."""
    if not event.update or session.opened is None:
        yield Positive("goodbye")
        return
    try:
        await update(session.house.store, session.opened)
    except StorageError as error:
        session.alarm("pop3.unremoved", error)
        yield Negative("some deleted messages were not removed", TEMPORARY)
        return
    session.release()
    yield Positive("goodbye")


async def update(store: Store, opened: Opened) -> None:
    """Remove what was marked; what was read whole counts as seen."""
    account, maildrop = opened.account.account, opened.maildrop
    deleted = [Uid(uid) for uid in maildrop.deleted]
    seen = [Uid(uid) for uid in maildrop.retrieved]
    if deleted:
        await store.remove(account, opened.inbox, deleted)
    if seen:  # so that a webmail or IMAP client of the same owner shows them as read
        await store.change_flags(account, opened.inbox, seen, Change.ADD, frozenset({"\\Seen"}))
