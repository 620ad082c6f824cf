"""What the doors that take mail have in common: each event of the SMTP core gets its one reply.

A door is a ``Reception`` with a few answers of its own. Replies that need no
waiting are tuples, which the loop writes without a task; only the end of a
content waits (for the commit), and a refusal that costs its client a second.

SECURITY. An attacker controls every event. What he says is judged by the
office; what it costs is counted by ``Conduct`` (L19, L20); every refusal
carries an id and is in the ledger. Nothing is acknowledged before the office's
``accept`` has returned, and a ``StorageError`` is never a success.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar

from posthouse.filter.conduct import Conduct
from posthouse.mail.reply import Reply
from posthouse.mta.client import Client
from posthouse.mta.desk import Desk
from posthouse.mta.transaction import Outcome, Transaction
from posthouse.net.ports import Farewell, Line
from posthouse.observe.ports import Level
from posthouse.standards.smtp.events import (
    AuthResponse,
    AuthStart,
    ContentChunk,
    EndChunk,
    EndContent,
    Event,
    Hello,
    Help,
    MailFrom,
    Malformed,
    Noop,
    Quit,
    RcptTo,
    Reset,
    StartContent,
    StartTls,
    Verify,
)
from posthouse.standards.smtp.server import ServerConnection
from posthouse.storage.errors import Moved, StorageError
from posthouse.storage.ports import BlobWriter

Answer = Iterable[Reply] | Awaitable[Iterable[Reply]]

OK = (Reply(250, "2.0.0", ("ok",)),)
BYE = (Reply(221, "2.0.0", ("bye",)),)
NEUTRAL = (Reply(252, "2.5.2", ("send some mail, I will try my best",)),)
SECURE_NOW = (Reply(220, "2.0.0", ("ready to start TLS",)),)
HELP = (Reply(214, "2.0.0", ("see RFC 5321; postmaster is a person",)),)
NO_LOGIN = Reply(503, "5.5.1", ("no login here",))
TOO_MANY_ERRORS = Reply(421, "4.7.0", ("too many errors, bye",), hang_up=True)
STORAGE = Reply(451, "4.3.0", ("we could not keep the message safe, try later",))
TOO_MANY_MESSAGES = Reply(421, "4.7.0", ("enough messages on this connection, come again",), hang_up=True)
NOTHING: tuple[Reply, ...] = ()

FAREWELLS = {
    Farewell.IDLE: Reply(421, "4.4.2", ("you said nothing for too long, bye",), hang_up=True),
    Farewell.SLOW: Reply(421, "4.4.2", ("too slow, bye",), hang_up=True),
    Farewell.SHUTDOWN: Reply(421, "4.3.2", ("we are closing, come again soon",), hang_up=True),
    Farewell.TROUBLE: Reply(421, "4.3.0", ("something went wrong here, come again later",), hang_up=True),
}


async def _let_it_drain(writer: BlobWriter) -> Iterable[Reply]:
    """The disk is slower than the peer: nothing more of the content is read meanwhile."""
    await writer.drained()
    return NOTHING


class Reception:
    """One session of a door. Implements ``net.ports.Door``."""

    __slots__ = (
        "_conduct",
        "_core",
        "_desk",
        "_line",
        "_messages",
        "_offended",
        "_transaction",
        "client",
        "receives_content",
    )

    def __init__(self, desk: Desk, line: Line, core: ServerConnection) -> None:
        peer = line.peer
        self._desk = desk
        self._line = line
        self._core = core
        self._transaction: Transaction | None = None
        self._messages = 0
        self.receives_content = False
        relays, exempt = peer.address in desk.relay, peer.address in desk.exempt
        if relays and desk.disguise is not None and desk.disguise.hides(peer.address):
            relays = False
        self.client = Client(peer, desk.name, relays=relays, exempt=exempt)
        watched = desk.offenders is not None and not exempt
        self._offended = not watched
        """Nothing more need be noted against this client."""
        is_offender = watched and desk.offenders is not None and desk.offenders.is_offender(peer.address)
        self._conduct = Conduct(desk.limits, is_offender=is_offender)
        if desk.lists is not None and not exempt and not relays:
            desk.lists.begin(peer.address)

    # -- the door

    @property
    def patience(self) -> float:
        limits = self._desk.limits
        if self.receives_content:
            return limits.content_seconds
        is_hurried = self._desk.is_stressed() and not self._is_trusted
        return limits.stress_seconds if is_hurried else limits.command_seconds

    def greet(self) -> Answer:
        greeting = self._desk.offer.greeting
        return self._slowly(greeting, self._desk.limits.greet_seconds) if self._is_suspected else (greeting,)

    @property
    def _is_suspected(self) -> bool:
        """Threat S03: whether the greeting waits for a client that cannot; for offenders, and for all under stress."""
        offenders = self._desk.offenders
        if offenders is None or self.client.exempt or self.client.relays:
            return False
        if self._conduct.is_offender:
            return True
        return self._desk.is_stressed() and not offenders.is_good(self.client.peer.address)

    @property
    def _is_hurried(self) -> bool:
        """Whether places are rare, and this one is a stranger's (DM8)."""
        return self._desk.is_stressed() and not self._is_trusted

    @property
    def _is_over(self) -> bool:
        return self._conduct.is_over(hurried=self._is_hurried)

    def handle(self, event: Event) -> Answer:
        return self.answers[type(event)](self, event)

    def woken(self) -> Answer:
        return NOTHING

    def farewell(self, reason: Farewell) -> Iterable[Reply]:
        return (FAREWELLS[reason],)

    def gone(self) -> None:
        self._drop()
        if not self._messages:
            self._desk.journal.note(
                "smtp.closed",
                Level.DEBUG,
                door=self._desk.name,
                peer=self.client.peer.address,
                helo=self.client.hello,
            )

    # -- answers to commands

    def _hello(self, event: Hello) -> Answer:
        self._drop()
        client = self.client
        if client.hello:
            self._conduct.note_junk()
        elif self._desk.disguise is not None and not client.exempt:
            self._desk.disguise.note(client.peer.address, event.name)
        client.hello, client.verb = event.name, event.verb
        client.channel = self._line.channel
        return (self._core.hello_reply(event),) if not self._is_over else self._refuse(TOO_MANY_ERRORS)

    def _mail(self, event: MailFrom) -> Answer:
        if self._messages >= self._desk.messages_max and not self.client.exempt:
            return self._refuse(TOO_MANY_MESSAGES, event)
        self._messages += 1
        begun = self._desk.office.begin(self.client, event)
        if isinstance(begun, Reply):
            return self._refuse(begun, event)
        self._transaction = begun
        return _SENDER_OK

    def _rcpt(self, event: RcptTo) -> Answer:
        transaction = self._transaction
        if transaction is None:
            return self._refuse(_NO_MAIL)
        reply = self._desk.office.add_recipient(transaction, event.recipient)
        if not isinstance(reply, Reply):
            return self._rcpt_later(event, reply)
        if reply.code == 250:
            return (reply,)
        return self._rcpt_refused(event, reply)

    async def _rcpt_later(self, event: RcptTo, found: Awaitable[Reply]) -> Iterable[Reply]:
        """Something had to be asked: the room in a mailbox, a list in the DNS, who has written before."""
        try:
            reply = await found
        except StorageError as error:
            reply = self._alarm(error)
        if reply.code == 250:
            return (reply,)
        answer = self._rcpt_refused(event, reply)
        return await answer if isinstance(answer, Awaitable) else answer

    def _rcpt_refused(self, event: RcptTo, reply: Reply) -> Answer:
        if reply.status == "5.1.1" and not self._is_trusted:
            self._conduct.note_unknown()
        return self._refuse(reply, recipients=(str(event.recipient.address),))

    def _start_content(self, event: StartContent) -> Answer:
        transaction = self._transaction
        try:
            reply = self._desk.office.begin_content(transaction) if transaction is not None else _NO_MAIL
        except StorageError as error:
            reply = self._alarm(error)
        if reply.goes_on:
            self.receives_content = True
            return NOTHING if event.chunked else (reply,)
        answer = self._refuse(reply)
        self._drop()
        return answer

    def _content(self, event: ContentChunk) -> Answer:
        transaction = self._transaction
        if transaction is not None and transaction.fault is None:
            try:
                self._desk.office.add_content(transaction, event.octets)
            except StorageError as error:
                transaction.fault = self._alarm(error)
            writer = transaction.writer
            if writer is not None and writer.is_full:
                return _let_it_drain(writer)
        return NOTHING

    def _end_chunk(self, event: EndChunk) -> Answer:
        return (Reply(250, "2.0.0", (f"{event.size} octets received",)),)

    def _end_content(self, event: EndContent) -> Answer:
        self.receives_content = False
        transaction = self._transaction
        if transaction is None:  # refused before it began, and noted then
            refused = self._core.transaction
            return self._for_each((event.fault or _NO_MAIL,), refused.accepted if refused is not None else 1)
        fault = event.fault or transaction.fault
        if fault is None:
            transaction.lines = transaction.lines + event.lines if event.lines >= 0 else -1
            return self._accept(transaction)
        return self._end_refused(transaction, fault)

    def _end_refused(self, transaction: Transaction, fault: Reply) -> Answer:
        """The content itself earned a refusal, for everybody."""
        answer = self._refuse(fault)
        self._drop()
        return self._for_each(answer, len(transaction.recipients))

    async def _accept(self, transaction: Transaction) -> Iterable[Reply]:
        """The promise: the positive reply is made only after ``accept`` has returned."""
        try:
            outcome = await self._desk.office.accept(transaction)
        except StorageError as error:
            outcome = Outcome(self._alarm(error))
        replies = self._conclude(transaction, outcome)
        self._drop()
        wait = self._conduct.penalty_seconds if not outcome.reply.accepted else 0
        if wait:
            await self._desk.delay(wait)
        return replies

    def _conclude(self, transaction: Transaction, outcome: Outcome) -> Iterable[Reply]:
        """What a finished content is answered with: one reply."""
        if not outcome.reply.accepted:
            return (self._note(outcome.reply),)
        self._accepted(transaction)
        for refusal in outcome.refusals:  # the sender gets a report; the ledger shall know why
            address = str(transaction.recipients[refusal.index].address)
            self._desk.refusals.note(self.client, refusal.reply, sender=transaction.sender, recipients=(address,))
        return (outcome.reply,)

    def _accepted(self, transaction: Transaction) -> None:
        self._conduct.note_mail()
        if self._desk.offenders is not None and not self.client.exempt:
            self._desk.offenders.note_good(self.client.peer.address)
        writer = transaction.writer
        self._desk.journal.note(
            "mail.accepted",
            id=transaction.trace,
            door=self._desk.name,
            peer=self.client.peer.address,
            sender=transaction.sender,
            recipients=len(transaction.recipients),
            size=writer.size if writer is not None else 0,
        )

    def _starttls(self, _event: StartTls) -> Answer:
        self._drop()
        self.client.hello = ""
        return SECURE_NOW

    def _auth(self, _event: AuthStart | AuthResponse) -> Answer:
        return self._refuse(NO_LOGIN)

    def _reset(self, _event: Reset) -> Answer:
        self._drop()
        return self._junk(OK)

    def _noop(self, _event: Noop) -> Answer:
        return self._junk(OK)

    def _verify(self, _event: Verify) -> Answer:
        return self._junk(NEUTRAL)

    def _help(self, _event: Help) -> Answer:
        return self._junk(HELP)

    def _quit(self, _event: Quit) -> Answer:
        return BYE

    def _malformed(self, event: Malformed) -> Answer:
        if event.reply.hang_up:  # he spoke too early, or without end
            self._note_offence()
        return self._refuse(event.reply)

    # -- in common

    def _junk(self, answer: tuple[Reply, ...]) -> Answer:
        self._conduct.note_junk()
        return answer if not self._is_over else self._refuse(TOO_MANY_ERRORS)

    def _refuse(self, reply: Reply, mail: MailFrom | None = None, recipients: tuple[str, ...] = ()) -> Answer:
        """A refusal with its id; it comes late when there were many, and is the last when there were too many."""
        marked = self._note(reply, mail, recipients)
        wait = self._conduct.penalty_seconds
        return (marked,) if not wait else self._slowly(marked, wait)

    def _note(self, reply: Reply, mail: MailFrom | None = None, recipients: tuple[str, ...] = ()) -> Reply:
        if self._is_misconduct(reply):
            self._conduct.note_error()
        if self._is_over:
            self._note_offence()
            if not reply.hang_up:
                reply = TOO_MANY_ERRORS
        transaction = self._transaction
        sender, size = "", 0
        if mail is not None and mail.reverse_path is not None:
            sender = str(mail.reverse_path)
        elif transaction is not None:
            sender = transaction.sender
            recipients = recipients or tuple([str(one.address) for one in transaction.recipients])
            size = transaction.writer.size if transaction.writer is not None else 0
        judgement = transaction.judgement if transaction is not None else None
        trace = transaction.trace if transaction is not None and judgement is not None else ""
        return self._desk.refusals.note(
            self.client, reply, sender=sender, recipients=recipients, size=size, trace=trace, judgement=judgement
        )

    def _note_offence(self) -> None:
        """L19: he is thrown out, which the next session shall know."""
        if not self._offended and self._desk.offenders is not None and not self._is_trusted:
            self._offended = True
            self._desk.offenders.note_offence(self.client.peer.address)

    @property
    def _is_trusted(self) -> bool:
        """Whether this is one of our own: who exists is no secret to them, and a stale list of theirs no attack."""
        return self.client.account is not None

    def _is_misconduct(self, reply: Reply) -> bool:
        """L19 counts what a client should not have said.

        Our own trouble is no such thing, nor is one recipient too many (S11, RFC 5321
        section 4.5.3.1.10): of 451 and 452 only the rates that it exceeds are its doing.
        """
        if self._is_trusted:
            return 500 <= reply.code <= 503
        return reply.code not in {451, 452} or reply.status == "4.7.1"

    async def _slowly(self, reply: Reply, seconds: float) -> Iterable[Reply]:
        """L19: the client waits; we do something else meanwhile."""
        await self._desk.delay(seconds)
        return (reply,)

    def _for_each(self, answer: Answer, _recipients: int) -> Answer:
        """A final refusal as the protocol wants it: SMTP once."""
        return answer

    def _alarm(self, error: StorageError) -> Reply:
        """Final for this message: it is not ours, and somebody should look, unless a recipient is just being moved."""
        level = Level.INFO if isinstance(error, Moved) else Level.ALARM
        self._desk.journal.note(
            "storage.failed", level, door=self._desk.name, peer=self.client.peer.address, reason=str(error)
        )
        return STORAGE

    def _drop(self) -> None:
        """The transaction is over, however it ended."""
        transaction, self._transaction = self._transaction, None
        self.receives_content = False
        if transaction is not None:
            self._desk.office.abandon(transaction)

    answers: ClassVar[dict[type, Callable[[Any, Any], Answer]]] = {
        Hello: _hello,
        MailFrom: _mail,
        RcptTo: _rcpt,
        StartContent: _start_content,
        ContentChunk: _content,
        EndChunk: _end_chunk,
        EndContent: _end_content,
        StartTls: _starttls,
        AuthStart: _auth,
        AuthResponse: _auth,
        Reset: _reset,
        Noop: _noop,
        Verify: _verify,
        Help: _help,
        Quit: _quit,
        Malformed: _malformed,
    }


_SENDER_OK = (Reply(250, "2.1.0", ("sender ok",)),)
_NO_MAIL = Reply(503, "5.5.1", ("MAIL first",))
