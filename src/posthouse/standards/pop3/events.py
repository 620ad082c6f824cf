"""What a POP3 client said, and what we answer. One event a command."""

from dataclasses import dataclass
from enum import Enum

# -- events: the client ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capa: ...


@dataclass(frozen=True, slots=True)
class User:
    name: str


@dataclass(frozen=True, slots=True)
class Pass:
    """PASS after a USER; ``name`` is that one's."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class AuthList:
    """AUTH alone: which mechanisms are there? Older than RFC 5034, and still asked."""


@dataclass(frozen=True, slots=True)
class AuthStart:
    """AUTH (RFC 5034). ``initial`` is the decoded initial response, None if there was none."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class AuthResponse:
    """The answer to a challenge, decoded; None when the client cancelled with ``*``."""

    octets: bytes | None


@dataclass(frozen=True, slots=True)
class StartTls: ...


@dataclass(frozen=True, slots=True)
class Utf8: ...


@dataclass(frozen=True, slots=True)
class Lang:
    """LANG (RFC 6856 section 3); None asks for the list."""

    tag: str | None


@dataclass(frozen=True, slots=True)
class Stat: ...


@dataclass(frozen=True, slots=True)
class List:
    number: int | None


@dataclass(frozen=True, slots=True)
class Uidl:
    number: int | None


@dataclass(frozen=True, slots=True)
class Retr:
    number: int


@dataclass(frozen=True, slots=True)
class Top:
    number: int
    lines: int


@dataclass(frozen=True, slots=True)
class Dele:
    number: int


@dataclass(frozen=True, slots=True)
class Noop: ...


@dataclass(frozen=True, slots=True)
class Rset: ...


@dataclass(frozen=True, slots=True)
class Quit:
    """``update``: a maildrop is open, so what was marked is to be removed now (RFC 1939 section 6)."""

    update: bool


class Offence(Enum):
    """What was wrong with a line that is no command."""

    SYNTAX = "syntax"
    SEQUENCE = "sequence"
    UNKNOWN = "unknown command"
    CLEAR = "password in the clear"
    TOO_LONG = "line too long"
    FOREIGN = "another protocol"


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot be obeyed: answer ``Negative(text)``, with ``hang_up`` where the core has to close."""

    offence: Offence
    text: str
    hang_up: bool = False


Event = (
    Capa | User | Pass | AuthList | AuthStart | AuthResponse | StartTls | Utf8 | Lang
    | Stat | List | Uidl | Retr | Top | Dele | Noop | Rset | Quit | Fault
)  # fmt: skip


# -- actions: ourselves ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Positive:
    """``+OK``: what was asked has happened, and the state advances."""

    text: str = ""
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Negative:
    """``-ERR`` with a response code where there is one (RFC 2449 section 8, RFC 3206)."""

    text: str
    code: str = ""
    hang_up: bool = False


@dataclass(frozen=True, slots=True)
class Challenge:
    """A step of AUTH, not yet in base64."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The answer to CAPA; the core knows what it can do in its state."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A whole multi-line answer. ``octets`` are complete lines that need byte-stuffing, or none at all."""

    text: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Begin:
    """The first line of a long multi-line answer; ``Part`` and ``End`` follow."""

    text: str


@dataclass(frozen=True, slots=True)
class Part:
    octets: bytes


@dataclass(frozen=True, slots=True)
class End:
    """``complete`` False: we cannot finish what we began, so the connection ends without the final dot."""

    complete: bool = True


Action = Positive | Negative | Challenge | Capabilities | Lines | Begin | Part | End
