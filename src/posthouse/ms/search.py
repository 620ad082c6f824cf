"""Which messages match: cheap questions first, content only for those that still need it.

Three rounds, each over what the one before left undecided: what the view
knows (flags, numbers, mod-sequences), what is stored beside the message
(dates, size, identities), and the content itself, decoded. A question that
cannot be answered yet is *unknown*, and the rules of Kleene's logic decide
whether the rest of the tree can do without it. Batches are bounded, and the
loop gets its turn between them.

Text is compared as in i;unicode-casemap (RFC 5051): decomposed, without case.
Of one message at most ``TEXT_OCTETS`` are searched; attachments are not, but TEXT finds their names: the headers
of the parts and of messages inside, which are read for no other key.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime

from posthouse.mail.ids import AccountId, Uid
from posthouse.ms.large import here_or_apart
from posthouse.ms.parts import read_header, read_pieces, span, structure
from posthouse.ms.view import MailboxView
from posthouse.standards.imap import criteria as key
from posthouse.standards.imap.criteria import Criteria
from posthouse.standards.imf.address import mailboxes
from posthouse.standards.imf.date import parse_date
from posthouse.standards.imf.header import HEADER_OCTETS, Header
from posthouse.standards.mime.charset import decode_text
from posthouse.standards.mime.encodedword import decode_words
from posthouse.standards.mime.parameters import find_parameter
from posthouse.standards.mime.preview import strip_html
from posthouse.standards.mime.structure import Part
from posthouse.standards.mime.transfer import decode_transfer
from posthouse.storage.mailbox import Stored
from posthouse.storage.ports import Store

BATCH = 200
TURN = 2000
"""Answers to keys before the loop gets its turn: one key asked of so many messages, or many keys of few."""
TEXT_OCTETS = 4 * 1024 * 1024
OF_TEXT = {key.BodyContains, key.TextContains}
ADDRESS_FIELDS = frozenset({"from", "to", "cc", "bcc"})


@dataclass(frozen=True, slots=True)
class Found:
    """How far a search is: indexes that match, among the first ``judged`` undecided ones."""

    indexes: tuple[int, ...]
    done: bool


@dataclass(slots=True)
class _Message:
    """One message with as much as is known of it."""

    index: int
    stored: Stored | None = None
    header: Header | None = None
    text: str | None = None
    part_headers: str = ""
    top: str | None = None
    """The whole header, folded."""
    fields: dict[str, list[str]] = dataclass_field(default_factory=dict)
    """Values of fields that were asked for, folded."""


Numbers = Callable[[key.Numbered, int], bool]
"""Whether a message, by its index, is in a set of numbers."""


async def search(
    store: Store, account: AccountId, view: MailboxView, criteria: Criteria, within: Numbers, now: int
) -> AsyncIterator[Found]:
    """The indexes that match, ascending; yields also in between, so that whoever asked can stop. ``now`` in seconds."""
    judge = _Judge(view, within, now)
    turn = max(1, TURN // count_keys(criteria))
    asked = {type(one) for one in _keys(criteria)}
    text, whole = not asked.isdisjoint(OF_TEXT), key.TextContains in asked
    matching: list[int] = []
    unsure: list[int] = []
    for index in range(len(view)):
        verdict = judge.verdict(criteria, _Message(index))
        if verdict is None:
            unsure.append(index)
        elif verdict:
            matching.append(index)
        if index % turn == turn - 1:
            await asyncio.sleep(0)
            yield Found((), done=False)
    uids = [view.uid(index) for index in unsure]  # the view may learn of new messages meanwhile; UIDs stay
    for at in range(0, len(unsure), BATCH):
        places = dict(zip(uids[at : at + BATCH], unsure[at : at + BATCH], strict=True))
        for number, stored in enumerate(await store.read(account, view.mailbox.mailbox, list(places))):
            if number % turn == turn - 1:
                await asyncio.sleep(0)
            message = _Message(places[Uid(stored.uid)], stored)
            verdict = judge.verdict(criteria, message)
            if verdict is None:
                await _open(store, message, text=text, whole=whole)
                verdict = judge.verdict(criteria, message)
                yield Found((), done=False)
            if verdict:
                matching.append(message.index)
        await asyncio.sleep(0)
    yield Found(tuple(sorted(matching)), done=True)


def count_keys(criteria: Criteria) -> int:
    """How many questions ``criteria`` ask of a message at most."""
    return max(1, sum(1 for _ in _keys(criteria)))


def _keys(criteria: Criteria) -> Iterator[Criteria]:
    waiting = [criteria]
    while waiting:
        match waiting.pop():
            case key.And(keys):
                waiting.extend(keys)
            case key.Or(left, right):
                waiting += [left, right]
            case key.Not(inner):
                waiting.append(inner)
            case one:
                yield one


class _Judge:
    """Answers one key for one message: True, False, or None while too little is known of it."""

    __slots__ = ("_folded", "_now", "_view", "_within")

    def __init__(self, view: MailboxView, within: Numbers, now: int) -> None:
        self._view = view
        self._within = within
        self._now = now
        self._folded: dict[str, str] = {}

    def verdict(self, criteria: Criteria, message: _Message) -> bool | None:  # the depth is the parser's (L32)
        match criteria:
            case key.And(keys):
                return self._all(keys, message)
            case key.Or(left, right):
                one = self.verdict(left, message)
                other = True if one else self.verdict(right, message)
                return True if other else None if one is None or other is None else False
            case key.Not(inner):
                answer = self.verdict(inner, message)
                return None if answer is None else not answer
            case key.All():
                return True
            case key.Flagged(flag, wanted):
                return _has(self._view.flags(message.index), flag) is wanted
            case key.Numbered():
                return self._within(criteria, message.index)
            case key.ChangedSince(modseq):
                return self._view.modseq(message.index) >= modseq
            case _:
                return None if message.stored is None else self._of_stored(criteria, message, message.stored)

    def _all(self, keys: Sequence[Criteria], message: _Message) -> bool | None:
        unknown = False
        for one in keys:
            answer = self.verdict(one, message)
            if answer is False:
                return False
            unknown = unknown or answer is None
        return None if unknown else True

    def _of_stored(self, criteria: Criteria, message: _Message, stored: Stored) -> bool | None:
        match criteria:
            case key.Dated(clock, order, day):
                return _in_order(_day(stored, clock), order, day)
            case key.Within(older, seconds):
                age = self._now - stored.received_at // 1000
                return age >= seconds if older else age <= seconds
            case key.Sized(larger, octets):
                return stored.content.size > octets if larger else stored.content.size < octets
            case key.Identified(thread, identity):
                return (stored.thread_id if thread else stored.email_id) == identity
            case key.HeaderContains(field, text):
                return None if message.header is None else self._field(message, message.header, field, text)
            case key.BodyContains(text):
                return None if message.text is None else self._fold(text) in message.text
            case key.TextContains(text):
                if message.header is None or message.text is None:
                    return None
                wanted = self._fold(text)
                if message.top is None:
                    message.top = fold(decode_words(message.header.octets))
                return wanted in message.text or wanted in message.top or wanted in message.part_headers
        return False

    def _field(self, message: _Message, header: Header, field: str, text: str) -> bool:
        values = message.fields.get(field)
        if values is None:  # once, however many keys ask for it: a field may be long, and the loop waits (threat R07)
            values = message.fields[field] = _fold_values(header, field)
        wanted = self._fold(text)
        return any(wanted in value for value in values)

    def _fold(self, text: str) -> str:
        if text not in self._folded:
            self._folded[text] = fold(text)
        return self._folded[text]


def fold(text: str) -> str:
    """``text`` as it is compared: decomposed and without case, so that ``Ä`` finds ``ä`` however either is written."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def _fold_values(header: Header, field: str) -> list[str]:
    """The values of ``field`` as they are compared; addresses also as ENVELOPE tells them."""
    values = header.all(field)
    folded = [fold(decode_words(value)) for value in values]
    if field in ADDRESS_FIELDS:
        folded += [fold(_plain_addresses(value)) for value in values if b"(" in value]
    return folded


def _plain_addresses(value: bytes) -> str:
    """The addresses as ENVELOPE tells them: no comment stands inside one (RFC 9051 section 6.4.4, FROM)."""
    return decode_text(b"\n".join(b"%b@%b" % (one.local, one.domain) for one in mailboxes(value)))


def _has(flags: frozenset[str], flag: str) -> bool:
    """Keywords are compared without case (RFC 9051 section 2.3.2)."""
    if flag in flags:
        return True
    return flag[:1] != "\\" and flag.lower() in {one.lower() for one in flags}


def _day(stored: Stored, clock: key.Clock) -> date | None:
    if clock is key.Clock.INTERNAL:
        return _date(stored.received_at)
    if clock is key.Clock.SAVED:
        return _date(stored.saved_at)
    return _sent_day(stored)


def _sent_day(stored: Stored) -> date | None:
    """The day as the sender's own clock told it: time zones do not count (RFC 9051 section 6.4.4)."""
    quoted = stored.facts.envelope[2:120].partition(b'"')[0]
    try:
        moment = parse_date(quoted)
    except ValueError:
        return _date(stored.facts.sent_at) if stored.facts.sent_at else None
    return _date((moment.seconds + moment.offset_minutes * 60) * 1000)


def _date(milliseconds: int) -> date | None:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None


def _in_order(day: date | None, order: key.Order, wanted: date) -> bool:
    if day is None:
        return False
    if order is key.Order.ON:
        return day == wanted
    return day < wanted if order is key.Order.BEFORE else day >= wanted


async def _open(store: Store, message: _Message, *, text: bool, whole: bool) -> None:
    """Read the header of a message; with ``text`` also that, decoded and folded, with ``whole`` its parts' headers."""
    stored = message.stored
    if stored is None:
        return
    top = await structure(store.blobs, stored)
    message.header = await read_header(store.blobs, stored.content, top, top)
    if not text:
        return
    texts = []
    room = TEXT_OCTETS
    for part in _texts(top):
        octets = await read_pieces(store.blobs, span(stored.content, part.body, part.end), room)
        room -= len(octets)
        texts.append(await here_or_apart(len(octets), _decode, part, octets))
        if room <= 0:
            break
    message.text = "\n".join(texts)
    if whole:
        message.part_headers = await _part_headers(store, stored, top)


async def _part_headers(store: Store, stored: Stored, top: Part) -> str:
    """The MIME headers of all parts and the headers of messages inside (RFC 9051 section 6.4.4, TEXT), up to L4."""
    pieces = [piece for part in _parts(top)[1:] for piece in span(stored.content, part.header, part.body)]
    octets = await read_pieces(store.blobs, pieces, HEADER_OCTETS)
    return await here_or_apart(len(octets), _fold_header, octets) if octets else ""


def _fold_header(octets: bytes) -> str:
    return fold(decode_words(octets))


def _texts(top: Part) -> list[Part]:
    """What people may read, in reading order: text, in messages inside too, and what reports say of deliveries.

    RFC 9051 section 6.4.4: only media other than TEXT and MESSAGE may be left out.
    """
    return [part for part in _parts(top) if part.type == b"text" or (part.type == b"message" and not part.parts)]


def _parts(top: Part) -> list[Part]:
    """All parts in reading order, ``top`` first."""
    found: list[Part] = []
    waiting = [top]
    while waiting:
        part = waiting.pop()
        found.append(part)
        waiting.extend(reversed(part.parts))
    return found


def _decode(part: Part, octets: bytes) -> str:
    charset = find_parameter(part.parameters, b"charset") or b""
    text = decode_text(decode_transfer(octets, part.encoding), charset.decode("ascii", "replace"))
    return fold(strip_html(text) if part.subtype == b"html" else text)
