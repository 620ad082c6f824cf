"""The server's side of SMTP and LMTP, without a socket (RFC 5321, RFC 2033).

Rules of the file: ``states`` is the table, ``arguments`` reads what stands
behind a verb, ``content`` the message; here octets are turned into events and
answers into steps of the table.

* Every event is answered with one ``Reply`` before the next one is read;
  ``ContentChunk`` with none, ``StartContent(chunked=True)`` with none or a
  refusal, and LMTP's ``EndContent`` with one for each accepted recipient.
* Octets that come before we answered where the peer had to wait are not
  carried out: the answer is 554 and the end (RFC 2920 section 3.1, threats
  S03 and T01).
* Between two events at most one command line and what the loop has fed are
  held; an overlong line is let go of as it comes.

Left to the door: who may send what to whom, and how many errors are enough.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from posthouse.lib.sansio import Channel, LocalError, Piece
from posthouse.mail.envelope import Body
from posthouse.mail.reply import Reply
from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.arguments import READERS, is_one_trip, parse_base64
from posthouse.standards.smtp.content import ChunkReader, DotReader, Inspection
from posthouse.standards.smtp.events import (
    AuthResponse,
    ContentChunk,
    EndChunk,
    EndContent,
    Event,
    Hello,
    MailFrom,
    Malformed,
    Offence,
    StartContent,
    StartTls,
)
from posthouse.standards.smtp.lines import CommandLines
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.parameters import Unacceptable
from posthouse.standards.smtp.standing import Standing, Transaction
from posthouse.standards.smtp.states import ABSENT, ANSWERS, COMMANDS, FOREIGN_VERBS, Effect, State

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CHUNK = re.compile(r"([0-9]{1,20})( LAST)?\Z", re.IGNORECASE)  # RFC 3030 section 2


class ServerConnection(Standing):
    """One session: a ``Conversation`` of ``Event`` and ``Reply``."""

    __slots__ = (
        "_after_skip", "_buffer", "_due", "_early", "_eof", "_must_wait", "_owed", "_pending", "_skip", "_state",
        "closed", "wants_tls",
    )  # fmt: skip

    def __init__(self, offer: Offer) -> None:
        super().__init__(offer)
        self.closed = self.wants_tls = False
        self._state = State.GREETING
        self._buffer = CommandLines(offer)
        self._pending: Event | None = None
        self._due: Event | None = None
        """The event after the one just given, when one piece made two."""
        self._must_wait = False
        """The pending command ends a group: nothing may come before its answer."""
        self._early = False
        self._owed = 1
        self._skip = 0
        """Octets still to come of a chunk that was refused."""
        self._after_skip: Malformed | None = None
        self._eof = False

    # ---- the four verbs

    def receive_data(self, data: bytes) -> None:
        if not data:
            self._eof = True
        elif not self.closed:
            self._buffer.feed(data)

    def next_event(self) -> Event | None:
        if self._pending is not None or self.closed or self._state in _SILENT:
            return None
        if self._due is not None:
            event: Event | None = self._due
            self._due = None
        elif self._early:
            event = refusals.EARLY
        elif self._buffer.waiting or self._state is State.CHUNK or self._after_skip is not None:
            event = self._read()
        else:
            event = None
        if event is None:
            self.closed = self._eof
        elif type(event) is ContentChunk or (type(event) is StartContent and event.chunked):
            return event
        self._pending = event
        return event

    def send(self, action: Reply) -> Sequence[Piece]:
        """Write ``action`` and take the step that it makes."""
        pending = self._pending
        if self.closed:
            return []  # the first of several answers was the last word
        if type(pending) is EndContent and self._owed > 1 and action.code != 421:
            self._owed -= 1  # RFC 2033 section 4.2: one answer for each recipient
        elif action.hang_up or action.code == 421:
            self._leave()
        elif pending is None:
            return self._send_unasked(action)
        elif type(pending) is StartTls and self._buffer.waiting and action.accepted:
            self._leave()  # threat T01: a command in the clear, to be heard as if under TLS
            return [refusals.EARLY.reply.octets]
        else:
            self._advance(pending, action)
        return [action.octets]

    def secured(self, channel: Channel) -> None:  # noqa: ARG002 - what TLS is like matters to the door only
        """The handshake is done: nothing said before it counts (RFC 3207 section 4.2)."""
        if self._state not in _SILENT:
            raise LocalError("the connection is not waiting for TLS")
        self.wants_tls = False
        if self._buffer.clear():
            self._leave()  # said in the clear, to be heard as if under TLS (threat T01)
            return
        if self._state is State.TLS:
            self._state = State.FRESH
        self.under_tls = True
        self.authenticated = False
        self.transaction = None

    def hello_reply(self, hello: Hello) -> Reply:
        """The positive answer to ``hello`` at this point of the session."""
        return self.offer.hello(hello.verb, secured=self.under_tls, authenticated=self.authenticated)

    # ---- answers

    def _send_unasked(self, action: Reply) -> Sequence[Piece]:
        """The greeting, or a refusal of a message that comes in chunks."""
        transaction = self.transaction
        if self._state is State.GREETING:
            self._state = State.FRESH if action.accepted else State.BARRED
            self._early = bool(self._buffer.waiting)  # threat S03: an early talker
            return [action.octets]
        if self._state is State.CHUNK and transaction is not None and (action.transient or action.permanent):
            transaction.refusal = action
            return []
        raise LocalError(f"nobody waits for a {action.code}")

    def _advance(self, pending: Event, action: Reply) -> None:
        step = ANSWERS.get((type(pending), action.code // 100))
        if step is None:
            raise LocalError(f"{type(pending).__name__} is not answered with {action.code}")
        self._pending = None
        if self._must_wait:
            self._must_wait = False
            self._early = bool(self._buffer.waiting)
        if step.state is not None:
            self._state = step.state
            self.wants_tls = step.state is State.TLS
        if step.effect:
            self._apply(step.effect, pending)
        elif type(pending) is Malformed and pending.reply.hang_up:
            self._leave()  # whatever the door made of it: what follows on the wire has no meaning

    def _apply(self, effect: Effect, pending: Event) -> None:
        transaction = self.transaction
        if effect is Effect.OPEN and type(pending) is MailFrom:
            self.transaction = Transaction(pending)
        elif effect is Effect.ADMIT and transaction is not None:
            transaction.accepted += 1
        elif effect is Effect.CLOSE:
            self.transaction = None
            if type(pending) is EndContent and pending.fault is not None and pending.fault.hang_up:
                self._leave()
        elif effect is Effect.RESET:
            self.transaction = None
            if self._state is not State.FRESH:  # RSET before the hello is no hello
                self._state = State.READY
        elif effect is Effect.AUTHENTICATE:
            self.authenticated = True
        elif effect is Effect.LEAVE:
            self._leave()

    def _leave(self) -> None:
        self.closed = True
        self.wants_tls = False
        self._pending = self._due = self.transaction = None
        self._buffer.clear()

    # ---- octets into events

    def _read(self) -> Event | None:
        if self._skip:
            self._skip -= len(self._buffer.take(self._skip))
            if self._skip:
                return None
        if self._after_skip is not None:
            event, self._after_skip = self._after_skip, None
            return event
        read = self._no_commands.get(self._state)
        if read is not None:
            return read(self)
        line = self._buffer.command()
        return self._command(line) if isinstance(line, bytes) else line

    def _command(self, line: bytes) -> Event | None:
        if line[-2:] != b"\r\n":
            return refusals.SYNTAX  # RFC 5321 section 2.3.8: a line ends with CRLF and nothing else
        try:
            text = line[:-2].decode()
        except UnicodeDecodeError:
            return refusals.NOT_UTF8
        text = text.rstrip(" \t")  # RFC 5321 section 4.1.1
        if not text.isprintable() and _CONTROL.search(text):
            return refusals.SYNTAX
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        row = COMMANDS.get(verb)
        if row is None:
            return self._unknown(verb)
        if row.last:
            if self._buffer.waiting and not (verb == "AUTH" and is_one_trip(argument)):
                return refusals.EARLY
            self._must_wait = verb != "AUTH" or not is_one_trip(argument)
        if verb == "BDAT":
            return self._bdat(argument)
        if self._state not in row.states:
            self._must_wait = False
            return self._out_of_order(row.otherwise)
        try:
            event = READERS[verb](self, argument)
        except Unacceptable as refused:
            event = refused.malformed
        if type(event) is Malformed:
            self._must_wait = False
        return event

    def _unknown(self, verb: str) -> Malformed:
        if verb in FOREIGN_VERBS:
            return refusals.FOREIGN
        return refusals.NOT_IMPLEMENTED if verb in ABSENT else refusals.UNKNOWN

    def _out_of_order(self, otherwise: Malformed) -> Malformed:
        """The 503 that tells what is missing (RFC 5321 section 4.1.4)."""
        if self._state is State.BARRED:
            return refusals.BARRED
        if self._state is State.FRESH:
            return refusals.HELLO_FIRST
        if self._state is State.MAIL:
            return self._lacks_recipients() if otherwise is refusals.MAIL_FIRST else otherwise
        return refusals.OUT_OF_ORDER if self._state is State.CHUNKS else otherwise

    def _lacks_recipients(self) -> Malformed:
        tried = self.transaction is not None and self.transaction.tried
        return refusals.NO_RECIPIENTS if tried and not self.offer.lmtp else refusals.RCPT_FIRST

    def _bdat(self, argument: str) -> Event | None:
        """A chunk that cannot be taken is still read to its end, or its octets would be commands (RFC 3030)."""
        match = _CHUNK.match(argument)
        if not match:
            return refusals.BAD_CHUNK
        size, last = int(match[1]), match[2] is not None
        transaction = self.transaction
        if transaction is None or self._state not in COMMANDS["BDAT"].states:
            return self._skip_chunk(size, last=last)
        reader = transaction.reader
        if size > 2 * self.offer.max_octets:
            return Malformed(Offence.SYNTAX, refusals.CONTENT_ENDLESS)
        first = not isinstance(reader, ChunkReader)
        if not isinstance(reader, ChunkReader):
            reader = ChunkReader(Inspection(self.offer, binary=transaction.mail.body is Body.BINARY))
            transaction.reader = reader
        reader.begin(size, last=last)
        self._state = State.CHUNK
        return StartContent(chunked=True) if first else self._read_chunk()

    def _skip_chunk(self, size: int, *, last: bool) -> Event | None:
        refusal = self._out_of_order(refusals.MAIL_FIRST)
        if size > 2 * self.offer.max_octets:
            return Malformed(refusal.offence, Reply(503, "5.5.1", refusal.reply.text, hang_up=True))
        silent = self.offer.lmtp and last and self.transaction is not None
        if self._state is State.MAIL:  # a message without its first chunk must never come about
            self.transaction = None
            self._state = State.READY
        self._skip = size
        self._after_skip = None if silent else refusal  # RFC 2033 section 4.3: no recipient, no reply
        return self._read()

    def _read_response(self) -> Event | None:
        line = self._buffer.response()
        if isinstance(line, bytes):
            return self._sasl(line)
        if line is not None:
            self._state = State.READY  # RFC 4954 section 4: the exchange is over
        return line

    def _sasl(self, line: bytes) -> Event:
        """A response to a challenge (RFC 4954 section 4)."""
        if self._buffer.waiting:
            return refusals.EARLY
        self._must_wait = True
        octets: bytes | None = None
        if line != b"*\r\n":
            octets = parse_base64(line[:-2].decode("latin-1")) if line[-2:] == b"\r\n" else None
            if octets is None:
                self._state = State.READY
                return refusals.BAD_BASE64
        return AuthResponse(octets)

    # ---- content

    def _read_dots(self) -> Event | None:
        transaction = self.transaction
        if transaction is None or not isinstance(transaction.reader, DotReader):
            raise LocalError("content without a transaction")
        if not self._buffer.waiting:
            return None
        reader = transaction.reader
        octets = reader.read(self._buffer.rest())
        inspection = reader.inspection
        if reader.rest is not None:
            if reader.rest:
                self._buffer.feed(reader.rest)
            end = self._end_content(inspection, inspection.fault)
        elif inspection.endless:
            end = self._end_content(inspection, inspection.fault)
        elif octets:
            return ContentChunk(octets)
        else:
            return None
        if not octets:
            return end
        self._due = end
        return ContentChunk(octets)

    def _read_chunk(self) -> Event | None:
        transaction = self.transaction
        if transaction is None or not isinstance(transaction.reader, ChunkReader):
            raise LocalError("a chunk without a transaction")
        reader = transaction.reader
        if reader.left and not self._buffer.waiting:
            return None
        octets = reader.read(self._buffer.take(reader.left))
        if transaction.refusal is not None:
            octets = b""
        inspection = reader.inspection
        end: Event | None = None
        if not reader.left or inspection.endless:
            end = self._end_chunk(transaction, reader)
        if not octets:
            return end
        self._due = end
        return ContentChunk(octets)

    def _end_chunk(self, transaction: Transaction, reader: ChunkReader) -> Event:
        inspection, offer = reader.inspection, self.offer
        fault = transaction.refusal or inspection.fault
        if reader.chunks > offer.chunks_max and inspection.size < reader.chunks * offer.chunk_octets:
            fault = fault or refusals.TINY_CHUNKS  # threat S08
        if fault is not None and not fault.hang_up and (inspection.stray or inspection.endless):
            fault = Reply(fault.code, fault.status, fault.text, hang_up=True)
        if fault is not None and offer.lmtp and not reader.last:
            # RFC 2033 section 4.3: one answer to a chunk that is not the last; its fault is told for each at the end
            over = inspection.endless or fault is refusals.TINY_CHUNKS
            return Malformed(Offence.SYNTAX, fault) if over else EndChunk(reader.size)
        if reader.last or fault is not None:
            return self._end_content(inspection, fault)
        return EndChunk(reader.size)

    def _end_content(self, inspection: Inspection, fault: Reply | None) -> EndContent:
        accepted = self.transaction.accepted if self.transaction is not None else 1
        self._owed = accepted if self.offer.lmtp else 1
        return EndContent(inspection.size, fault, inspection.lines)

    _no_commands: ClassVar[Mapping[State, Callable[["ServerConnection"], Event | None]]] = {
        State.DOTS: _read_dots,
        State.CHUNK: _read_chunk,
        State.SASL: _read_response,
    }
    """How octets are read that are none."""


_SILENT = frozenset({State.GREETING, State.TLS})
