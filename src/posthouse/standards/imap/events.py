"""What an IMAP client said (RFC 9051 section 6): one event a command, one a chunk of an appended message.

Every command event carries its ``tag`` and is answered with any number of untagged
responses and exactly one ``responses.Tagged``. Mailbox names are plain text: modified
UTF-7 is decoded, ``INBOX`` is in capitals, NFC, ``/`` between levels. The others:

* ``LiteralWanted``: answer ``Continuation()``; it belongs to a command that follows.
* ``StartAppend``: answer ``Continuation()`` to take the message, or ``Tagged`` NO to
  refuse it. Only after the former come ``AppendChunk`` (answer: nothing) and
  ``EndAppend`` (answer: one ``Tagged``).
* ``Authenticate``, ``AuthenticateResponse``: answer ``Challenge`` or ``Tagged``.
* ``Idle``: answer ``Continuation("idling")``; untagged responses at will; ``IdleDone``: ``Tagged``.
* ``Malformed``: answer ``responses.refuse(event)``.
"""

from dataclasses import dataclass
from enum import Enum

from posthouse.standards.imap.criteria import Criteria
from posthouse.standards.imap.fetchitems import FetchItem
from posthouse.standards.imap.sequence import SequenceSet

# -- any state ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capability:
    """Answer ``responses.Capabilities()`` and OK; the core knows what to offer in each state."""

    tag: str


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP, and CHECK (RFC 3501 section 6.4.1), which is the same here."""

    tag: str


@dataclass(frozen=True, slots=True)
class Logout:
    """Answer ``Bye`` and OK."""

    tag: str


@dataclass(frozen=True, slots=True)
class Id:
    """ID (RFC 2971): what the client calls itself; at most 30 pairs, printable, unproven. Answer ``responses.Id``."""

    tag: str
    pairs: tuple[tuple[str, str | None], ...]


# -- not authenticated -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartTls:
    tag: str


@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN; only where the offer allows it (under TLS)."""

    tag: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE. ``initial`` is the decoded initial response (RFC 4959), None if there was none."""

    tag: str
    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class AuthenticateResponse:
    """The answer to a challenge, decoded; None when the client cancelled with ``*``: answer BAD then."""

    tag: str
    octets: bytes | None


# -- authenticated -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE (RFC 5161): upper case, only those that the offer knows. Answer ``responses.Enabled`` with those enabled
    now for the first time; the core remembers them in ``enabled``.
    """

    tag: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What a client with a cache knows (RFC 7162 section 3.2.5)."""

    uidvalidity: int
    modseq: int
    uids: SequenceSet | None = None
    match: tuple[SequenceSet, SequenceSet] | None = None
    """Message numbers and their UIDs, of the same length."""


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT, or EXAMINE with ``read_only``. Any other than OK leaves no mailbox selected (RFC 9051 section 6.3.2)."""

    tag: str
    mailbox: str
    read_only: bool = False
    condstore: bool = False
    qresync: Known | None = None


@dataclass(frozen=True, slots=True)
class Create:
    r"""CREATE. ``uses`` are special-use attributes (RFC 6154 section 5.2): ``\Sent``."""

    tag: str
    mailbox: str
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    tag: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    tag: str
    mailbox: str
    target: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    tag: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    tag: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class List:
    """LIST with RFC 5258, 5819 and 6154 options; LSUB with ``lsub`` (answer ``Listed(..., lsub=True)``).

    ``patterns`` are joined with ``reference`` already; match with ``patterns.Pattern``. An empty
    tuple asks only for the hierarchy delimiter (``LIST "" ""``), unless ``extended``, which says
    that the new syntax was used: then it matches nothing. ``selection`` holds SUBSCRIBED, REMOTE,
    RECURSIVEMATCH, SPECIAL-USE; ``returns`` SUBSCRIBED, CHILDREN, SPECIAL-USE; ``status`` the
    items of RETURN (STATUS (...)).
    """

    tag: str
    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] = ()
    extended: bool = False
    lsub: bool = False


@dataclass(frozen=True, slots=True)
class Namespace:
    tag: str


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS. Items: MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT."""

    tag: str
    mailbox: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartAppend:
    """APPEND up to the message. ``size`` is within the offer's limit. ``received_at``: seconds since 1970, or None."""

    tag: str
    mailbox: str
    flags: frozenset[str]
    received_at: int | None
    size: int
    utf8: bool = False
    """The message came as a literal8 (RFC 6855 section 4, RFC 3516)."""


@dataclass(frozen=True, slots=True)
class AppendChunk:
    octets: bytes


@dataclass(frozen=True, slots=True)
class EndAppend:
    """The command is complete. With ``fault`` its end was malformed: file nothing and answer BAD.

    The same with ``nul``: there was one in a literal, which has none (RFC 9051 section 9); a literal8 may have it.
    """

    tag: str
    size: int
    fault: str | None = None
    nul: bool = False


@dataclass(frozen=True, slots=True)
class Idle:
    tag: str


@dataclass(frozen=True, slots=True)
class IdleDone:
    tag: str


# -- selected ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Close:
    """CLOSE, or UNSELECT with ``expunge`` False (RFC 3691)."""

    tag: str
    expunge: bool


@dataclass(frozen=True, slots=True)
class Expunge:
    """EXPUNGE; UID EXPUNGE with ``uids`` (RFC 4315 section 2.1)."""

    tag: str
    uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH or UID SEARCH. ``returns``: MIN MAX COUNT ALL SAVE (RFC 4731, 5182); answer ``Esearch``.

    None: the client wants the old SEARCH response; answer ``Found``. (``RETURN ()`` comes as ALL, and so
    does a SEARCH without RETURN once IMAP4rev2 is enabled.)
    """

    tag: str
    criteria: Criteria
    by_uid: bool = False
    returns: frozenset[str] | None = None
    charset: str = "US-ASCII"


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH or UID FETCH (then ``items`` includes UID already). Macros are expanded."""

    tag: str
    numbers: SequenceSet
    items: tuple[FetchItem, ...]
    by_uid: bool = False
    changed_since: int | None = None
    vanished: bool = False


class Change(Enum):
    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


@dataclass(frozen=True, slots=True)
class Store:
    tag: str
    numbers: SequenceSet
    change: Change
    flags: frozenset[str]
    silent: bool = False
    by_uid: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    tag: str
    numbers: SequenceSet
    mailbox: str
    by_uid: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    tag: str
    numbers: SequenceSet
    mailbox: str
    by_uid: bool = False


# -- between and beside commands ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LiteralWanted:
    """The client waits to be told to send a literal. Answer ``Continuation()``."""

    size: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is no command we can carry out. Answer ``responses.refuse(event)``; the door counts these.

    ``tag`` is empty when there was none to be found. ``fatal``: the answer is BYE.
    ``deselects``: it was a SELECT that fails (RFC 9051 section 6.3.2). ``forgets``: it was a SEARCH
    that fails and was to save its result (RFC 5182 section 2.1).
    """

    tag: str
    text: str
    fatal: bool = False
    condition: str = "BAD"
    code: str = ""
    deselects: bool = False
    forgets: bool = False


Event = (
    Capability
    | Noop
    | Logout
    | Id
    | StartTls
    | Login
    | Authenticate
    | AuthenticateResponse
    | Enable
    | Select
    | Create
    | Delete
    | Rename
    | Subscribe
    | Unsubscribe
    | List
    | Namespace
    | Status
    | StartAppend
    | AppendChunk
    | EndAppend
    | Idle
    | IdleDone
    | Close
    | Expunge
    | Search
    | Fetch
    | Store
    | Copy
    | Move
    | LiteralWanted
    | Malformed
)
