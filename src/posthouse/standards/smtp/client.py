"""The SMTP and LMTP client core (RFC 5321, RFC 2033), sans-IO.

Rules. Commands go out in groups when the server offers PIPELINING; the verbs
in ``_ENDS_GROUP`` end a group (RFC 2920 section 3.1). Each reply is matched to
the command it answers, in order; a reply that answers nothing ends the
conversation. After the 220 to STARTTLS not one octet may be left over
(RFC 3207 section 4.2, CVE-2021-38371), and what was known before is forgotten.
In LMTP the end of the content is answered once for each accepted recipient.

States, as a table: what may be sent is decided by ``_MAY_SEND``.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from posthouse.lib.sansio import Channel, LocalError, Piece, RemoteError
from posthouse.mail.reply import Reply
from posthouse.standards.smtp.commands import (
    EHLO_VERBS,
    Action,
    ChunkRest,
    Command,
    LastChunk,
    Mailing,
    Verb,
)
from posthouse.standards.smtp.offered import Offered, parse_offered
from posthouse.standards.smtp.replies import ReplyReader


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply and the command it answers. ``to`` is ``Verb.NONE`` for a 421 that nobody asked for."""

    to: Verb
    reply: Reply


class Phase(Enum):
    """What the server waits for."""

    COMMAND = auto()
    CONTENT = auto()
    CHUNK = auto()
    TLS = auto()
    OVER = auto()


_ENDS_GROUP = EHLO_VERBS | {Verb.CONNECT, Verb.DATA, Verb.STARTTLS, Verb.AUTH, Verb.NOOP, Verb.QUIT}
_GOES_ON = {Verb.DATA: 354, Verb.AUTH: 334}
"""RFC 5321 section 4.2.4, RFC 4954 section 4: the only two that may be answered with "go on"."""
_MAY_SEND: dict[Phase, tuple[type, ...]] = {
    Phase.COMMAND: (Command, LastChunk),
    Phase.CONTENT: (Mailing,),
    Phase.CHUNK: (ChunkRest,),
    Phase.TLS: (),
    Phase.OVER: (),
}


class ClientConnection:
    """One client side of one conversation, from the greeting on."""

    __slots__ = ("_accepted", "_awaited", "_chunk_left", "_ended", "_lmtp", "_phase", "_reader", "offered")

    def __init__(self, *, lmtp: bool = False) -> None:
        self._lmtp = lmtp
        self._reader = ReplyReader()
        self._awaited: deque[Verb] = deque((Verb.CONNECT,))
        self._phase = Phase.COMMAND
        self._accepted = 0
        self._chunk_left = 0
        self._ended = False
        self.offered = Offered()

    @property
    def closed(self) -> bool:
        return self._phase is Phase.OVER

    @property
    def wants_tls(self) -> bool:
        return self._phase is Phase.TLS

    @property
    def awaits(self) -> int:
        """How many replies are still to come."""
        return len(self._awaited)

    @property
    def awaited(self) -> Verb | None:
        """What the next reply answers."""
        return self._awaited[0] if self._awaited else None

    @property
    def wants_content(self) -> bool:
        """A 354 was given: nothing but content may be sent now."""
        return self._phase is Phase.CONTENT

    def receive_data(self, data: bytes) -> None:
        if data:
            self._reader.add(data)
        else:
            self._ended = True

    def next_event(self) -> Answer | None:
        """The next reply with what it answers. Raises ``RemoteError`` if it is none, or nothing was asked."""
        if self._phase is Phase.OVER or (self._phase is Phase.TLS and self._reader.is_empty):
            return None
        try:
            reply = self._reader.next_reply()
            if reply is not None:
                return self._answer(reply)
            self._check_end()
        except RemoteError:
            self._phase = Phase.OVER
            raise
        return None

    def _check_end(self) -> None:
        if self._ended:
            raise RemoteError("the server closed the connection")

    def _answer(self, reply: Reply) -> Answer:
        if self._phase is Phase.TLS or (not self._awaited and reply.code != 421):
            raise RemoteError("a reply that answers nothing")
        verb = self._awaited.popleft() if self._awaited else Verb.NONE
        if reply.code == 421:  # RFC 5321 section 3.8: it will close now, whatever was asked
            self._awaited.clear()
            self._phase = Phase.OVER
            return Answer(verb, reply)
        self._follow(verb, reply)
        if reply.code < 200 or (reply.goes_on and _GOES_ON.get(verb) != reply.code):
            raise RemoteError(f"the reply code {reply.code} to {verb.value}")
        return Answer(verb, reply)

    def _follow(self, verb: Verb, reply: Reply) -> None:
        """What ``reply`` changes of what may be said next."""
        if verb is Verb.RCPT:
            self._accepted += reply.accepted
        elif verb is Verb.DATA and reply.code == 354:
            self._phase = Phase.CONTENT
        elif verb is Verb.END or verb is Verb.BDAT:
            self._await_more(verb)
        elif verb in EHLO_VERBS and reply.accepted:
            self.offered = parse_offered(self._reader.lines) if verb is not Verb.HELO else Offered()
        elif verb is Verb.STARTTLS and reply.code == 220:
            if not self._reader.is_empty:
                raise RemoteError("the server talked between its answer to STARTTLS and the handshake")
            self._phase = Phase.TLS
        elif verb is Verb.QUIT:
            self._phase = Phase.OVER
        elif verb is Verb.MAIL or verb is Verb.RSET:
            self._accepted = 0

    def _await_more(self, verb: Verb) -> None:
        """RFC 2033 section 4.2: one reply for each recipient that was accepted."""
        if self._lmtp and self._accepted > 1:
            self._awaited.appendleft(verb)
        self._accepted -= 1

    def send(self, action: Action) -> Sequence[Piece]:
        """What to write for ``action``. Raises ``LocalError`` when the server is not to be sent it now."""
        if not isinstance(action, _MAY_SEND[self._phase]):
            raise LocalError(f"{type(action).__name__} in phase {self._phase.name}")
        if isinstance(action, Command):
            self._may_follow()
            self._awaited.append(action.verb)
            return (action.octets,)
        if isinstance(action, Mailing):
            if action.last:
                self._awaited.append(Verb.END)
                self._phase = Phase.COMMAND
            return action.pieces
        if isinstance(action, LastChunk):
            self._may_follow()
            self._awaited.append(Verb.BDAT)
            self._chunk_left = action.size
            return (f"BDAT {action.size} LAST\r\n".encode(), *self._chunk(action.pieces))
        return self._chunk(action.pieces)

    def _may_follow(self) -> None:
        if self._awaited and (not self.offered.pipelining or self._awaited[-1] in _ENDS_GROUP):
            raise LocalError(f"a command before the answer to {self._awaited[-1].value}")

    def _chunk(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        self._chunk_left -= sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
        if self._chunk_left < 0:
            raise LocalError("more octets than BDAT announced")
        self._phase = Phase.CHUNK if self._chunk_left else Phase.COMMAND
        return pieces

    def secured(self, channel: Channel) -> None:  # noqa: ARG002 - the core needs only to know that it happened
        """RFC 3207 section 4.2: what the server said before is forgotten; say EHLO again."""
        if self._phase is not Phase.TLS or not self._reader.is_empty:
            self._phase = Phase.OVER
            raise RemoteError("the server talked before the handshake")
        self.offered = Offered()
        self._phase = Phase.COMMAND
