"""The server's side of an IMAP session (RFC 3501, RFC 9051), without a socket.

Rules of the file: a command is gathered line by line and literal by literal, and
parsed once, when it is whole; only the message of APPEND is handed on in chunks.
Whether a command may come at all is judged on its first line, so that nobody sends
literals for nothing. What a refused command still has under way (LITERAL+) is
dropped, never read as a command (threat I01). After each event that wants an
answer nothing is read until the answer is complete.

States and what moves between them: ``_conclude``. Limits: L30 to L32, by ``Offer``.
Left to the door: what mailboxes and messages are, and how many faults are too many
after login.
"""

import re
from dataclasses import dataclass
from enum import Enum

from posthouse.lib.budget import Budget, Exhausted
from posthouse.lib.sansio import Channel, LocalError, Piece
from posthouse.standards.imap import events as e
from posthouse.standards.imap import responses as r
from posthouse.standards.imap.commands import COMMANDS, Command, Context, State, decode_base64, parse_append_head
from posthouse.standards.imap.offer import Offer, format_capabilities
from posthouse.standards.imap.render import render
from posthouse.standards.imap.scanner import ParseError, Scanner

CHUNK_OCTETS = 64 * 1024
_HEAD = re.compile(rb'([^\x00-\x20(){%*"\\+\x7f-\xff]{1,100}) ((?i:UID )?[A-Za-z]{1,20})(?= |\Z)')
_TAG = re.compile(rb'[^\x00-\x20(){%*"\\+\x7f-\xff]{1,100}(?= |\Z)')
_MARK = re.compile(rb"(~?)\{([0-9]+)(\+?)\}\Z")
_FOREIGN = re.compile(
    rb"(?i:(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) \S+ HTTP/|SSH-|(?:EHLO|HELO|LHLO|MAIL|RCPT) )"
)
_TLS_RECORD = b"\x16"


class _Again(Enum):
    """A reader did something that is no event yet."""

    AGAIN = 0


AGAIN = _Again.AGAIN


class _Reading(Enum):
    """What the next octets belong to."""

    COMMAND = 0
    LITERAL = 1
    DROP = 2
    MESSAGE = 3
    TAIL = 4
    SASL = 5
    DONE = 6


@dataclass(frozen=True, slots=True)
class _Head:
    """A command that may come, from its first line; ``at`` is where its parameters begin."""

    tag: str
    verb: str
    command: Command
    at: int


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A command that was answered already; its rest is on its way."""


@dataclass(frozen=True, slots=True)
class _Append:
    tag: str
    size: int
    wrapped: bool
    synchronizing: bool


class ServerConnection:
    """A ``Conversation[events.Event, responses.Response]``."""

    __slots__ = (
        "_append", "_budget", "_buffer", "_context", "_ended", "_faults", "_head", "_left", "_literals", "_offer",
        "_parts", "_pending", "_reading", "_scanned", "_secured", "_state", "_tag", "_utf8",
        "closed", "enabled", "wants_tls",
    )  # fmt: skip

    def __init__(self, offer: Offer) -> None:
        self.closed = False
        self.wants_tls = False
        self.enabled: frozenset[str] = frozenset()
        """What ENABLE turned on, in upper case."""
        self._offer = offer
        self._buffer = bytearray()
        self._scanned = 0
        self._ended = False
        self._secured = False
        self._state = State.NOT_AUTHENTICATED
        self._reading = _Reading.COMMAND
        self._budget = Budget(offer.early_budget)
        self._context: Context | None = None
        self._utf8 = False
        self._faults = 0
        self._pending: e.Event | None = None
        self._head: _Head | e.Malformed | _Dropped | None = None
        self._parts: list[bytes] | None = None
        self._literals: list[bytes] | None = None
        self._left = 0
        self._append: _Append | None = None
        self._tag = ""

    @property
    def authenticated(self) -> bool:
        return self._state in {State.AUTHENTICATED, State.SELECTED}

    @property
    def selected(self) -> bool:
        """Whether commands for messages may come."""
        return self._state is State.SELECTED

    @property
    def capabilities(self) -> bytes:
        """What holds now, as CAPABILITY lists it."""
        return format_capabilities(self._offer, secured=self._secured, authenticated=self.authenticated)

    # -- octets in ---------------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> None:
        if not data:
            self._ended = True
        elif self.wants_tls:
            self.closed = True  # RFC 9051 section 11.1: nothing in the clear after STARTTLS
        else:
            self._buffer += data

    def next_event(self) -> e.Event | None:
        while self._pending is None and not self.closed and not self.wants_tls:
            try:
                event = self._read()
            except Exhausted as exhausted:
                event = self._fatal(f"{exhausted.resource} limit", "TOOBIG")
            if event is AGAIN:
                continue
            if event is None:
                self.closed = self._ended
            elif not isinstance(event, e.AppendChunk):
                self._pending = event
            return event
        return None

    def _read(self) -> e.Event | _Again | None:
        match self._reading:
            case _Reading.COMMAND:
                return self._read_command()
            case _Reading.LITERAL:
                return self._read_literal()
            case _Reading.DROP:
                return self._read_drop()
            case _Reading.MESSAGE:
                return self._read_message()
            case _Reading.TAIL:
                return self._read_tail()
            case _Reading.SASL:
                return self._read_sasl()
            case _Reading.DONE:
                return self._read_done()

    def _line(self) -> bytes | None:
        """The next line without its end, None while it is not whole."""
        end = self._buffer.find(b"\n", self._scanned)
        if end < 0:
            self._scanned = len(self._buffer)
            if self._scanned >= self._budget.left("line"):
                self._budget.spend("line", self._scanned + 1)
            return None
        self._budget.spend("line", end + 1)
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._scanned = 0
        return line

    def _read_command(self) -> e.Event | _Again | None:
        if self._head is None:
            self._budget.refill("line")
            if self._state is State.NOT_AUTHENTICATED and self._buffer[:1] == _TLS_RECORD:
                return self._fatal("This port does not begin with TLS")
        line = self._line()
        if line is None:
            return None
        if line[-2:-1] != b"\r" or line.find(b"\r") != len(line) - 2:
            # A bare LF may be an attacker's, brought in through somebody's webmail: what follows it is never executed.
            return self._fatal("Lines end with CR LF")
        line = line[:-2]
        if self._head is None:
            self._head = self._judge(line)
            if isinstance(self._head, e.Malformed) and self._head.fatal:
                return self._head
        mark = _MARK.search(line) if line.endswith(b"}") else None
        if mark is not None:
            return self._announced(self._head, line, mark)
        return self._complete(self._head, line)

    def _judge(self, line: bytes) -> _Head | e.Malformed:
        """May this command come now? (RFC 9051 section 3.)"""
        early = self._state is State.NOT_AUTHENTICATED
        if early and _FOREIGN.match(line):
            return self._fatal("This is an IMAP server")
        found = _HEAD.match(line)
        if found is None:
            tag = _TAG.match(line)
            return e.Malformed(tag[0].decode("ascii") if tag else "", "Tag and command expected")
        tag_text, verb = found[1].decode("ascii"), found[2].decode("ascii").upper()
        command = COMMANDS.get(verb)
        if command is None:
            return e.Malformed(tag_text, "Unknown command")
        if not command.states & self._state:
            return e.Malformed(tag_text, "Command is not allowed in this state")
        if verb == "STARTTLS" and (self._secured or not self._offer.starttls):
            return e.Malformed(tag_text, "STARTTLS is not available")
        if verb in {"LOGIN", "AUTHENTICATE"} and not (self._secured or self._offer.login_in_clear):
            return e.Malformed(tag_text, "Login needs TLS first", condition="NO", code="PRIVACYREQUIRED")
        return _Head(tag_text, verb, command, found.end())

    # -- literals ----------------------------------------------------------------------------------

    def _announced(self, head: "_Head | e.Malformed | _Dropped", line: bytes, mark: re.Match[bytes]) -> (
        "e.Event | _Again | None"
    ):  # fmt: skip
        """The line ends with a literal's size: ask for it, take it, or refuse the command."""
        size = int(mark[2]) if len(mark[2]) <= 19 else 2**63
        synchronizing = not mark[3]
        if isinstance(head, _Head):
            if head.verb == "APPEND" and (self._parts or line[head.at : mark.start()] != b" "):
                return self._announced_message(head, line, mark, size)
            early = self._state is State.NOT_AUTHENTICATED
            if size > (self._offer.early_literal_octets if early else self._offer.literal_octets):
                fault = e.Malformed(head.tag, "Literal is too big", condition="NO", code="TOOBIG")
                return self._drop(fault, size, 0, synchronizing)
            if mark[1]:
                head = e.Malformed(head.tag, "literal8 is not expected here")
        if not isinstance(head, _Head):
            return self._drop(head, size, self._spend_literal(size, synchronizing), synchronizing)
        self._spend_literal(size, synchronizing=False)
        if self._parts is None:
            self._parts, self._literals = [], []
        self._parts.append(line + b"\r\n")
        self._left = size
        self._reading = _Reading.LITERAL
        return e.LiteralWanted(size) if synchronizing else AGAIN

    def _spend_literal(self, size: int, synchronizing: bool) -> int:
        """Pay for a literal that will be sent; ``size`` again."""
        if not synchronizing:
            self._budget.spend("literals")
            self._budget.spend("literal octets", size)
        return size

    def _drop(self, why: e.Malformed | _Dropped, size: int, most: int, synchronizing: bool) -> e.Event | _Again | None:
        """Refuse a command: at once where the client waits for us, after its literal where that is on its way."""
        if synchronizing:
            self._forget()
            return self._refused(why) if isinstance(why, e.Malformed) else AGAIN
        if size > most:
            return self._fatal("Too big", "TOOBIG")
        self._head = why
        self._left = size
        self._reading = _Reading.DROP
        return AGAIN

    def _read_literal(self) -> e.Event | _Again | None:
        if len(self._buffer) < self._left or self._literals is None:
            return None
        self._literals.append(bytes(self._buffer[: self._left]))
        del self._buffer[: self._left]
        self._scanned = 0
        self._reading = _Reading.COMMAND
        return AGAIN

    def _read_drop(self) -> e.Event | _Again | None:
        gone = min(self._left, len(self._buffer))
        del self._buffer[:gone]
        self._left -= gone
        self._scanned = 0
        if self._left:
            return None
        self._reading = _Reading.COMMAND
        return AGAIN

    # -- a whole command ---------------------------------------------------------------------------

    def _complete(self, head: _Head | e.Malformed | _Dropped, line: bytes) -> e.Event | _Again | None:
        parts, literals = self._parts, self._literals
        self._forget()
        if isinstance(head, _Dropped):
            return AGAIN
        if isinstance(head, e.Malformed):
            return self._refused(head)
        text = line if parts is None else b"".join((*parts, line))
        scanner = self._scanner(text, literals, head.at)
        try:
            event = head.command.parse(scanner, head.tag, self._known())
        except ParseError as error:
            if head.verb in {"SELECT", "EXAMINE"} and error.condition == "NO":
                self._state = State.AUTHENTICATED  # RFC 9051 section 6.3.2: a failed SELECT deselects
            return self._refused(e.Malformed(head.tag, error.text, condition=error.condition, code=error.code))
        if isinstance(event, e.Authenticate) and event.mechanism not in self._offer.mechanisms:
            return self._refused(e.Malformed(head.tag, "Unknown mechanism", condition="NO"))
        return event

    def _scanner(self, text: bytes, literals: list[bytes] | None, at: int) -> Scanner:
        early = self._state is State.NOT_AUTHENTICATED
        depth = self._offer.early_depth if early else self._offer.depth
        return Scanner(text, literals or [], at=at, depth=depth, utf8=self._utf8)

    def _known(self) -> Context:
        if self._context is None:
            self._context = Context(
                rev2="IMAP4REV2" in self.enabled,
                qresync="QRESYNC" in self.enabled,
                enableable=self._offer.enableable,
                utf8_accept="UTF8=ACCEPT" in self.enabled,
            )
        return self._context

    def _forget(self) -> None:
        """The next line begins a command."""
        if self._parts is not None or isinstance(self._head, e.Malformed | _Dropped):
            self._budget.refill("literals")
            self._budget.refill("literal octets")
        self._head = self._parts = self._literals = None
        self._reading = _Reading.COMMAND

    def _refused(self, fault: e.Malformed) -> e.Malformed:
        """Before login few mistakes are borne (threat I03)."""
        self._faults += 1
        if self._state is State.NOT_AUTHENTICATED and self._faults > self._offer.early_faults:
            return self._fatal("Too many mistakes")
        return fault

    def _fatal(self, text: str, code: str = "") -> e.Malformed:
        """Nothing that is in the buffer is read any more."""
        self._buffer.clear()
        self._scanned = 0
        self._forget()
        return e.Malformed("", text, fatal=True, code=code)

    # -- APPEND ------------------------------------------------------------------------------------

    def _announced_message(self, head: _Head, line: bytes, mark: re.Match[bytes], size: int) -> (
        "e.Event | _Again | None"
    ):  # fmt: skip
        text = b"".join((*(self._parts or ()), line[: mark.start()]))
        synchronizing = not mark[3]
        try:
            target = parse_append_head(self._scanner(text, self._literals, head.at))
        except ParseError as error:
            fault = e.Malformed(head.tag, error.text, condition=error.condition, code=error.code)
            return self._drop(fault, size, self._offer.drain_octets, synchronizing)
        if size > self._offer.append_octets:
            fault = e.Malformed(head.tag, "Message is too big", condition="NO", code="TOOBIG")
            return self._drop(fault, size, self._offer.drain_octets, synchronizing)
        self._forget()
        self._append = _Append(head.tag, size, target.wrapped, synchronizing)
        utf8 = target.wrapped or bool(mark[1])
        return e.StartAppend(head.tag, target.mailbox, target.flags, target.received_at, size, utf8)

    def _read_message(self) -> e.Event | _Again | None:
        if not self._left:
            self._reading = _Reading.TAIL
            self._budget.refill("line")
            return AGAIN
        octets = bytes(self._buffer[: min(self._left, CHUNK_OCTETS)])
        if not octets:
            return None
        del self._buffer[: len(octets)]
        self._scanned = 0
        self._left -= len(octets)
        return e.AppendChunk(octets)

    def _read_tail(self) -> e.Event | _Again | None:
        """What follows the message; MULTIAPPEND is not offered."""
        line = self._line()
        if line is None or self._append is None:
            return None
        append, self._append = self._append, None
        self._reading = _Reading.COMMAND
        fault = None
        if line != (b")\r\n" if append.wrapped else b"\r\n"):
            fault = "Unexpected text after the message"
        return e.EndAppend(append.tag, append.size, fault)

    # -- dialogues ---------------------------------------------------------------------------------

    def _read_sasl(self) -> e.Event | _Again | None:
        line = self._line()
        if line is None:
            return None
        self._reading = _Reading.COMMAND
        if line == b"*\r\n":
            return e.AuthenticateResponse(self._tag, None)
        try:
            return e.AuthenticateResponse(self._tag, decode_base64(line.removesuffix(b"\r\n")))
        except ParseError as error:
            return self._refused(e.Malformed(self._tag, error.text))

    def _read_done(self) -> e.Event | _Again | None:
        line = self._line()
        if line is None:
            return None
        self._reading = _Reading.COMMAND
        if line.upper() == b"DONE\r\n":
            return e.IdleDone(self._tag)
        return self._refused(e.Malformed(self._tag, "DONE expected"))

    # -- octets out --------------------------------------------------------------------------------

    def send(self, action: r.Response) -> list[Piece]:
        if isinstance(action, r.Tagged):
            return self._conclude(action)
        if isinstance(action, r.Continuation):
            return self._go_on(action)
        if isinstance(action, r.Challenge):
            self._answer(e.Authenticate, e.AuthenticateResponse)
            self._reading = _Reading.SASL
            self._budget.refill("line")
        elif isinstance(action, r.Greeting):
            return render(r.Notice(r.Condition.OK, action.text, f"CAPABILITY {self.capabilities.decode('ascii')}"))
        elif isinstance(action, r.Capabilities):
            return [b"* CAPABILITY " + self.capabilities + b"\r\n"]
        elif isinstance(action, r.Enabled):
            self._enable(action)
        elif isinstance(action, r.Recent) and "IMAP4REV2" in self.enabled:
            return []
        elif isinstance(action, r.Bye):
            self._farewell()
        elif isinstance(action, r.Notice) and isinstance(self._pending, e.Malformed) and not self._pending.tag:
            self._pending = None
        return render(action, utf8=self._utf8)

    def _answer(self, *wanted: type) -> e.Event:
        """The event that an action answers; anything else is a bug of the door."""
        event = self._pending
        if event is None or not isinstance(event, wanted):
            raise LocalError(f"{event!r} is not to be answered like this")
        self._pending = None
        self._tag = getattr(event, "tag", "")
        return event

    def _go_on(self, action: r.Continuation) -> list[Piece]:
        event = self._answer(e.LiteralWanted, e.StartAppend, e.Idle)
        if isinstance(event, e.Idle):
            self._reading = _Reading.DONE
            self._budget.refill("line")
        elif isinstance(event, e.StartAppend):
            self._reading = _Reading.MESSAGE
            self._left = event.size
            if self._append is not None and not self._append.synchronizing:
                return []
        return render(action)

    def _enable(self, action: r.Enabled) -> None:
        self.enabled |= frozenset(action.capabilities)
        if "QRESYNC" in self.enabled:
            self.enabled |= {"CONDSTORE"}  # RFC 7162 section 3.2.3
        self._utf8 = not self.enabled.isdisjoint({"UTF8=ACCEPT", "IMAP4REV2"})
        self._context = None

    def _farewell(self) -> None:
        """After LOGOUT the tagged OK is still to come."""
        if not isinstance(self._pending, e.Logout):
            self.closed = True
            self._state = State.LOGOUT

    def _conclude(self, action: r.Tagged) -> list[Piece]:
        """The end of a command moves the state (RFC 9051 section 3)."""
        event = self._pending
        if event is None or getattr(event, "tag", None) != action.tag:
            raise LocalError(f"{action!r} answers nothing; {event!r} waits")
        self._pending = None
        succeeded = action.condition is r.Condition.OK
        match event:
            case e.Login() | e.Authenticate() | e.AuthenticateResponse() if succeeded:
                return self._welcome(action)
            case e.Select():
                self._state = State.SELECTED if succeeded else State.AUTHENTICATED
            case e.Close() if succeeded:
                self._state = State.AUTHENTICATED
            case e.Logout():
                self.closed = True
                self._state = State.LOGOUT
            case e.StartTls() if succeeded:
                self.wants_tls = True
                self.closed = bool(self._buffer)  # RFC 9051 section 6.2.1: no command may come with it (threat S03)
            case e.EndAppend(fault=str()):
                # Another message may follow (MULTIAPPEND): it must not be read as commands (threat I01).
                self.closed = True
                return render(action) + render(r.Bye("Nothing may follow the message"))
            case e.StartAppend():
                return self._refuse_message(action)
            case _:
                pass
        return render(action)

    def _welcome(self, action: r.Tagged) -> list[Piece]:
        self._state = State.AUTHENTICATED
        self._budget = Budget(self._offer.budget)
        self._faults = 0
        code = action.code or f"CAPABILITY {self.capabilities.decode('ascii')}"
        return render(r.Tagged(action.tag, action.condition, action.text, code))

    def _refuse_message(self, action: r.Tagged) -> list[Piece]:
        """The message may be on its way already; a long one is not waited for."""
        append, self._append = self._append, None
        if append is None or append.synchronizing:
            return render(action)
        if append.size > self._offer.drain_octets:
            self.closed = True
            return render(action) + render(r.Bye("Too big", "TOOBIG"))
        self._head = _Dropped()
        self._left = append.size
        self._reading = _Reading.DROP
        return render(action)

    def secured(self, channel: Channel) -> None:
        """RFC 9051 section 6.2.1: what the client said before is forgotten."""
        del channel
        if self._buffer:
            self.closed = True
        self.wants_tls = False
        self._secured = True
        self._state = State.NOT_AUTHENTICATED
