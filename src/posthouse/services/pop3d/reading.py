"""STAT, LIST, UIDL, RETR, TOP (RFC 1939 sections 5 and 7): nothing is read before the client takes it."""

from collections.abc import AsyncIterator

from posthouse.mail.content import Content
from posthouse.services.pop3d.session import TEMPORARY, Answer, Session, find_message, read_messages
from posthouse.standards.pop3.events import (
    Action,
    Begin,
    End,
    Lines,
    List,
    Negative,
    Part,
    Positive,
    Retr,
    Stat,
    Top,
    Uidl,
)
from posthouse.standards.pop3.excerpt import Excerpt, Surrogate
from posthouse.standards.pop3.maildrop import NoSuchMessage
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Blobs

CHUNK_OCTETS = 64 * 1024
BATCH_MESSAGES = 500
BATCH_LINES = 5000


def stat(session: Session, _event: Stat) -> Answer:
    messages, octets = session.drop.maildrop.stat()
    return (Positive(f"{messages} {octets}"),)


async def list_sizes(session: Session, event: List) -> AsyncIterator[Action]:
    maildrop = session.drop.maildrop
    if event.number is None:
        for batch in maildrop.unknown(BATCH_MESSAGES):
            await read_messages(session, batch)
        yield Begin("sizes follow")
        for lines in maildrop.scan_listings(BATCH_LINES):
            yield Part(lines)
        yield End()
        return
    try:
        stored = await find_message(session, event.number)
    except NoSuchMessage as error:
        yield Negative(str(error))
        return
    yield Positive(f"{event.number} {stored.content.size}")


async def list_unique_ids(session: Session, event: Uidl) -> AsyncIterator[Action]:
    """As fast as the client reads: a million of them must not wait in memory."""
    maildrop = session.drop.maildrop
    if event.number is None:
        yield Begin("unique-ids follow")
        for lines in maildrop.unique_ids(BATCH_LINES):
            yield Part(lines)
        yield End()
        return
    try:
        uid = maildrop.uid(event.number)
    except NoSuchMessage as error:
        yield Negative(str(error))
        return
    yield Positive(f"{event.number} {maildrop.unique_id(uid)}")


async def retrieve(session: Session, event: Retr) -> AsyncIterator[Action]:
    async for action in _send(session, event.number, None):
        yield action


async def top(session: Session, event: Top) -> AsyncIterator[Action]:
    async for action in _send(session, event.number, Excerpt(event.lines)):
        yield action


class _Outgoing:
    """A message or the beginning of one, in chunks; without ``surrogate`` as it is (RFC 6856 section 2.1)."""

    __slots__ = ("_at", "_blobs", "_content", "_excerpt", "_surrogate")

    def __init__(self, blobs: Blobs, content: Content, excerpt: Excerpt | None, surrogate: Surrogate | None) -> None:
        self._blobs, self._content = blobs, content
        self._excerpt, self._surrogate = excerpt, surrogate
        self._at = 0

    async def read(self) -> tuple[bytes, bool]:
        """The next chunk, the first with our header lines, and whether it is the last."""
        blob, at = self._content.blob, self._at
        chunk = b"" if at else self._content.prefix
        length = min(CHUNK_OCTETS, blob.size - at)
        if length:
            chunk += await self._blobs.read(blob.blob_id, at, length)
        self._at += length
        last = self._at >= blob.size
        if self._excerpt is not None:
            chunk = self._excerpt.cut(chunk)
            last = last or self._excerpt.done
        if self._surrogate is not None:
            chunk = self._surrogate.convert(chunk, last=last)
        return chunk, last


async def _send(session: Session, number: int, excerpt: Excerpt | None) -> AsyncIterator[Action]:
    """A message, or the ``excerpt`` of one; what was sent whole counts as read."""
    begun = False
    try:
        stored = await find_message(session, number)
        size = stored.content.size
        surrogate = None if session.core.utf8 else Surrogate()
        outgoing = _Outgoing(session.house.store.blobs, stored.content, excerpt, surrogate)
        text = f"{size} octets" if excerpt is None else "the top of it"
        chunk, last = await outgoing.read()
        if last:
            yield Lines(text, chunk)
        else:
            begun = True
            yield Begin(text)
            yield Part(chunk)
            while not last:
                chunk, last = await outgoing.read()
                yield Part(chunk)
            yield End()
    except NoSuchMessage as error:
        yield Negative(str(error))
        return
    except StorageError as error:
        session.alarm("pop3.unreadable", error)
        yield End(complete=False) if begun else Negative("the message cannot be read now", TEMPORARY)
        return
    if excerpt is None:
        drop = session.drop
        drop.retrieved += 1
        drop.octets += size
        drop.maildrop.mark_retrieved(int(stored.uid))
