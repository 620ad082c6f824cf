"""The SMTP and LMTP session as a table: in which state a command may come, and where our answer leads.

```
GREETING --220--> FRESH --hello--> READY --MAIL--> MAIL --RCPT--> RCPT --DATA 354--> DOTS --end--> READY
                    ^                |                              |--BDAT--> CHUNK <--> CHUNKS
                    '----- TLS <-----+--AUTH 334--> SASL --> READY            '--LAST, fault--> READY
```

A transaction lives from MAIL to the first terminal event: the end of its
content, a refused content, RSET, a hello, STARTTLS. It is then dropped whole;
nothing of it is ever set back piece by piece (threat S07).
"""

from dataclasses import dataclass
from enum import IntEnum

from posthouse.standards.smtp import events
from posthouse.standards.smtp import refusals as r
from posthouse.standards.smtp.events import Malformed


class State(IntEnum):
    GREETING = 0
    """We have not spoken yet."""
    BARRED = 1
    """Our greeting was a 554; only QUIT is left (RFC 5321 section 3.1)."""
    FRESH = 2
    READY = 3
    MAIL = 4
    RCPT = 5
    """At least one recipient is accepted."""
    CHUNKS = 6
    """Between two BDAT of one message."""
    DOTS = 7
    """Octets are content until the end mark."""
    CHUNK = 8
    """Octets are content until the chunk is full."""
    SASL = 9
    TLS = 10


S = State
ANY = frozenset({S.FRESH, S.READY, S.MAIL, S.RCPT, S.CHUNKS})
OUTSIDE_CHUNKS = ANY - {S.CHUNKS}


@dataclass(frozen=True, slots=True)
class Row:
    """One command: the states it may come in, what it earns in others, whether it ends a pipelined group."""

    states: frozenset[State]
    otherwise: Malformed
    last: bool = False
    """RFC 2920 section 3.1: what follows it unasked was said before we answered."""


COMMANDS: dict[str, Row] = {
    "EHLO": Row(ANY, r.OUT_OF_ORDER, last=True),
    "HELO": Row(ANY, r.OUT_OF_ORDER, last=True),
    "LHLO": Row(ANY, r.OUT_OF_ORDER, last=True),
    "MAIL": Row(frozenset({S.READY}), r.NESTED_MAIL),
    "RCPT": Row(frozenset({S.MAIL, S.RCPT}), r.MAIL_FIRST),
    "DATA": Row(frozenset({S.RCPT}), r.MAIL_FIRST, last=True),
    "BDAT": Row(frozenset({S.RCPT, S.CHUNKS}), r.MAIL_FIRST),
    "RSET": Row(ANY, r.OUT_OF_ORDER),
    "NOOP": Row(ANY, r.OUT_OF_ORDER, last=True),
    "VRFY": Row(ANY, r.OUT_OF_ORDER, last=True),
    "HELP": Row(ANY, r.OUT_OF_ORDER),
    "QUIT": Row(frozenset(State), r.OUT_OF_ORDER),
    "STARTTLS": Row(OUTSIDE_CHUNKS, r.OUT_OF_ORDER, last=True),
    "AUTH": Row(frozenset({S.READY}), r.OUT_OF_ORDER, last=True),
}

ABSENT = frozenset({"EXPN", "TURN", "ETRN", "ATRN", "SEND", "SOML", "SAML", "XCLIENT", "XFORWARD"})
"""Known to the world, not offered here: 502 (RFC 5321 section 4.2.4). EXPN by L29, XCLIENT by threat S14."""

FOREIGN_VERBS = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "CONNECT", "PRI"})
"""A browser was made to speak to us (threat S03)."""


class Effect(IntEnum):
    NOTHING = 0
    OPEN = 1
    """A transaction begins."""
    ADMIT = 2
    """One more recipient."""
    CLOSE = 3
    """The transaction is dropped, whatever became of it."""
    AUTHENTICATE = 4
    RESET = 5
    """The transaction is dropped, the hello stays."""
    LEAVE = 6
    """The session is over."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where an answer leads; ``state`` None: where we were."""

    state: State | None
    effect: Effect = Effect.NOTHING


_STAY = Step(None)
_IDLE = Step(S.READY)
_DROPPED = Step(S.READY, Effect.CLOSE)
_QUIT = Step(None, Effect.LEAVE)

ANSWERS: dict[tuple[type, int], Step] = {
    # (what was said, first digit of our answer): where that leads
    (events.Hello, 2): _DROPPED,
    (events.Hello, 4): _STAY,  # RFC 5321 section 4.1.4: a refused hello changes nothing
    (events.Hello, 5): _STAY,
    (events.MailFrom, 2): Step(S.MAIL, Effect.OPEN),
    (events.MailFrom, 4): _STAY,
    (events.MailFrom, 5): _STAY,
    (events.RcptTo, 2): Step(S.RCPT, Effect.ADMIT),
    (events.RcptTo, 4): _STAY,
    (events.RcptTo, 5): _STAY,
    (events.StartContent, 3): Step(S.DOTS),
    (events.StartContent, 4): _DROPPED,
    (events.StartContent, 5): _DROPPED,
    (events.EndChunk, 2): Step(S.CHUNKS),
    (events.EndChunk, 4): _DROPPED,
    (events.EndChunk, 5): _DROPPED,
    (events.EndContent, 2): _DROPPED,
    (events.EndContent, 4): _DROPPED,
    (events.EndContent, 5): _DROPPED,
    (events.StartTls, 2): Step(S.TLS, Effect.CLOSE),
    (events.StartTls, 4): _STAY,
    (events.StartTls, 5): _STAY,
    (events.AuthStart, 2): Step(S.READY, Effect.AUTHENTICATE),
    (events.AuthStart, 3): Step(S.SASL),
    (events.AuthStart, 4): _IDLE,
    (events.AuthStart, 5): _IDLE,
    (events.AuthResponse, 2): Step(S.READY, Effect.AUTHENTICATE),
    (events.AuthResponse, 3): Step(S.SASL),
    (events.AuthResponse, 4): _IDLE,
    (events.AuthResponse, 5): _IDLE,
    (events.Reset, 2): Step(None, Effect.RESET),
    (events.Reset, 4): _STAY,
    (events.Reset, 5): _STAY,
    **{(said, digit): _STAY for said in (events.Noop, events.Verify, events.Help) for digit in (2, 4, 5)},
    (events.Malformed, 2): _STAY,
    (events.Malformed, 4): _STAY,
    (events.Malformed, 5): _STAY,
    (events.Quit, 2): _QUIT,
    (events.Quit, 4): _QUIT,
    (events.Quit, 5): _QUIT,
}
