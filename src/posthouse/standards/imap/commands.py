"""The commands: in which states each may come, and how its parameters read (RFC 9051 section 6)."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from posthouse.standards.imap import events as e
from posthouse.standards.imap.dates import parse_date_time
from posthouse.standards.imap.fetch import parse_fetch
from posthouse.standards.imap.listing import parse_list, parse_lsub, parse_status
from posthouse.standards.imap.scanner import ParseError, Scanner
from posthouse.standards.imap.search import parse_search

MAX_ID_PAIRS = 30
MAX_ID_NAME = 30
MAX_ID_VALUE = 1024
_MECHANISM = re.compile(rb"[A-Za-z0-9_-]{1,20}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]|[\u2028\u2029\ud800-\udfff]")
USES = frozenset({"\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash"})
_USES = {use.upper(): use for use in USES}


class State(IntFlag):
    """RFC 9051 section 3."""

    NOT_AUTHENTICATED = 1
    AUTHENTICATED = 2
    SELECTED = 4
    LOGOUT = 8


ANY = State.NOT_AUTHENTICATED | State.AUTHENTICATED | State.SELECTED
IN = State.AUTHENTICATED | State.SELECTED


@dataclass(frozen=True, slots=True)
class Context:
    """What the core knows that changes how a command reads."""

    rev2: bool
    qresync: bool
    enableable: frozenset[str]
    utf8_accept: bool = False


Parser = Callable[[Scanner, str, Context], e.Event]


@dataclass(frozen=True, slots=True)
class Command:
    states: State
    parse: Parser


def decode_base64(octets: bytes) -> bytes:
    """Strict base64 (RFC 9051 section 9, ``base64``)."""
    if len(octets) % 4 or not _BASE64.fullmatch(octets):
        raise ParseError("Not base64")
    try:
        return b64decode(octets, validate=True)
    except Base64Error as error:
        raise ParseError("Not base64") from error


def _bare(make: Callable[[str], e.Event]) -> Parser:
    def parse(scanner: Scanner, tag: str, _context: Context) -> e.Event:
        scanner.end()
        return make(tag)

    return parse


def _of_mailbox(make: Callable[[str, str], e.Event]) -> Parser:
    def parse(scanner: Scanner, tag: str, _context: Context) -> e.Event:
        scanner.space()
        mailbox = scanner.mailbox()
        scanner.end()
        return make(tag, mailbox)

    return parse


def _id(scanner: Scanner, tag: str, _context: Context) -> e.Event:
    """RFC 2971 section 3.3; what exceeds its limits is cut, because it is only of use to people."""
    scanner.space()
    if scanner.found(b"NIL"):
        scanner.end()
        return e.Id(tag, ())

    def pair() -> tuple[str, str | None]:
        name = scanner.string()
        scanner.space()
        value = scanner.nstring()
        return _printable(name, MAX_ID_NAME), None if value is None else _printable(value, MAX_ID_VALUE)

    pairs = scanner.items(pair, empty=True)
    scanner.end()
    return e.Id(tag, tuple(pairs[:MAX_ID_PAIRS]))


def _printable(octets: bytes, most: int) -> str:
    return _UNPRINTABLE.sub("?", octets[:most].decode("utf-8", "replace"))


def _login(scanner: Scanner, tag: str, _context: Context) -> e.Event:
    scanner.space()
    user = scanner.decoded(scanner.astring())
    scanner.space()
    password = scanner.decoded(scanner.astring())
    scanner.end()
    return e.Login(tag, user, password)


def _authenticate(scanner: Scanner, tag: str, _context: Context) -> e.Event:
    """RFC 4959 section 3: ``=`` is an initial response of nothing."""
    scanner.space()
    mechanism = scanner.match(_MECHANISM, "Mechanism expected").decode("ascii").upper()
    initial: bytes | None = None
    if scanner.found(b" "):
        octets = scanner.text[scanner.at :]
        initial = b"" if octets == b"=" else decode_base64(octets)
        scanner.at = len(scanner.text)
    scanner.end()
    return e.Authenticate(tag, mechanism, initial)


def _enable(scanner: Scanner, tag: str, context: Context) -> e.Event:
    """RFC 5161 section 3.1: what the server does not know is ignored."""
    wanted: dict[str, None] = {}
    while not wanted or not scanner.at_end:
        scanner.space()
        wanted[scanner.word()] = None
    return e.Enable(tag, tuple(word for word in wanted if word in context.enableable))


def _select(*, read_only: bool) -> Parser:
    def parse(scanner: Scanner, tag: str, context: Context) -> e.Event:
        scanner.space()
        mailbox = scanner.mailbox()
        condstore, known = False, None
        if scanner.found(b" "):
            for parameter in scanner.items(lambda: _select_parameter(scanner, context)):
                if parameter is None:
                    condstore = True
                else:
                    known = parameter
        scanner.end()
        return e.Select(tag, mailbox, read_only, condstore, known)

    return parse


def _select_parameter(scanner: Scanner, context: Context) -> e.Known | None:
    """CONDSTORE (None) or QRESYNC (RFC 7162 sections 3.1.8 and 3.2.5)."""
    word = scanner.word()
    if word == "CONDSTORE":
        return None
    if word != "QRESYNC":
        raise ParseError("Unknown select parameter")
    if not context.qresync:
        raise ParseError("QRESYNC is not enabled")
    scanner.space()
    scanner.expect(b"(")
    uidvalidity = scanner.number(least=1)
    scanner.space()
    modseq = scanner.modseq(least=1)
    uids = match = None
    if scanner.found(b" "):
        if scanner.text[scanner.at : scanner.at + 1] != b"(":
            uids = scanner.known_set()
        if uids is None or scanner.found(b" "):
            scanner.expect(b"(")
            numbers = scanner.known_set()
            scanner.space()
            match = (numbers, scanner.known_set())
            scanner.expect(b")")
    scanner.expect(b")")
    return e.Known(uidvalidity, modseq, uids, match)


def _create(scanner: Scanner, tag: str, _context: Context) -> e.Event:
    scanner.space()
    mailbox = scanner.mailbox(make=True)
    uses: list[str] = []
    if scanner.found(b" "):  # RFC 6154 section 5.2
        scanner.expect(b"(USE ", "Unknown create parameter")
        uses = scanner.items(lambda: _use(scanner), empty=True)
        scanner.expect(b")")
    scanner.end()
    return e.Create(tag, mailbox, tuple(dict.fromkeys(uses)))


def _use(scanner: Scanner) -> str:
    scanner.expect(b"\\")
    use = _USES.get("\\" + scanner.word())
    if use is None:
        raise ParseError("No such special use here", condition="NO", code="USEATTR")
    return use


def _rename(scanner: Scanner, tag: str, _context: Context) -> e.Event:
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    target = scanner.mailbox(make=True)
    scanner.end()
    return e.Rename(tag, mailbox, target)


def _store(*, by_uid: bool) -> Parser:
    def parse(scanner: Scanner, tag: str, _context: Context) -> e.Event:
        scanner.space()
        numbers = scanner.sequence_set()
        scanner.space()
        unchanged_since = None
        if scanner.found(b"(UNCHANGEDSINCE "):  # RFC 7162 section 3.1.3
            unchanged_since = scanner.modseq()
            scanner.expect(b") ")
        change = (
            e.Change.ADD if scanner.found(b"+FLAGS")
            else e.Change.REMOVE if scanner.found(b"-FLAGS")
            else e.Change.REPLACE
        )  # fmt: skip
        if change is e.Change.REPLACE:
            scanner.expect(b"FLAGS", "FLAGS expected")
        silent = scanner.found(b".SILENT")
        scanner.space()
        flags = _store_flags(scanner)
        scanner.end()
        return e.Store(tag, numbers, change, flags, silent, by_uid, unchanged_since)

    return parse


def _store_flags(scanner: Scanner) -> frozenset[str]:
    """``flag-list / (flag *(SP flag))``."""
    if scanner.text[scanner.at : scanner.at + 1] == b"(":
        return scanner.flag_list()
    names = [scanner.flag()]
    while scanner.found(b" "):
        names.append(scanner.flag())
    return scanner.flags(names)


def _copy(make: type[e.Copy] | type[e.Move], *, by_uid: bool) -> Parser:
    def parse(scanner: Scanner, tag: str, _context: Context) -> e.Event:
        scanner.space()
        numbers = scanner.sequence_set()
        scanner.space()
        mailbox = scanner.mailbox()
        scanner.end()
        return make(tag, numbers, mailbox, by_uid)

    return parse


def _uid_expunge(scanner: Scanner, tag: str, _context: Context) -> e.Event:
    scanner.space()
    uids = scanner.sequence_set()
    scanner.end()
    return e.Expunge(tag, uids)


def _fetch(*, by_uid: bool) -> Parser:
    return lambda scanner, tag, context: parse_fetch(scanner, tag, by_uid=by_uid, qresync=context.qresync)


def _search(*, by_uid: bool) -> Parser:
    return lambda scanner, tag, context: parse_search(
        scanner, tag, by_uid=by_uid, extended=context.rev2, charsets=not context.utf8_accept
    )


@dataclass(frozen=True, slots=True)
class AppendHead:
    """APPEND up to the size of the message."""

    mailbox: str
    flags: frozenset[str]
    received_at: int | None
    wrapped: bool
    """``UTF8 (~{n}``: a closing parenthesis must follow (RFC 6855 section 4)."""


def parse_append_head(scanner: Scanner) -> AppendHead:
    """``append`` from behind its name to just before the literal, whose mark is cut off already."""
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    flags: frozenset[str] = frozenset()
    if scanner.text[scanner.at : scanner.at + 1] == b"(":
        flags = scanner.flag_list()
        scanner.space()
    received_at = None
    if scanner.text[scanner.at : scanner.at + 1] == b'"':
        received_at = parse_date_time(scanner)
        scanner.space()
    wrapped = scanner.found(b"UTF8 (")
    scanner.end()
    return AppendHead(mailbox, flags, received_at, wrapped)


def _append(scanner: Scanner, _tag: str, _context: Context) -> e.Event:
    """An APPEND line that ends without a literal."""
    parse_append_head(scanner)
    raise ParseError("Message expected")


COMMANDS: dict[str, Command] = {
    "CAPABILITY": Command(ANY, _bare(e.Capability)),
    "NOOP": Command(ANY, _bare(e.Noop)),
    "LOGOUT": Command(ANY, _bare(e.Logout)),
    "ID": Command(ANY, _id),
    "STARTTLS": Command(State.NOT_AUTHENTICATED, _bare(e.StartTls)),
    "LOGIN": Command(State.NOT_AUTHENTICATED, _login),
    "AUTHENTICATE": Command(State.NOT_AUTHENTICATED, _authenticate),
    "ENABLE": Command(State.AUTHENTICATED, _enable),
    "SELECT": Command(IN, _select(read_only=False)),
    "EXAMINE": Command(IN, _select(read_only=True)),
    "CREATE": Command(IN, _create),
    "DELETE": Command(IN, _of_mailbox(e.Delete)),
    "RENAME": Command(IN, _rename),
    "SUBSCRIBE": Command(IN, _of_mailbox(e.Subscribe)),
    "UNSUBSCRIBE": Command(IN, _of_mailbox(e.Unsubscribe)),
    "LIST": Command(IN, lambda scanner, tag, _context: parse_list(scanner, tag)),
    "LSUB": Command(IN, lambda scanner, tag, _context: parse_lsub(scanner, tag)),
    "NAMESPACE": Command(IN, _bare(e.Namespace)),
    "STATUS": Command(IN, lambda scanner, tag, _context: parse_status(scanner, tag)),
    "APPEND": Command(IN, _append),
    "IDLE": Command(IN, _bare(e.Idle)),
    "CHECK": Command(State.SELECTED, _bare(e.Noop)),
    "CLOSE": Command(State.SELECTED, _bare(lambda tag: e.Close(tag, expunge=True))),
    "UNSELECT": Command(State.SELECTED, _bare(lambda tag: e.Close(tag, expunge=False))),
    "EXPUNGE": Command(State.SELECTED, _bare(e.Expunge)),
    "SEARCH": Command(State.SELECTED, _search(by_uid=False)),
    "FETCH": Command(State.SELECTED, _fetch(by_uid=False)),
    "STORE": Command(State.SELECTED, _store(by_uid=False)),
    "COPY": Command(State.SELECTED, _copy(e.Copy, by_uid=False)),
    "MOVE": Command(State.SELECTED, _copy(e.Move, by_uid=False)),
    "UID EXPUNGE": Command(State.SELECTED, _uid_expunge),
    "UID SEARCH": Command(State.SELECTED, _search(by_uid=True)),
    "UID FETCH": Command(State.SELECTED, _fetch(by_uid=True)),
    "UID STORE": Command(State.SELECTED, _store(by_uid=True)),
    "UID COPY": Command(State.SELECTED, _copy(e.Copy, by_uid=True)),
    "UID MOVE": Command(State.SELECTED, _copy(e.Move, by_uid=True)),
}
