"""What an IMAP server says (RFC 9051 section 7), as values that render to pieces.

Nothing that renders here can contain a line end of a stranger's making: free text
loses its control characters, names and strings are quoted or sent as literals, and
what claims to be an atom is checked (``LocalError``: a bug of ours).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from posthouse.lib.sansio import Piece, Slice
from posthouse.standards.imap.events import Malformed


class Condition(Enum):
    """``resp-cond-state`` (RFC 9051 section 7.1)."""

    OK = "OK"
    NO = "NO"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first line; the core adds its capabilities."""

    text: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """The end of a command. ``code`` goes between brackets, see ``codes``; OK to a login gets capabilities itself."""

    tag: str
    condition: Condition
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """An untagged OK, NO or BAD: ``* OK [UIDNEXT 7] Predicted next UID``."""

    condition: Condition
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Bye:
    """We hang up after it."""

    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Continuation:
    """``+``: go on. To a non-synchronizing literal it renders to nothing."""

    text: str = "go on"


@dataclass(frozen=True, slots=True)
class Challenge:
    """``+`` and the octets of a SASL challenge."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Capabilities:
    """``* CAPABILITY``; the core fills in what holds in its state."""


@dataclass(frozen=True, slots=True)
class Enabled:
    """``* ENABLED``: those that this command enabled."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Id:
    """``* ID``; no pairs: NIL."""

    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Namespaces:
    """``* NAMESPACE`` with one personal namespace, as every account here has it."""

    prefix: str = ""
    delimiter: str = "/"


@dataclass(frozen=True, slots=True)
class Listed:
    r"""``* LIST`` (or LSUB). ``attributes`` as ``\HasChildren``; no ``name``: the delimiter is asked for.

    ``child_info`` (RFC 5258 section 4): it is listed because a child below matches these options: ``SUBSCRIBED``.
    """

    name: str
    attributes: tuple[str, ...] = ()
    delimiter: str = "/"
    lsub: bool = False
    child_info: tuple[str, ...] = ()
    old_name: str = ""
    """RFC 9051 section 6.3.9.7: OLDNAME of a mailbox renamed."""


@dataclass(frozen=True, slots=True)
class StatusOf:
    """``* STATUS``: items with their numbers or, for MAILBOXID, text in parentheses."""

    name: str
    items: tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """``* SEARCH`` (RFC 3501 section 7.2.5), with ``modseq`` when the criteria asked for it (RFC 7162)."""

    numbers: tuple[int, ...]
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class Esearch:
    """``* ESEARCH`` (RFC 4731 section 3.1). What is None was not asked for, or nothing was found (not for ``count``).

    ``all`` comes from ``sequence.format_sequence_set``.
    """

    tag: str
    by_uid: bool
    min: int | None = None
    max: int | None = None
    count: int | None = None
    all: str | None = None
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class Flags:
    """``* FLAGS``: those in use in the mailbox."""

    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    count: int


@dataclass(frozen=True, slots=True)
class Recent:
    """RFC 3501 only: not sent once IMAP4rev2 is enabled (the core drops it)."""

    count: int


@dataclass(frozen=True, slots=True)
class Expunged:
    """``* n EXPUNGE``: a message number as it is at this moment."""

    number: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """``* VANISHED`` (RFC 7162 section 3.2.10), UIDs from ``format_sequence_set``."""

    uids: str
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """One section of a message: ``label``, then ``pieces`` as a literal; None: NIL. ``binary``: a literal8."""

    label: bytes
    pieces: tuple[Piece, ...] | None
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """``* n FETCH``. Attributes are ready octets (``attributes.uid`` and its neighbours make them) or ``Body``."""

    number: int
    attributes: tuple[bytes | Body, ...] = field(default=())


Response = (
    Greeting
    | Tagged
    | Notice
    | Bye
    | Continuation
    | Challenge
    | Capabilities
    | Enabled
    | Id
    | Namespaces
    | Listed
    | StatusOf
    | Found
    | Esearch
    | Flags
    | Exists
    | Recent
    | Expunged
    | Vanished
    | Fetched
)


def refuse(event: Malformed) -> Tagged | Notice | Bye:
    """The answer that a malformed command earned."""
    if event.fatal:
        return Bye(event.text, event.code)
    if event.tag:
        return Tagged(event.tag, Condition(event.condition), event.text, event.code)
    return Notice(Condition(event.condition), event.text, event.code)


def body_length(pieces: Iterable[Piece]) -> int:
    """Octets of a literal made of ``pieces``."""
    return sum(piece.length if isinstance(piece, Slice) else len(piece) for piece in pieces)
