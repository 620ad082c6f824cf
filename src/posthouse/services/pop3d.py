"""The POP3 door.

STANDARDS
    RFC 1939 (without APOP), 2449, 2595 and 8314, 3206, 5034, 6856.

SECURITY
    A stranger controls the octets of a session and nothing else: names and
    passwords are taken under TLS only, failures are counted for all doors
    together, three on one connection end it. A session reads one account. What
    is marked as deleted goes when QUIT is answered, never before: a session
    that breaks off removes nothing.

LIMITS
    Lines of 512 octets (12,288 within AUTH), 30 seconds before login and 10
    minutes after it, 15 errors, one session a maildrop; a session that has
    been silent for a minute gives its maildrop up to a new one. Messages are
    sent 64 KiB at a time as fast as the client reads.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from posthouse.admd.authenticator import Attempt, Authenticator, Passed, Refused
from posthouse.admd.authenticator import Challenge as Asked
from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId, MailboxId, Uid
from posthouse.net.ports import Farewell, Line
from posthouse.observe.ports import Journal, Level
from posthouse.standards.pop3.events import (
    Action,
    AuthList,
    AuthResponse,
    AuthStart,
    Begin,
    Capa,
    Capabilities,
    Challenge,
    Dele,
    End,
    Event,
    Fault,
    Lang,
    Lines,
    List,
    Negative,
    Noop,
    Offence,
    Part,
    Pass,
    Positive,
    Quit,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    Uidl,
    User,
    Utf8,
)
from posthouse.standards.pop3.excerpt import Excerpt, Surrogate
from posthouse.standards.pop3.maildrop import Maildrop, NoSuchMessage
from posthouse.standards.pop3.server import Offer, ServerConnection
from posthouse.storage.directory import AccountRow
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Change, Role, Stored
from posthouse.storage.ports import Store

AUTOLOGOUT_SECONDS = 600.0
"""RFC 1939 section 3: at least ten minutes."""
TAKEOVER_SECONDS = 60.0
"""How long a session must have been silent before a new one may take its maildrop."""
CHUNK_OCTETS = 64 * 1024
BATCH_MESSAGES = 500
BATCH_LINES = 5000

TEMPORARY = "SYS/TEMP"  # RFC 3206 section 4
CREDENTIALS = "AUTH"  # RFC 3206 section 5
IN_USE = "IN-USE"  # RFC 2449 section 8.1.2

SCOPE = "pop3"
"""What an app password must be good for (``admd.apppasswords``)."""
CLOSED = (Negative("this session was ended, log in again", CREDENTIALS, hang_up=True),)

Answer = Iterable[Action] | AsyncIterator[Action]


@dataclass(slots=True)
class Pop3Service:
    """What all POP3 sessions share."""

    store: Store
    authenticator: Authenticator
    limits: Limits
    clock: Clock
    journal: Journal
    starttls: bool = True
    holders: "dict[AccountId, Pop3Door]" = field(default_factory=dict)
    """Who has which maildrop open (RFC 1939 section 4)."""

    def open(self, line: Line) -> "tuple[ServerConnection, Pop3Door]":
        """The core and the door for a new connection."""
        mechanisms = self.authenticator.mechanisms
        core = ServerConnection(Offer(self.starttls, mechanisms, auth_octets=self.limits.auth_octets))
        return core, Pop3Door(self, line, core)


class Pop3Door:
    """One session's side of the service. A ``net.ports.Door[Event, Action]``."""

    __slots__ = (
        "_account",
        "_attempt",
        "_core",
        "_errors",
        "_failures",
        "_heard_at",
        "_inbox",
        "_leave",
        "_line",
        "_maildrop",
        "_octets",
        "_ousted",
        "_retrieved",
        "_row",
        "_service",
        "_until",
    )

    def __init__(self, service: Pop3Service, line: Line, core: ServerConnection) -> None:
        self._service = service
        self._line = line
        self._core = core
        self._account: AccountId | None = None
        self._inbox: MailboxId
        self._maildrop: Maildrop
        self._attempt: Attempt | None = None
        self._errors = 0
        self._failures = 0
        self._heard_at = 0.0
        self._until = service.clock.monotonic() + service.limits.early_seconds
        """Who has not logged in by then is gone (threat I03): a deadline, not a pause between commands."""
        self._ousted = False
        self._row: AccountRow | None = None
        self._leave: Callable[[], None] | None = None
        self._retrieved = self._octets = 0

    # -- what the loop asks

    @property
    def patience(self) -> float:
        if self._account is not None:
            return AUTOLOGOUT_SECONDS
        return max(0.1, self._until - self._service.clock.monotonic())

    @property
    def receives_content(self) -> bool:
        return False

    def greet(self) -> Iterable[Action]:
        return (Positive("Posthouse ready"),)

    def handle(self, event: Event) -> Answer:
        self._heard_at = self._service.clock.monotonic()
        if self._ousted:
            return (Negative("another session has taken this maildrop", TEMPORARY, hang_up=True),)
        if self._is_over:
            return CLOSED
        return self._ANSWERS[type(event)](self, event)

    def woken(self) -> Iterable[Action]:
        if self._ousted:
            return (Negative("another session has taken this maildrop", TEMPORARY, hang_up=True),)
        return CLOSED if self._is_over else ()

    @property
    def _is_over(self) -> bool:
        """All sessions of the account were ended, or the account was."""
        return self._row is not None and not self._service.authenticator.sessions.is_good(self._row)

    def farewell(self, reason: Farewell) -> Iterable[Action]:
        text = {
            Farewell.IDLE: "you were silent for too long",
            Farewell.SLOW: "too slow",
            Farewell.SHUTDOWN: "we are stopping, come back soon",
            Farewell.TROUBLE: "trouble on our side",
        }[reason]
        return (Negative(text, TEMPORARY, hang_up=True),)

    def gone(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._account is None:
            return
        self._give_up()
        self._note("pop3.session", retrieved=self._retrieved, octets=self._octets, account=self._account)

    # -- before login

    def _capa(self, _event: Capa) -> Answer:
        return (Capabilities(),)

    def _user(self, _event: User) -> Answer:
        return (Positive("and the password?"),)  # for every name alike (threat A04)

    def _utf8(self, _event: Utf8) -> Answer:
        return (Positive("UTF8"),)

    def _lang(self, event: Lang) -> Answer:
        """RFC 6856 section 3. We speak one language."""
        if event.tag is None:
            return (Lines("languages", b"en English\r\ni-default English\r\n"),)
        if event.tag.lower() in {"en", "i-default", "*"}:
            return (Positive(f"{'i-default' if event.tag.lower() == 'i-default' else 'en'} English it is"),)
        return (Negative("only English here"),)

    def _start_tls(self, _event: StartTls) -> Answer:
        return (Positive("begin TLS"),)

    def _fault(self, event: Fault) -> Answer:
        """L19: a client that only makes errors is not worth a connection."""
        if event.offence is Offence.CLEAR:
            self._note("auth.exposed", Level.WARNING)
        self._attempt = None
        self._errors += 1
        if self._errors >= self._service.limits.hard_errors:
            return (Negative(f"{event.text}; too many errors, goodbye", hang_up=True),)
        return (Negative(event.text, hang_up=event.hang_up),)

    async def _pass(self, event: Pass) -> AsyncIterator[Action]:
        found = await self._service.authenticator.check(
            event.name, event.password, peer=self._line.peer.address, door=SCOPE
        )
        yield await self._let_in(found)

    def _auth_list(self, _event: AuthList) -> Answer:
        mechanisms = self._service.authenticator.mechanisms if self._core.is_secured else ()
        return (Lines("mechanisms", "".join(f"{name}\r\n" for name in mechanisms).encode()),)

    async def _auth_start(self, event: AuthStart) -> AsyncIterator[Action]:
        if event.mechanism not in self._service.authenticator.mechanisms:
            yield Negative("no such mechanism here")
            return
        authenticator = self._service.authenticator
        peer = self._line.peer.address
        self._attempt = authenticator.begin(event.mechanism, peer=peer, channel=self._line.channel, door=SCOPE)
        yield await self._step(event.initial)

    async def _auth_response(self, event: AuthResponse) -> AsyncIterator[Action]:
        if event.octets is None:
            self._attempt = None
            yield Negative("cancelled")
            return
        yield await self._step(event.octets)

    async def _step(self, octets: bytes | None) -> Action:
        if self._attempt is None:
            return Negative("no exchange in progress")
        step = await self._attempt.step(octets)
        if isinstance(step, Asked):
            return Challenge(step.octets)
        self._attempt = None
        return await self._let_in(step)

    async def _let_in(self, found: Passed | Refused) -> Action:
        """Open the maildrop of somebody who may, or say why not."""
        if isinstance(found, Refused):
            self._failures += 1
            hang_up = self._failures >= self._service.limits.auth_failures
            return Negative(found.reason, TEMPORARY if found.transient else CREDENTIALS, hang_up=hang_up)
        account = found.account.account
        if not self._take(account):
            return Negative("another session has this maildrop open", IN_USE)
        self._account = account
        self._row = found.account
        self._leave = self._service.authenticator.sessions.enter(found.account, self._line.wake)
        try:
            await self._open_maildrop(account)
        except StorageError as error:
            self._give_up()
            self._account = self._row = None
            self._note("pop3.unopened", Level.ALARM, account=account, reason=str(error))
            return Negative("the maildrop cannot be opened now", TEMPORARY)
        messages, octets = self._maildrop.stat()
        return Positive(f"{messages} messages, {octets} octets")

    def _take(self, account: AccountId) -> bool:
        """Take the maildrop; from a session that has been silent for long, too."""
        holder = self._service.holders.get(account)
        if holder is not None:
            if self._service.clock.monotonic() - holder._heard_at < TAKEOVER_SECONDS:  # noqa: SLF001 - its own class
                return False
            holder._oust()  # noqa: SLF001 - its own class
        self._service.holders[account] = self
        return True

    def _oust(self) -> None:
        self._ousted = True
        self._line.wake()

    def _give_up(self) -> None:
        if self._account is not None and self._service.holders.get(self._account) is self:
            del self._service.holders[self._account]

    async def _open_maildrop(self, account: AccountId) -> None:
        mailboxes = await self._service.store.mailboxes(account)
        self._inbox = next(mailbox.mailbox for mailbox in mailboxes if mailbox.role is Role.INBOX)
        view = await self._service.store.view(account, self._inbox)
        uids = [int(message.uid) for message in view.messages]
        self._maildrop = Maildrop(int(view.mailbox.uidvalidity), uids, view.mailbox.size)

    # -- after it

    def _stat(self, _event: Stat) -> Answer:
        messages, octets = self._maildrop.stat()
        return (Positive(f"{messages} {octets}"),)

    async def _list(self, event: List) -> AsyncIterator[Action]:
        if event.number is None:
            for batch in self._maildrop.unknown(BATCH_MESSAGES):
                await self._read(batch)
            yield Begin("sizes follow")
            for lines in self._maildrop.scan_listings(BATCH_LINES):
                yield Part(lines)
            yield End()
            return
        try:
            stored = await self._message(event.number)
        except NoSuchMessage as error:
            yield Negative(str(error))
            return
        yield Positive(f"{event.number} {stored.content.size}")

    def _uidl(self, event: Uidl) -> Answer:
        if event.number is None:
            return self._unique_ids()
        try:
            uid = self._maildrop.uid(event.number)
        except NoSuchMessage as error:
            return (Negative(str(error)),)
        return (Positive(f"{event.number} {self._maildrop.unique_id(uid)}"),)

    async def _unique_ids(self) -> AsyncIterator[Action]:
        """As fast as the client reads: a million of them must not wait in memory."""
        yield Begin("unique-ids follow")
        for lines in self._maildrop.unique_ids(BATCH_LINES):
            yield Part(lines)
        yield End()

    async def _dele(self, event: Dele) -> AsyncIterator[Action]:
        try:
            if self._maildrop.size(self._maildrop.uid(event.number)) is None:
                await self._message(event.number)  # its size is needed for STAT
            self._maildrop.delete(event.number)
        except NoSuchMessage as error:
            yield Negative(str(error))
            return
        yield Positive(f"message {event.number} goes when you QUIT")

    def _noop(self, _event: Noop) -> Answer:
        return (Positive(),)

    def _rset(self, _event: Rset) -> Answer:
        self._maildrop.reset()
        return (Positive("nothing is deleted"),)

    async def _retr(self, event: Retr) -> AsyncIterator[Action]:
        async for action in self._send(event.number, None):
            yield action

    async def _top(self, event: Top) -> AsyncIterator[Action]:
        async for action in self._send(event.number, Excerpt(event.lines)):
            yield action

    async def _send(self, number: int, excerpt: Excerpt | None) -> AsyncIterator[Action]:
        """A message or the beginning of one, in chunks."""
        surrogate = None if self._core.utf8 else Surrogate()
        begun = False
        try:
            stored = await self._message(number)
            content = stored.content
            size = content.size
            text = f"{size} octets" if excerpt is None else "the top of it"
            at = 0
            while True:
                chunk = content.prefix if not begun else b""
                length = min(CHUNK_OCTETS, content.blob.size - at)
                if length:
                    chunk += await self._service.store.blobs.read(content.blob.blob_id, at, length)
                at += length
                last = at >= content.blob.size
                if excerpt is not None:
                    chunk = excerpt.cut(chunk)
                    last = last or excerpt.done
                if surrogate is not None:
                    chunk = surrogate.convert(chunk, last=last)
                if last and not begun:
                    yield Lines(text, chunk)
                    break
                if not begun:
                    begun = True
                    yield Begin(text)
                yield Part(chunk)
                if last:
                    yield End()
                    break
        except NoSuchMessage as error:
            yield Negative(str(error))
            return
        except StorageError as error:
            self._note("pop3.unreadable", Level.ALARM, account=self._account, reason=str(error))
            yield End(complete=False) if begun else Negative("the message cannot be read now", TEMPORARY)
            return
        if excerpt is None:
            self._retrieved += 1
            self._octets += size
            self._maildrop.mark_retrieved(int(stored.uid))

    async def _message(self, number: int) -> Stored:
        """A message by its number; raises ``NoSuchMessage`` also when another session has removed it."""
        uid = self._maildrop.uid(number)
        for stored in await self._read([uid]):
            return stored
        raise NoSuchMessage(f"message {number} has been removed by another session")

    async def _read(self, uids: Sequence[int]) -> Sequence[Stored]:
        if self._account is None:
            return ()
        stored = await self._service.store.read(self._account, self._inbox, [Uid(uid) for uid in uids])
        self._maildrop.learn({int(message.uid): message.content.size for message in stored})
        return stored

    async def _quit(self, event: Quit) -> AsyncIterator[Action]:
        """The UPDATE state: what was marked is gone for good before ``+OK`` (promise point)."""
        if not event.update or self._account is None:
            yield Positive("goodbye")
            return
        try:
            await self._update(self._account)
        except StorageError as error:
            self._note("pop3.unremoved", Level.ALARM, account=self._account, reason=str(error))
            yield Negative("some deleted messages were not removed", TEMPORARY)
            return
        self._give_up()
        yield Positive("goodbye")

    async def _update(self, account: AccountId) -> None:
        store = self._service.store
        deleted = [Uid(uid) for uid in self._maildrop.deleted]
        seen = [Uid(uid) for uid in self._maildrop.retrieved]
        if deleted:
            await store.remove(account, self._inbox, deleted)
        if seen:  # so that a webmail or IMAP client of the same owner shows them as read
            await store.change_flags(account, self._inbox, seen, Change.ADD, frozenset({"\\Seen"}))

    def _note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None:
        self._service.journal.note(event, level, peer=self._line.peer.address, **values)

    _ANSWERS: ClassVar[dict[type, Callable[..., Answer]]] = {
        Capa: _capa,
        User: _user,
        Pass: _pass,
        AuthList: _auth_list,
        AuthStart: _auth_start,
        AuthResponse: _auth_response,
        StartTls: _start_tls,
        Utf8: _utf8,
        Lang: _lang,
        Stat: _stat,
        List: _list,
        Uidl: _uidl,
        Retr: _retr,
        Top: _top,
        Dele: _dele,
        Noop: _noop,
        Rset: _rset,
        Quit: _quit,
        Fault: _fault,
    }  # fmt: skip
