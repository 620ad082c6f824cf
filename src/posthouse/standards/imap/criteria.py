"""What SEARCH looks for (RFC 9051 section 6.4.4), as a small tree of values. Its depth is capped by the parser."""

from dataclasses import dataclass
from datetime import date
from enum import Enum

from posthouse.standards.imap.sequence import SequenceSet


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class Flagged:
    r"""``flag`` is set, or not if ``wanted`` is False. System flags in canonical case, keywords as written.

    NEW, OLD and RECENT (RFC 3501) come as ``\Recent``; it is never set (RFC 9051 appendix E).
    """

    flag: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class HeaderContains:
    """``field`` (lower case) exists and contains ``text``; empty ``text``: exists. FROM, TO, CC, BCC, SUBJECT too."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class BodyContains:
    text: str


@dataclass(frozen=True, slots=True)
class TextContains:
    """In the header or the body."""

    text: str


class Clock(Enum):
    """Which date of a message."""

    INTERNAL = "internal"
    SENT = "sent"
    SAVED = "saved"


class Order(Enum):
    BEFORE = "before"
    ON = "on"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class Dated:
    """The date, disregarding time and timezone, is before, on, or on and after ``day``."""

    clock: Clock
    order: Order
    day: date


@dataclass(frozen=True, slots=True)
class Within:
    """OLDER or YOUNGER than ``seconds`` (RFC 5032) by INTERNALDATE."""

    older: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class Sized:
    """LARGER (strictly) or SMALLER (strictly) than ``octets``."""

    larger: bool
    octets: int


@dataclass(frozen=True, slots=True)
class Numbered:
    """In ``numbers``: message sequence numbers, or UIDs."""

    numbers: SequenceSet
    by_uid: bool


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """MODSEQ: mod-sequence equal to or greater than ``modseq`` (RFC 7162 section 3.1.5)."""

    modseq: int


@dataclass(frozen=True, slots=True)
class Identified:
    """EMAILID or THREADID (RFC 8474 section 6)."""

    thread: bool
    identity: str


@dataclass(frozen=True, slots=True)
class Not:
    key: "Criteria"


@dataclass(frozen=True, slots=True)
class Or:
    left: "Criteria"
    right: "Criteria"


@dataclass(frozen=True, slots=True)
class And:
    keys: "tuple[Criteria, ...]"


Criteria = (
    All
    | Flagged
    | HeaderContains
    | BodyContains
    | TextContains
    | Dated
    | Within
    | Sized
    | Numbered
    | ChangedSince
    | Identified
    | Not
    | Or
    | And
)
