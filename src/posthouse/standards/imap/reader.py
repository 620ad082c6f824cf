"""What comes in: lines and literals put together to commands, messages passed on in chunks (RFC 9051 section 4).

A command is parsed once, when it is whole. Whether it may come at all is judged
on its first line, so that nobody sends literals for nothing. What a refused
command still has under way (LITERAL+) is dropped, never read as a command
(threat I01). Limits: L30 lines, L31 literals.
"""

import re
from dataclasses import dataclass
from enum import Enum

from posthouse.lib.budget import Budget, Exhausted
from posthouse.standards.imap import events as e
from posthouse.standards.imap.commands import decode_base64
from posthouse.standards.imap.scanner import ParseError
from posthouse.standards.imap.standing import Head, Standing

CHUNK_OCTETS = 64 * 1024
_MARK = re.compile(rb"(~?)\{([0-9]+)(\+?)\}\Z")
_TLS_RECORD = b"\x16"


class _Again(Enum):
    """Something was read that is no event yet."""

    AGAIN = 0


AGAIN = _Again.AGAIN
Found = e.Event | _Again | None


class Reading(Enum):
    """What the next octets belong to."""

    COMMAND = 0
    LITERAL = 1
    DROP = 2
    MESSAGE = 3
    TAIL = 4
    SASL = 5
    DONE = 6


@dataclass(frozen=True, slots=True)
class _Answered:
    """In place of a head: the command has its answer, its rest is on its way."""


@dataclass(frozen=True, slots=True)
class _Append:
    tag: str
    size: int
    wrapped: bool
    synchronizing: bool
    binary: bool
    """A literal8, which may have NUL in it (RFC 3516)."""


class Reader:
    """The octets of one session, as events."""

    __slots__ = (
        "_append",
        "_budget",
        "_buffer",
        "_faults",
        "_head",
        "_left",
        "_literals",
        "_nul",
        "_parts",
        "_reading",
        "_scanned",
        "_standing",
        "_tag",
    )  # fmt: skip

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._budget = Budget(standing.offer.early_budget)
        self._buffer = bytearray()
        self._scanned = 0
        self._reading = Reading.COMMAND
        self._tag = ""
        self._faults = 0
        self._head: Head | e.Malformed | _Answered | None = None
        self._parts: list[bytes] | None = None
        self._literals: list[bytes] | None = None
        self._left = 0
        self._append: _Append | None = None
        self._nul = False

    # -- asked by the connection ---------------------------------------------------------------------

    @property
    def kept(self) -> int:
        """Octets that are not read yet."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        self._buffer += data

    def next_event(self) -> e.Event | None:
        while True:
            try:
                event = self._read()
            except Exhausted as exhausted:
                event = self._fatal(f"{exhausted.resource} limit", "TOOBIG")
            if event is not AGAIN:
                return event

    def welcome(self) -> None:
        """Somebody logged in: the wide limits."""
        self._budget = Budget(self._standing.offer.budget)
        self._faults = 0

    def read_reply(self, reading: Reading, tag: str) -> None:
        """The next line is no command but belongs to the dialogue that ``tag`` began."""
        self._reading = reading
        self._tag = tag
        self._budget.refill("line")

    def read_message(self, size: int) -> bool:
        """The door takes the message; whether the client waits to be told so."""
        self._reading = Reading.MESSAGE
        self._left = size
        return self._append is None or self._append.synchronizing

    def refuse_message(self) -> bool:
        """The door does not take the message. False: it is on its way and too long to be waited for."""
        append, self._append = self._append, None
        if append is None or append.synchronizing:
            return True
        if append.size > self._standing.offer.drain_octets:
            return False
        self._head = _Answered()
        self._left = append.size
        self._reading = Reading.DROP
        return True

    # -- lines -----------------------------------------------------------------------------------------

    def _read(self) -> Found:
        match self._reading:
            case Reading.COMMAND:
                return self._read_command()
            case Reading.LITERAL:
                return self._read_literal()
            case Reading.DROP:
                return self._read_drop()
            case Reading.MESSAGE:
                return self._read_message()
            case Reading.TAIL:
                return self._read_tail()
            case Reading.SASL:
                return self._read_sasl()
            case Reading.DONE:
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

    def _read_command(self) -> Found:
        if self._head is None:
            self._budget.refill("line")
            if self._standing.early and self._buffer[:1] == _TLS_RECORD:
                return self._fatal("This port does not begin with TLS")
        line = self._line()
        if line is None:
            return None
        if line[-2:-1] != b"\r" or line.find(b"\r") != len(line) - 2:
            # A bare LF may be an attacker's, brought in through somebody's webmail: what follows it is never executed.
            return self._fatal("Lines end with CR LF")
        line = line[:-2]
        if self._head is None:
            self._head = self._standing.admit(line)
            if isinstance(self._head, e.Malformed) and self._head.fatal:
                return self._fatal(self._head.text)
        mark = _MARK.search(line) if line.endswith(b"}") else None
        if mark is not None:
            return self._announced(self._head, line, mark)
        return self._complete(self._head, line)

    # -- literals ----------------------------------------------------------------------------------

    def _announced(self, head: Head | e.Malformed | _Answered, line: bytes, mark: re.Match[bytes]) -> Found:
        """The line ends with a literal's size: ask for it, take it, or refuse the command."""
        size = int(mark[2]) if len(mark[2]) <= 19 else 2**63
        synchronizing = not mark[3]
        if isinstance(head, Head):
            if head.verb == "APPEND" and (self._parts or line[head.at : mark.start()] != b" "):
                return self._announced_message(head, line, mark, size)
            offer = self._standing.offer
            if size > (offer.early_literal_octets if self._standing.early else offer.literal_octets):
                fault = e.Malformed(head.tag, "Literal is too big", condition="NO", code="TOOBIG")
                return self._drop(fault, size, 0, synchronizing)
            if mark[1]:
                head = e.Malformed(head.tag, "literal8 is not expected here")
        if not isinstance(head, Head):
            return self._drop(head, size, self._spend_literal(size, synchronizing), synchronizing)
        self._spend_literal(size, synchronizing=False)
        if self._parts is None:
            self._parts, self._literals = [], []
        self._parts.append(line + b"\r\n")
        self._left = size
        self._reading = Reading.LITERAL
        return e.LiteralWanted(size) if synchronizing else AGAIN

    def _spend_literal(self, size: int, synchronizing: bool) -> int:
        """Pay for a literal that will be sent; ``size`` again."""
        if not synchronizing:
            self._budget.spend("literals")
            self._budget.spend("literal octets", size)
        return size

    def _drop(self, why: e.Malformed | _Answered, size: int, most: int, synchronizing: bool) -> Found:
        """Refuse a command: at once where the client waits for us, after its literal where that is on its way."""
        if synchronizing:
            self._forget()
            return self._refused(why) if isinstance(why, e.Malformed) else AGAIN
        if size > most:
            return self._fatal("Too big", "TOOBIG")
        self._head = why
        self._left = size
        self._reading = Reading.DROP
        return AGAIN

    def _read_literal(self) -> Found:
        if len(self._buffer) < self._left or self._literals is None:
            return None
        self._literals.append(bytes(self._buffer[: self._left]))
        del self._buffer[: self._left]
        self._scanned = 0
        self._reading = Reading.COMMAND
        return AGAIN

    def _read_drop(self) -> Found:
        gone = min(self._left, len(self._buffer))
        del self._buffer[:gone]
        self._left -= gone
        self._scanned = 0
        if self._left:
            return None
        self._reading = Reading.COMMAND
        return AGAIN

    # -- a whole command ---------------------------------------------------------------------------

    def _complete(self, head: Head | e.Malformed | _Answered, line: bytes) -> Found:
        parts, literals = self._parts, self._literals
        self._forget()
        if isinstance(head, _Answered):
            return AGAIN
        if isinstance(head, Head):
            text = line if parts is None else b"".join((*parts, line))
            event = self._standing.parse(head, text, literals or [])
        else:
            event = head
        return self._refused(event) if isinstance(event, e.Malformed) else event

    def _forget(self) -> None:
        """The next line begins a command."""
        if self._parts is not None or isinstance(self._head, e.Malformed | _Answered):
            self._budget.refill("literals")
            self._budget.refill("literal octets")
        self._head = self._parts = self._literals = None
        self._reading = Reading.COMMAND

    def _refused(self, fault: e.Malformed) -> e.Malformed:
        """Before login few mistakes are borne (threat I03)."""
        self._faults += 1
        if self._standing.early and self._faults > self._standing.offer.early_faults:
            return self._fatal("Too many mistakes")
        return fault

    def _fatal(self, text: str, code: str = "") -> e.Malformed:
        """Nothing that is in the buffer is read any more."""
        self._buffer.clear()
        self._scanned = 0
        self._forget()
        return e.Malformed("", text, fatal=True, code=code)

    # -- APPEND ------------------------------------------------------------------------------------

    def _announced_message(self, head: Head, line: bytes, mark: re.Match[bytes], size: int) -> Found:
        text = b"".join((*(self._parts or ()), line[: mark.start()]))
        synchronizing = not mark[3]
        target = self._standing.parse_append(head, text, self._literals or [], size)
        if isinstance(target, e.Malformed):
            return self._drop(target, size, self._standing.offer.drain_octets, synchronizing)
        self._forget()
        utf8 = target.wrapped or bool(mark[1])
        self._append = _Append(head.tag, size, target.wrapped, synchronizing, utf8)
        self._nul = False
        return e.StartAppend(head.tag, target.mailbox, target.flags, target.received_at, size, utf8)

    def _read_message(self) -> Found:
        if not self._left:
            self._reading = Reading.TAIL
            self._budget.refill("line")
            return AGAIN
        octets = bytes(self._buffer[: min(self._left, CHUNK_OCTETS)])
        if not octets:
            return None
        del self._buffer[: len(octets)]
        self._scanned = 0
        self._left -= len(octets)
        self._nul |= b"\0" in octets
        return e.AppendChunk(octets)

    def _read_tail(self) -> Found:
        """What follows the message; MULTIAPPEND is not offered."""
        line = self._line()
        if line is None or self._append is None:
            return None
        append, self._append = self._append, None
        self._reading = Reading.COMMAND
        fault = None
        if line != (b")\r\n" if append.wrapped else b"\r\n"):
            fault = "Unexpected text after the message"
        return e.EndAppend(append.tag, append.size, fault, self._nul and not append.binary)

    # -- dialogues ---------------------------------------------------------------------------------

    def _read_sasl(self) -> Found:
        line = self._line()
        if line is None:
            return None
        self._reading = Reading.COMMAND
        if line == b"*\r\n":
            return e.AuthenticateResponse(self._tag, None)
        try:
            return e.AuthenticateResponse(self._tag, decode_base64(line.removesuffix(b"\r\n")))
        except ParseError as error:
            return self._refused(e.Malformed(self._tag, error.text))

    def _read_done(self) -> Found:
        line = self._line()
        if line is None:
            return None
        self._reading = Reading.COMMAND
        if line.upper() == b"DONE\r\n":
            return e.IdleDone(self._tag)
        return self._refused(e.Malformed(self._tag, "DONE expected"))
