"""LIST, LSUB and STATUS (RFC 9051 sections 6.3.9 to 6.3.11, RFC 5258, 5819, 6154, 8438)."""

from posthouse.standards.imap.events import List, Status
from posthouse.standards.imap.names import MAX_PATTERN_OCTETS
from posthouse.standards.imap.scanner import ParseError, Scanner

MAX_PATTERNS = 20
SELECTIONS = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
RETURNS = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE"})
STATUS_ITEMS = frozenset(
    {
        "MESSAGES",
        "RECENT",
        "UIDNEXT",
        "UIDVALIDITY",
        "UNSEEN",
        "DELETED",
        "SIZE",
        "HIGHESTMODSEQ",
        "MAILBOXID",
        "APPENDLIMIT",
    }
)


def parse_status(scanner: Scanner, tag: str) -> Status:
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    items = _status_items(scanner)
    scanner.end()
    return Status(tag, mailbox, items)


def _status_items(scanner: Scanner) -> tuple[str, ...]:
    items = tuple(dict.fromkeys(scanner.items(scanner.word)))
    if not STATUS_ITEMS.issuperset(items):
        raise ParseError("Unknown status item")
    return items


def parse_lsub(scanner: Scanner, tag: str) -> List:
    scanner.space()
    reference = scanner.list_mailbox()
    scanner.space()
    pattern = scanner.list_mailbox()
    scanner.end()
    return List(tag, reference, _joined(reference, [pattern]), lsub=True)


def parse_list(scanner: Scanner, tag: str) -> List:
    """``list`` of RFC 9051 section 9: the old form is the new one without its options."""
    scanner.space()
    selection: frozenset[str] | None = None
    if scanner.text[scanner.at : scanner.at + 1] == b"(":
        selection = _selection(scanner)
        scanner.space()
    reference = scanner.list_mailbox()
    scanner.space()
    several = scanner.text[scanner.at : scanner.at + 1] == b"("
    patterns = scanner.items(scanner.list_mailbox) if several else [scanner.list_mailbox()]
    returning = scanner.found(b" RETURN ")
    returns, status = _returns(scanner) if returning else (frozenset(), ())
    scanner.end()
    extended = selection is not None or several or returning
    joined = _joined(reference, patterns, root=not extended)
    return List(tag, reference, joined, selection or frozenset(), returns, status, extended)


def _joined(reference: str, patterns: list[str], *, root: bool = True) -> tuple[str, ...]:
    """RFC 9051 section 6.3.9.1: the reference is a prefix. An empty pattern asks for the delimiter (old form only)."""
    if len(patterns) > MAX_PATTERNS:
        raise ParseError("Too many patterns", condition="NO", code="LIMIT")
    if root and patterns == [""]:
        return ()
    joined = tuple(reference + pattern for pattern in patterns if pattern)
    if any(len(pattern.encode("utf-8", "replace")) > MAX_PATTERN_OCTETS for pattern in joined):
        raise ParseError("Pattern too long", condition="NO", code="CANNOT")
    return joined


def _selection(scanner: Scanner) -> frozenset[str]:
    """RFC 5258 section 3.1: RECURSIVEMATCH needs another option to go with."""
    options = frozenset(scanner.items(scanner.word, empty=True))
    if not options <= SELECTIONS:
        raise ParseError("Unknown list selection option")
    if "RECURSIVEMATCH" in options and not options - {"RECURSIVEMATCH", "REMOTE"}:
        raise ParseError("RECURSIVEMATCH needs a base selection option")
    return options


def _returns(scanner: Scanner) -> tuple[frozenset[str], tuple[str, ...]]:
    status: tuple[str, ...] = ()

    def option() -> str:
        nonlocal status
        word = scanner.word()
        if word == "STATUS":  # RFC 5819 section 2
            scanner.space()
            status = _status_items(scanner)
        elif word not in RETURNS:
            raise ParseError("Unknown list return option")
        return word

    options = frozenset(scanner.items(option, empty=True)) - {"STATUS"}
    return options, status
