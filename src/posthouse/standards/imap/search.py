"""SEARCH (RFC 9051 section 6.4.4), read with a stack of our own: nesting costs no recursion (threat I02)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from posthouse.standards.imap import criteria as c
from posthouse.standards.imap.dates import parse_date
from posthouse.standards.imap.events import Search
from posthouse.standards.imap.scanner import SEQUENCE, ParseError, Scanner

RETURNS = frozenset({"MIN", "MAX", "COUNT", "ALL", "SAVE"})
CHARSETS = frozenset({"US-ASCII", "UTF-8", "ASCII", "UTF8"})
MAX_CONTENT_KEYS = 20
"""BODY and TEXT of one search: each reads every message in the mailbox (threat I02)."""
_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,200}")
_KEYWORD = re.compile(rb'[^\x00-\x20(){%*"\\\]\x7f-\xff]{1,100}')


def parse_search(scanner: Scanner, tag: str, *, by_uid: bool, extended: bool, charsets: bool = True) -> Search:
    """``search``, from behind its name on.

    ``extended``: IMAP4rev2 is enabled, ESEARCH is the only answer. Without ``charsets``
    the client has enabled UTF-8 and may name no other (RFC 6855 section 3).
    """
    scanner.space()
    returns = _parse_returns(scanner)
    if returns is None and extended:
        returns = frozenset({"ALL"})
    charset = "US-ASCII"
    if scanner.found(b"CHARSET "):
        charset = scanner.decoded(scanner.astring()).upper()
        if not charsets:
            raise ParseError("No charset is named once UTF8=ACCEPT is enabled")
        if charset not in CHARSETS:
            raise ParseError("Unknown charset", condition="NO", code="BADCHARSET (US-ASCII UTF-8)")
        scanner.space()
    return Search(tag, parse_criteria(scanner), by_uid, returns, charset)


def _parse_returns(scanner: Scanner) -> frozenset[str] | None:
    """RFC 4731 section 3.1: ``RETURN ()`` is ``RETURN (ALL)``."""
    if not scanner.found(b"RETURN "):
        return None
    returns = frozenset(scanner.items(scanner.word, empty=True))
    if not returns <= RETURNS:
        raise ParseError("Unknown search return option")
    scanner.space()
    return returns or frozenset({"ALL"})


@dataclass(slots=True)
class _Frame:
    kind: Literal["all", "list", "not", "or"]
    keys: list[c.Criteria] = field(default_factory=list)

    def closed(self, scanner: Scanner) -> c.Criteria | None:
        """What the frame comes to, once it has all its keys."""
        if self.kind == "not":
            return c.Not(self.keys[0])
        if self.kind == "or":
            return c.Or(*self.keys) if len(self.keys) == 2 else None
        if self.kind == "list" and not scanner.found(b")"):
            return None
        if self.kind == "all" and not scanner.at_end:
            return None
        return self.keys[0] if len(self.keys) == 1 else c.And(tuple(self.keys))


def parse_criteria(scanner: Scanner) -> c.Criteria:
    """``search-key *(SP search-key)`` up to the end."""
    stack = [_Frame("all")]
    content_keys = 0
    while True:
        kind: Literal["list", "not", "or"] | None = (
            "list"
            if scanner.found(b"(")
            else "not"
            if scanner.found(b"NOT ")
            else "or"
            if scanner.found(b"OR ")
            else None
        )
        if kind is not None:
            if len(stack) >= scanner.depth:
                raise ParseError("Search is nested too deeply", condition="NO", code="LIMIT")
            stack.append(_Frame(kind))
            continue
        key: c.Criteria | None = _parse_key(scanner)
        if isinstance(key, c.BodyContains | c.TextContains):
            content_keys += 1
            if content_keys > MAX_CONTENT_KEYS:
                raise ParseError("Too many keys that search content", condition="NO", code="LIMIT")
        while key is not None:
            stack[-1].keys.append(key)
            key = stack[-1].closed(scanner)
            if key is not None:
                stack.pop()
                if not stack:
                    return key
        scanner.space()


def _parse_key(scanner: Scanner) -> c.Criteria:
    numbers = SEQUENCE.match(scanner.text, scanner.at)
    if numbers is not None:
        return c.Numbered(scanner.sequence_set(), by_uid=False)
    word = scanner.word()
    if word in _SIMPLE:
        return _SIMPLE[word]
    read = _WITH_ARGUMENT.get(word)
    if read is None:
        raise ParseError("Unknown search key")
    scanner.space()
    return read(scanner)


_SIMPLE: dict[str, c.Criteria] = {
    "ALL": c.All(),
    "NEW": c.And((c.Flagged("\\Recent"), c.Flagged("\\Seen", wanted=False))),
    "OLD": c.Flagged("\\Recent", wanted=False),
    "RECENT": c.Flagged("\\Recent"),
    "SAVEDATESUPPORTED": c.All(),
}
for _flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen"):
    _SIMPLE[_flag.upper()] = c.Flagged("\\" + _flag)
    _SIMPLE["UN" + _flag.upper()] = c.Flagged("\\" + _flag, wanted=False)


def _text(scanner: Scanner) -> str:
    return scanner.decoded(scanner.astring())


def _header(scanner: Scanner) -> c.Criteria:
    name = scanner.astring()
    if not _FIELD_NAME.fullmatch(name):
        raise ParseError("Not a header field name")
    scanner.space()
    return c.HeaderContains(name.decode("ascii").lower(), _text(scanner))


def _keyword(*, wanted: bool) -> Callable[[Scanner], c.Criteria]:
    def read(scanner: Scanner) -> c.Criteria:
        return c.Flagged(scanner.match(_KEYWORD, "Keyword expected").decode("ascii"), wanted)

    return read


def _field(name: str) -> Callable[[Scanner], c.Criteria]:
    return lambda scanner: c.HeaderContains(name, _text(scanner))


def _dated(clock: c.Clock, order: c.Order) -> Callable[[Scanner], c.Criteria]:
    return lambda scanner: c.Dated(clock, order, parse_date(scanner))


def _modseq(scanner: Scanner) -> c.Criteria:
    """RFC 7162 section 3.1.5; we keep one mod-sequence a message, so the entry name changes nothing."""
    if scanner.text[scanner.at : scanner.at + 1] == b'"':
        scanner.string()
        scanner.space()
        if scanner.word() not in {"PRIV", "SHARED", "ALL"}:
            raise ParseError("Unknown entry type")
        scanner.space()
    return c.ChangedSince(scanner.modseq())


_WITH_ARGUMENT: dict[str, Callable[[Scanner], c.Criteria]] = {
    **{name.upper(): _field(name) for name in ("bcc", "cc", "from", "subject", "to")},
    **{o.name: _dated(c.Clock.INTERNAL, o) for o in c.Order},
    **{f"SENT{o.name}": _dated(c.Clock.SENT, o) for o in c.Order},
    **{f"SAVED{o.name}": _dated(c.Clock.SAVED, o) for o in c.Order},
    "BODY": lambda scanner: c.BodyContains(_text(scanner)),
    "TEXT": lambda scanner: c.TextContains(_text(scanner)),
    "HEADER": _header,
    "KEYWORD": _keyword(wanted=True),
    "UNKEYWORD": _keyword(wanted=False),
    "LARGER": lambda scanner: c.Sized(larger=True, octets=scanner.number(2**63 - 1)),
    "SMALLER": lambda scanner: c.Sized(larger=False, octets=scanner.number(2**63 - 1)),
    "UID": lambda scanner: c.Numbered(scanner.sequence_set(), by_uid=True),
    "OLDER": lambda scanner: c.Within(older=True, seconds=scanner.number()),
    "YOUNGER": lambda scanner: c.Within(older=False, seconds=scanner.number()),
    "MODSEQ": _modseq,
    "EMAILID": lambda scanner: c.Identified(thread=False, identity=scanner.atom()),
    "THREADID": lambda scanner: c.Identified(thread=True, identity=scanner.atom()),
}
