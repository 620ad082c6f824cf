"""What an SMTP or LMTP client said. One event a command, one a chunk of content, never one a line of it."""

from dataclasses import dataclass
from enum import Enum

from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Recipient, Return
from posthouse.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Hello:
    """EHLO, HELO or LHLO. ``name`` is what the client calls itself: printable, unproven."""

    verb: str
    name: str


@dataclass(frozen=True, slots=True)
class MailFrom:
    """MAIL FROM with all parameters of the extensions we offer, already checked against them."""

    reverse_path: Address | None
    size: int | None = None
    body: Body = Body.SEVENBIT
    utf8: bool = False
    ret: Return | None = None
    envid: str | None = None
    auth: str | None = None
    """RFC 4954 section 5; ``<>`` or a mailbox. Believed from nobody."""


@dataclass(frozen=True, slots=True)
class RcptTo:
    recipient: Recipient


@dataclass(frozen=True, slots=True)
class StartContent:
    """DATA, or the first BDAT of a transaction. DATA is answered 354 or refused; ``chunked`` needs no answer
    (RFC 3030 section 2): answer it with nothing, or with a refusal, which the core gives when the chunk is over.
    """

    chunked: bool


@dataclass(frozen=True, slots=True)
class ContentChunk:
    """Octets of the content: dot-unstuffed, CRLF line ends, never part of the end-of-data mark."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class EndChunk:
    """A BDAT that was not the last is complete: answer 250."""

    size: int


@dataclass(frozen=True, slots=True)
class EndContent:
    """The content is complete: answer once (LMTP: once for each accepted recipient).

    ``fault`` is the refusal that the content itself earned while it was read (bare CR,
    LF or NUL, too long, a line too long); the message must then not be used.
    """

    size: int
    fault: Reply | None = None


@dataclass(frozen=True, slots=True)
class StartTls: ...


@dataclass(frozen=True, slots=True)
class AuthStart:
    """AUTH. ``initial`` is the decoded initial response, None if there was none."""

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class AuthResponse:
    """The answer to a 334 challenge, decoded; None when the client cancelled with ``*``."""

    octets: bytes | None


@dataclass(frozen=True, slots=True)
class Reset: ...


@dataclass(frozen=True, slots=True)
class Noop: ...


@dataclass(frozen=True, slots=True)
class Verify:
    """VRFY. EXPN does not exist here (L29)."""

    argument: str


@dataclass(frozen=True, slots=True)
class Help: ...


@dataclass(frozen=True, slots=True)
class Quit: ...


class Offence(Enum):
    """What was wrong with a line that is no event; the door counts them (L19)."""

    SYNTAX = "syntax"
    SEQUENCE = "sequence"
    UNKNOWN = "unknown command"
    TOO_LONG = "line too long"
    EARLY = "talked before the reply"
    FOREIGN = "not SMTP"


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that is no command we can carry out, and the reply it earned; the door adds its short id."""

    offence: Offence
    reply: Reply


Event = (
    Hello
    | MailFrom
    | RcptTo
    | StartContent
    | ContentChunk
    | EndChunk
    | EndContent
    | StartTls
    | AuthStart
    | AuthResponse
    | Reset
    | Noop
    | Verify
    | Help
    | Quit
    | Malformed
)
