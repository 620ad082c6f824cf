"""What was kept from its readers: copies out of sight in mailboxes, and mail to elsewhere that the queue holds.

Nothing in it is lost and nothing stays for ever: an operator releases or drops
it, and after ``keep`` it goes by itself. Each of these is in the ledger.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import msgspec

from posthouse.admd.directory import Directory
from posthouse.filter.boundary import HELD
from posthouse.lib.ports import Clock
from posthouse.mail.content import Content
from posthouse.mail.ids import AccountId, TraceId, Uid
from posthouse.mta import queue
from posthouse.observe.ledger import Record, format_record, parse_record
from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.mime.encodedword import decode_words
from posthouse.storage.errors import Missing
from posthouse.storage.mailbox import Quarantined, Role
from posthouse.storage.ports import Store
from posthouse.storage.queue import Item, QueueFilter, State

HEAD_OCTETS: Final = 64 * 1024
"""Of a message, to find its subject and author in."""
MOST_TEXT: Final = 200
PAGE: Final = 100
MOST_HELD: Final = 10_000

_TRACE = re.compile(rb"\r\n\tby \S+ with \S+ id ([0-9a-z]{1,32})")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")

Learn = Callable[[AccountId, Content], Awaitable[None]]
"""Tells the classifier what a message was."""


class Entry(msgspec.Struct, frozen=True):
    """One message in quarantine. ``id`` is ``ACCOUNT.UID`` of a copy here, or the queue id of what is held."""

    id: str
    trace: str
    sender: str
    """The reverse-path."""
    author: str
    """As its From field has it."""
    recipients: tuple[str, ...]
    subject: str
    size: int
    at: int
    reason: str
    account: AccountId | None = None
    copy: Quarantined | None = None

    @property
    def is_held(self) -> bool:
        return self.copy is None


async def nothing_to_learn(_account: AccountId, _content: Content) -> None: ...


class Quarantine:
    """The office of what is in quarantine. ``learn`` hears of what was released, ``learn_junk`` of what was dropped."""

    __slots__ = ("_clock", "_directory", "_learn", "_learn_junk", "_store")

    def __init__(
        self,
        store: Store,
        directory: Directory,
        clock: Clock,
        learn: Learn = nothing_to_learn,
        learn_junk: Learn = nothing_to_learn,
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._learn = learn
        self._learn_junk = learn_junk

    @property
    def _now(self) -> int:
        return int(self._clock.now() * 1000)

    # -- looking

    async def entries(self, account: AccountId | None = None) -> AsyncIterator[Entry]:
        """Everything, or what is kept from one account; copies first, oldest first."""
        async for copy in self._copies(account):
            yield await self._describe_copy(copy)
        if account is None:
            for items in (await self._held()).values():
                yield await self._describe_held(items)

    async def find(self, ident: str) -> Entry | None:
        """The entry of that id."""
        number, dot, uid = ident.partition(".")
        if not dot:
            items = (await self._held(ident)).get(ident)
            return await self._describe_held(items) if items else None
        if not (ident.isascii() and number.isdecimal() and uid.isdecimal() and max(len(number), len(uid)) < 19):
            return None
        account = AccountId(int(number))
        for copy in await self._store.quarantined(account, after=(account, int(uid) - 1), limit=1):
            if copy.message.uid == int(uid):
                return await self._describe_copy(copy)
        return None

    async def _copies(self, account: AccountId | None) -> AsyncIterator[Quarantined]:
        after = (0, 0)
        while True:
            page = await self._store.quarantined(account, after=after, limit=PAGE)
            for copy in page:
                yield copy
            if len(page) < PAGE:
                return
            after = (page[-1].account, page[-1].message.uid)

    async def _held(self, queue_id: str = "") -> dict[str, list[Item]]:
        """What the queue holds for what was found in it, by queue id; not what an operator holds."""
        found = await self._store.queued(QueueFilter(queue_id=queue_id, state=State.HELD, limit=MOST_HELD))
        held: dict[str, list[Item]] = {}
        for item in found:
            if item.last.startswith(HELD):
                held.setdefault(item.queue_id, []).append(item)
        return held

    async def _describe_copy(self, copy: Quarantined) -> Entry:
        message, owner = copy.message, self._directory.account(copy.account)
        header = await self._header(message.content)
        trace = trace_of(message.content.prefix)
        return Entry(
            id=f"{copy.account}.{message.uid}",
            trace=trace,
            sender=_field(parse_header(message.content.prefix), "return-path").strip("<>"),
            author=_field(header, "from"),
            recipients=(owner.address if owner is not None else "",),
            subject=_field(header, "subject"),
            size=message.content.size,
            at=message.saved_at,
            reason=await self._reason(trace, ""),
            account=copy.account,
            copy=copy,
        )

    async def _describe_held(self, items: Sequence[Item]) -> Entry:
        first = items[0]
        header = await self._header(first.content)
        return Entry(
            id=first.queue_id,
            trace=first.queue_id,
            sender=first.reverse_path,
            author=_field(header, "from"),
            recipients=tuple([str(item.recipient.address) for item in items]),
            subject=_field(header, "subject"),
            size=first.content.size,
            at=first.created_at,
            reason=await self._reason(first.queue_id, first.last.removeprefix(HELD)),
        )

    async def _header(self, content: Content) -> Header:
        octets = content.blob.octets
        if octets is None:
            try:
                octets = await self._store.blobs.read(content.blob.blob_id, 0, min(HEAD_OCTETS, content.blob.size))
            except Missing:
                octets = b""
        return parse_header(octets[:HEAD_OCTETS])

    async def _reason(self, trace: str, default: str) -> str:
        """What the ledger says; the reasons that count stand in the order they were found."""
        octets = await self._store.record(trace) if trace else None
        if octets is None:
            return default
        try:
            reasons = parse_record(octets).reasons
        except msgspec.MsgspecError:
            return default
        return one_line("; ".join(reasons)) or default

    # -- deciding

    async def release(self, entry: Entry) -> None:
        """**Durable.** To the inbox, or on its way; the classifier hears that it was wrong. Raises ``Missing``."""
        copy = entry.copy
        if copy is None:
            await queue.release(self._store, _held_ones(entry), self._clock)
        else:
            inbox = next(box for box in await self._store.mailboxes(copy.account) if box.role is Role.INBOX)
            if not await self._store.move(copy.account, copy.mailbox, [copy.message.uid], inbox.mailbox):
                raise Missing(f"{entry.id} is not in quarantine any more")
            await self._learn(copy.account, copy.message.content)
        self._record(entry, "released")

    async def drop(self, entry: Entry, verdict: str = "dropped") -> None:
        """**Durable.** Gone for good; nobody is told, but the ledger knows."""
        copy = entry.copy
        if copy is None:
            await queue.drop(self._store, _held_ones(entry), self._clock)
        else:
            if verdict == "dropped":  # by somebody, not by time
                await self._learn_junk(copy.account, copy.message.content)
            await self._store.remove(copy.account, copy.mailbox, [Uid(copy.message.uid)])
        self._record(entry, verdict)

    async def expire(self, keep_seconds: float) -> int:
        """**Durable.** What has been here longer than ``keep_seconds`` goes; how many those were."""
        before = self._now - int(keep_seconds * 1000)
        gone = 0
        async for copy in self._copies(None):  # a page at a time: after a long absence there may be any number
            if copy.message.saved_at < before:
                await self.drop(await self._describe_copy(copy), "expired")
                gone += 1
        for items in (await self._held()).values():
            if items[0].created_at < before:
                await self.drop(await self._describe_held(items), "expired")
                gone += 1
        return gone

    def _record(self, entry: Entry, verdict: str) -> None:
        """A record of its own, found beside that of the message."""
        at = self._now
        ident = f"{entry.trace or 'q'}-{entry.id}" if not entry.is_held else f"{entry.trace}-q"
        record = Record(
            id=ident,
            at=at,
            door="quarantine",
            verdict=verdict,
            sender=entry.sender,
            recipients=entry.recipients,
            size=entry.size,
            reasons=(entry.reason,) if entry.reason else (),
        )
        self._store.note(TraceId(ident), at, format_record(record))


def _held_ones(entry: Entry) -> QueueFilter:
    return QueueFilter(queue_id=entry.id, state=State.HELD, limit=MOST_HELD)


def trace_of(prefix: bytes) -> str:
    """The id in our own Received field."""
    found = _TRACE.search(prefix)
    return found[1].decode() if found is not None else ""


def _field(header: Header, name: str) -> str:
    return one_line(decode_words((header.first(name) or b"")[:2000]))


def one_line(text: str) -> str:
    """What a stranger wrote, so that it shows nothing but itself: one line, no controls, no changes of direction."""
    return " ".join(_HIDDEN.sub(" ", text).split())[:MOST_TEXT]
