"""What an SMTP or LMTP client says, as values that cannot smuggle a second command.

A ``Command`` with a control character in its line cannot be made, so nothing
that came from an address, an ENVID or a name can end a line early (S06).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from posthouse.lib.sansio import LocalError, Piece
from posthouse.mail.envelope import Body, Notify, OriginalRecipient, Recipient, Return
from posthouse.standards.smtp.grammar import format_unitext, format_xtext

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class Verb(StrEnum):
    """What a reply answers. The value is the word for people."""

    CONNECT = "connection"
    EHLO = "EHLO"
    HELO = "HELO"
    LHLO = "LHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL FROM"
    RCPT = "RCPT TO"
    DATA = "DATA"
    BDAT = "BDAT"
    END = "end of data"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"
    NONE = "nothing"


@dataclass(frozen=True, slots=True)
class Command:
    """One command line. AUTH also stands for each response of its exchange."""

    verb: Verb
    line: str

    def __post_init__(self) -> None:
        if _CONTROLS.search(self.line):
            raise LocalError(f"a control character in {self.verb.value}")

    @property
    def octets(self) -> bytes:
        return self.line.encode() + b"\r\n"


@dataclass(frozen=True, slots=True)
class Mailing:
    """Pieces of the content after a 354, stuffed already; ``last`` when they end with the end of mail data."""

    pieces: tuple[Piece, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class LastChunk:
    """``BDAT size LAST`` and the pieces that follow it at once; more may follow as ``ChunkRest`` (RFC 3030)."""

    size: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ChunkRest:
    """More octets of the chunk that was begun."""

    pieces: tuple[Piece, ...]


Action = Command | Mailing | LastChunk | ChunkRest

EHLO_VERBS = frozenset({Verb.EHLO, Verb.HELO, Verb.LHLO})
RSET = Command(Verb.RSET, "RSET")
QUIT = Command(Verb.QUIT, "QUIT")
DATA = Command(Verb.DATA, "DATA")
STARTTLS = Command(Verb.STARTTLS, "STARTTLS")


def hello(name: str, *, lmtp: bool = False, plain: bool = False) -> Command:
    verb = Verb.LHLO if lmtp else Verb.HELO if plain else Verb.EHLO
    return Command(verb, f"{verb.value} {name}")


def mail_from(
    reverse_path: str,
    *,
    size: int | None = None,
    body: Body | None = None,
    utf8: bool = False,
    ret: Return | None = None,
    envid: str | None = None,
    require_tls: bool = False,
) -> Command:
    """MAIL with the parameters that are given; the caller gives only what was offered."""
    line = f"MAIL FROM:<{reverse_path}>"
    if size is not None:
        line += f" SIZE={size}"
    if body is not None:
        line += f" BODY={body.value}"
    if utf8:
        line += " SMTPUTF8"
    if ret is not None:
        line += f" RET={ret.value}"
    if envid is not None:
        line += f" ENVID={format_xtext(envid)}"
    if require_tls:
        line += " REQUIRETLS"
    return Command(Verb.MAIL, line)


def rcpt_to(recipient: Recipient, *, dsn: bool) -> Command:
    """RCPT; with ``dsn`` NOTIFY and ORCPT go along as they came (RFC 3461 section 5.2.1)."""
    line = f"RCPT TO:<{recipient.address}>"
    if dsn and recipient.notify is not None:
        line += f" NOTIFY={format_notify(recipient.notify)}"
    if dsn and recipient.original is not None:
        line += f" ORCPT={format_orcpt(recipient.original)}"
    return Command(Verb.RCPT, line)


def format_notify(notify: Notify) -> str:
    """RFC 3461 section 4.1."""
    return ",".join(str(flag.name) for flag in notify) or "NEVER"


def format_orcpt(original: OriginalRecipient) -> str:
    """RFC 3461 section 4.2; UTF-8 in the form that every hop with DSN can carry (RFC 6533 section 3)."""
    if original.kind == "utf-8":
        return f"utf-8;{format_unitext(original.text)}"
    return f"{original.kind};{format_xtext(original.text)}"
