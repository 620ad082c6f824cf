"""FETCH (RFC 9051 section 6.4.5): what is asked for and no more, one message at a time, as fast as the client reads."""

from collections.abc import Sequence

from posthouse.lib.sansio import Piece
from posthouse.ms.fetch import BATCH, Letter, TooMuch, Undecodable, letters
from posthouse.ms.parts import cut, read_pieces
from posthouse.ms.view import SEEN, MailboxView
from posthouse.services.imapd.session import (
    Answer,
    Session,
    enable_condstore,
    gone_of,
    resolve,
    take_turns,
)
from posthouse.standards.imap import attributes, events
from posthouse.standards.imap.bodystructure import format_bodystructure
from posthouse.standards.imap.fetchitems import Attribute, Binary, BinarySize, BodySection, FetchItem, SectionText
from posthouse.standards.imap.responses import Body, Condition, Fetched, Tagged, Vanished, body_length
from posthouse.standards.imap.sequence import format_sequence_set
from posthouse.storage.mailbox import Change

OK, NO, BAD = Condition.OK, Condition.NO, Condition.BAD

LOOKED_THROUGH = 1024 * 1024
"""Octets of stored content that are read once more to know how to send them."""
_AT_HAND = frozenset({Attribute.FLAGS, Attribute.UID, Attribute.MODSEQ})
"""What the view knows: asking for these opens no message."""


async def fetch(session: Session, event: events.Fetch) -> Answer:
    """FETCH and UID FETCH, with CHANGEDSINCE and VANISHED (RFC 7162)."""
    selected = session.chosen
    view = selected.view
    indexes = resolve(session, event.numbers, by_uid=event.by_uid)
    if indexes is None:
        yield Tagged(event.tag, BAD, "No such message number")
        return
    if Attribute.MODSEQ in event.items or event.changed_since is not None:
        for response in enable_condstore(session):
            yield response
    items: Sequence[FetchItem] = event.items
    if event.changed_since is not None:
        since = event.changed_since
        indexes = [index for index in indexes if view.modseq(index) > since]
        if Attribute.MODSEQ not in items:
            items = (*items, Attribute.MODSEQ)
        if event.vanished:
            async for response in _vanished(session, event, since):
                yield response
    if _AT_HAND.issuperset(items):
        for index in indexes:
            await take_turns(index)
            yield Fetched(index + 1, tuple(_at_hand(view, index, item) for item in items))
        yield Tagged(event.tag, OK, "Done")
        return
    missing = [0]
    try:
        for at in range(0, len(indexes), BATCH):
            async for response in _batch(session, indexes[at : at + BATCH], items, missing):
                yield response
    except Undecodable:
        yield Tagged(event.tag, NO, "A part cannot be decoded", "UNKNOWN-CTE")
        return
    except TooMuch:
        yield Tagged(event.tag, NO, "Too much of a message at once", "LIMIT")
        return
    if missing[0] and not event.by_uid:  # RFC 2180 section 4.1.3
        yield Tagged(event.tag, NO, "Some messages are gone", "EXPUNGEISSUED")
        return
    yield Tagged(event.tag, OK, "Done")


async def _vanished(session: Session, event: events.Fetch, since: int) -> Answer:
    selected = session.chosen
    delta = await session.store.delta(session.owner, selected.mailbox, since)  # type: ignore[arg-type]  # a number from the wire
    gone = gone_of(selected.view, delta.vanished, event.numbers)
    if gone:
        yield Vanished(format_sequence_set(gone), earlier=True)


async def _batch(session: Session, indexes: Sequence[int], items: Sequence[FetchItem], missing: list[int]) -> Answer:
    selected = session.chosen
    view = selected.view
    uids = [view.uid(index) for index in indexes]
    read: frozenset[int] = frozenset()
    if not selected.read_only and any(isinstance(item, BodySection | Binary) and not item.peek for item in items):
        unseen = [uid for uid, index in zip(uids, indexes, strict=True) if SEEN not in view.flags(index)]
        if unseen:
            seen, _ = await session.store.change_flags(
                session.owner, selected.mailbox, unseen, Change.ADD, frozenset({SEEN})
            )
            read = frozenset(view.take(seen))
    found = 0
    async for letter in letters(session.store, session.owner, selected.mailbox, uids):
        index = view.index(letter.stored.uid)
        if index is None:
            continue
        found += 1
        shown = [await _item(session, view, index, letter, item) for item in items]
        if index in read:
            shown += [_at_hand(view, index, item) for item in _besides(session, items)]
        yield Fetched(index + 1, tuple(shown))
    missing[0] += len(uids) - found


def _besides(session: Session, items: Sequence[FetchItem]) -> list[Attribute]:
    r"""What nobody asked for of a message that is ``\Seen`` by being read now (RFC 7162 section 3.2.4)."""
    told = (Attribute.UID, Attribute.FLAGS, Attribute.MODSEQ) if session.condstore else (Attribute.FLAGS,)
    return [item for item in told if item not in items]


def _at_hand(view: MailboxView, index: int, item: FetchItem) -> bytes:
    if item is Attribute.FLAGS:
        return attributes.flags(view.flags(index))
    return attributes.uid(view.uid(index)) if item is Attribute.UID else attributes.modseq(view.modseq(index))


async def _item(session: Session, view: MailboxView, index: int, letter: Letter, item: FetchItem) -> bytes | Body:
    if isinstance(item, BodySection):
        return Body(item.label, letter.give(_partial(await _section(letter, item), item.partial)))
    if isinstance(item, Binary):
        pieces = letter.give(_partial(await letter.decoded(item.part), item.partial))
        return Body(item.label, pieces, binary=await _has_nul(letter, pieces))
    if isinstance(item, BinarySize):
        return attributes.binary_size(item.label, body_length(await letter.decoded(item.part) or ()))
    if item in _AT_HAND:
        return _at_hand(view, index, item)
    return await _attribute(session, letter, item)


async def _attribute(session: Session, letter: Letter, item: Attribute) -> bytes:
    stored = letter.stored
    match item:
        case Attribute.INTERNALDATE:
            return attributes.internaldate(stored.received_at // 1000)
        case Attribute.SIZE:
            return attributes.size(stored.content.size)
        case Attribute.ENVELOPE:
            return attributes.envelope(await letter.envelope())
        case Attribute.BODY:
            return attributes.body(format_bodystructure(await letter.top(), extended=False))
        case Attribute.BODYSTRUCTURE:
            return attributes.bodystructure(format_bodystructure(await letter.top(), extended=True))
        case Attribute.EMAILID:
            return attributes.email_id(stored.email_id)
        case Attribute.THREADID:
            return attributes.thread_id(stored.thread_id)
        case Attribute.SAVEDATE:
            return attributes.savedate(stored.saved_at // 1000)
        case _:
            return attributes.preview(stored.facts.preview, utf8=session.utf8)


async def _section(letter: Letter, item: BodySection) -> list[Piece] | None:
    section = item.section
    match section.text:
        case SectionText.WHOLE:
            return await letter.part(section.part)
        case SectionText.HEADER:
            return await letter.header(section.part)
        case SectionText.FIELDS:
            return await letter.fields(section.part, section.fields, wanted=True)
        case SectionText.FIELDS_NOT:
            return await letter.fields(section.part, section.fields, wanted=False)
        case SectionText.TEXT:
            return await letter.text(section.part)
        case SectionText.MIME:
            return await letter.mime_header(section.part)


def _partial(pieces: Sequence[Piece] | None, partial: tuple[int, int] | None) -> tuple[Piece, ...] | None:
    if pieces is None:
        return None
    return tuple(pieces) if partial is None else tuple(cut(pieces, *partial))


async def _has_nul(letter: Letter, pieces: tuple[Piece, ...] | None) -> bool:
    """RFC 3516 section 4.2: with NUL it is a literal8; so is what would take long to look through."""
    if not pieces:
        return False
    return body_length(pieces) > LOOKED_THROUGH or b"\0" in await read_pieces(letter.blobs, pieces, LOOKED_THROUGH)
