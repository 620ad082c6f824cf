"""What an SMTP or LMTP client said. One event a command, one a chunk of content, never one a line of it."""

from enum import Enum

import msgspec

from posthouse.mail.address import Address
from posthouse.mail.envelope import Body, Recipient, Return
from posthouse.mail.reply import Reply


class Hello(msgspec.Struct, frozen=True):
    """EHLO, HELO or LHLO. ``name`` is what the client calls itself: printable, unproven."""

    verb: str
    name: str


class MailFrom(msgspec.Struct, frozen=True):
    """MAIL FROM with all parameters of the extensions we offer, already checked against them."""

    reverse_path: Address | None
    size: int | None = None
    body: Body = Body.SEVENBIT
    utf8: bool = False
    ret: Return | None = None
    envid: str | None = None
    auth: str | None = None
    """RFC 4954 section 5; ``<>`` or a mailbox. Believed from nobody."""


class RcptTo(msgspec.Struct, frozen=True):
    recipient: Recipient


class StartContent(msgspec.Struct, frozen=True):
    """DATA, or the first BDAT of a transaction. DATA is answered 354 or refused; ``chunked`` needs no answer
    (RFC 3030 section 2): answer it with nothing, or with a refusal, which the core gives when the chunk is over.
    """

    chunked: bool


class ContentChunk(msgspec.Struct, frozen=True):
    """Octets of the content: dot-unstuffed, CRLF line ends, never part of the end-of-data mark."""

    octets: bytes


class EndChunk(msgspec.Struct, frozen=True):
    """A BDAT that was not the last is complete: answer 250."""

    size: int


class EndContent(msgspec.Struct, frozen=True):
    """The content is complete: answer once (LMTP: once for each accepted recipient).

    ``fault`` is the refusal that the content itself earned while it was read (bare CR,
    LF or NUL, too long, a line too long); the message must then not be used. ``lines`` are its
    line ends, -1 if it is not made of lines (BINARYMIME).
    """

    size: int
    fault: Reply | None = None
    lines: int = -1


class StartTls(msgspec.Struct, frozen=True): ...


class AuthStart(msgspec.Struct, frozen=True):
    """AUTH. ``initial`` is the decoded initial response, None if there was none."""

    mechanism: str
    initial: bytes | None


class AuthResponse(msgspec.Struct, frozen=True):
    """The answer to a 334 challenge, decoded; None when the client cancelled with ``*``."""

    octets: bytes | None


class Reset(msgspec.Struct, frozen=True): ...


class Noop(msgspec.Struct, frozen=True): ...


class Verify(msgspec.Struct, frozen=True):
    """VRFY. EXPN does not exist here (L29)."""

    argument: str


class Help(msgspec.Struct, frozen=True): ...


class Quit(msgspec.Struct, frozen=True): ...


class Offence(Enum):
    """What was wrong with a line that is no event; the door counts them (L19)."""

    SYNTAX = "syntax"
    SEQUENCE = "sequence"
    UNKNOWN = "unknown command"
    TOO_LONG = "line too long"
    EARLY = "talked before the reply"
    FOREIGN = "not SMTP"


class Malformed(msgspec.Struct, frozen=True):
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
