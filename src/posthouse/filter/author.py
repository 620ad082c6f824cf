"""Who wrote it: the one address in From that DMARC judges and people see, or why there is none.

SECURITY. Attackers write a From that two readers read differently ("Composition
Kills", USENIX Security 2020; threat D02): what a filter proves and what a
person sees are then two addresses. So there is one reader, it takes only what
every reader reads alike, and everything else is ``Ambiguous`` and has no author.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from posthouse.mail.address import Address
from posthouse.standards.imf.address import Mailbox, parse_addresses
from posthouse.standards.imf.header import Header
from posthouse.standards.mime.encodedword import decode_words

_PLAIN = re.compile(
    rb"(?:[ \t]*+(?:\"[^\"\\<>@(),:;\x00-\x1f\x7f]*+\"|[A-Za-z0-9 .!#$%&'*+/=?^_`{|}~\x80-\xff-]*+)[ \t]*+"
    rb"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\xff-]++@[A-Za-z0-9._\x80-\xff-]++>"
    rb"|[ \t]*+[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\xff-]++@[A-Za-z0-9._\x80-\xff-]++)[ \t]*+\Z"
)
"""What nearly every From looks like: nothing in it could be read in two ways."""
_LOOKS_LIKE_FROM = re.compile(
    rb"\n(?:[\x00-\x09\x0b\x0c\x0e-\x20\x7f-\xff]++[Ff][Rr][Oo][Mm](?![A-Za-z0-9_-])"
    rb"|[Ff][Rr][Oo][Mm][\x00-\x20\x7f-\xff]++)[\x00-\x20\x7f-\xff]*+:"
)
"""A From with something before its name or between name and colon: for some a From, for others not."""
_BARE_CR = re.compile(rb"\r(?!\n)")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_QUOTED = re.compile(rb"\"(?:[^\"\\]++|\\.)*+(?P<end>\"?+)", re.DOTALL)
"""Without an end too, so that many beginnings are not read to the end of the value each."""
_COMMENT_STEP = re.compile(rb"[()]|\\.", re.DOTALL)
_BRACKETED = re.compile(rb"(?P<name>[^<>,;:\[\]]*+)<[^<>,;:@]++@[^<>,;@ \t]++>[ \t]*+\Z")
_BARE = re.compile(rb"[ \t]*+[^<>,;:@ \t]++@[^<>,;@ \t]++[ \t]*+\Z")
_ORIGINATORS = frozenset({"sender", "resent-from", "resent-sender"})
"""Shown by some readers where there is no From."""
_COPIES = frozenset({"dkim-signature", "arc-message-signature", "x-google-dkim-signature"})
"""Fields that may carry copies of other fields (``z=``)."""


@dataclass(frozen=True, slots=True)
class Author:
    """The author. ``name`` is the display name as people read it; ``domain`` an A-label name or a literal."""

    address: Address
    name: str

    @property
    def domain(self) -> str:
        return self.address.domain


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """No author that all readers agree on; ``reason`` completes "the From ..."."""

    reason: str
    is_absent: bool = False
    """Nobody claims to be anybody: no From, and nothing that a reader might show instead.

    Such a message deceives nobody about its author, and RFC 5321 section 3.3 wants it let in.
    """


def author_of(header: Header, read: "Callable[[bytes], Author | Ambiguous] | None" = None) -> Author | Ambiguous:
    """The author of a message (RFC 5322 section 3.6.2), stricter than the grammar where readers differ.

    ``read`` may know already what ``read_author`` says of a value.
    """
    if header.excess:
        return Ambiguous("stands in a header that is too large")
    values = header.all("from")
    if not values:
        return Ambiguous("is missing", is_absent=_ORIGINATORS.isdisjoint(header.names) and not has_false_from(header))
    if len(values) != 1:
        return Ambiguous("is there more than once")
    if has_false_from(header):
        return Ambiguous("has a double that only some would see")
    if header.garbage and _goes_on(header):
        return Ambiguous("goes on in a line that only some would see as a part of it")
    return (read or read_author)(values[0])


def read_author(value: bytes) -> Author | Ambiguous:
    """The author that the only From of a message names."""
    if _CONTROL.search(value):
        return Ambiguous("holds a control character")
    if not _PLAIN.match(value) and (fault := _fault(value)):
        return Ambiguous(fault)
    found = parse_addresses(value)
    if len(found) != 1 or not isinstance(found[0], Mailbox):
        return Ambiguous("does not hold exactly one address")
    return _author(found[0])


def _author(mailbox: Mailbox) -> Author | Ambiguous:
    if mailbox.route:
        return Ambiguous("holds a source route")
    try:
        address = mailbox.address
    except ValueError:
        return Ambiguous("holds no valid address")
    if any(mark in address.local for mark in '@<>(),;: "\\') or "=?" in address.local:
        return Ambiguous("holds an address within an address")
    return Author(address, decode_words(mailbox.name))


def has_false_from(header: Header) -> bool:
    """A line that is nearly a From. Continuation lines of signatures, which copy fields, are not looked at."""
    octets = b"\n" + header.octets
    if octets.count(b"\r") != octets.count(b"\r\n"):  # some readers end lines at a bare CR
        octets = _BARE_CR.sub(b"\n", octets)
    for match in _LOOKS_LIKE_FROM.finditer(octets):
        at = match.start() + header.start
        field = next((one for one in header.fields if one.start <= at < one.end), None)
        if field is None or field.name not in _COPIES:
            return True
    return False


def _goes_on(header: Header) -> bool:
    """Whether a line that is neither field nor continuation follows the From.

    Some readers take more than space and tab for the beginning of a
    continuation (vertical tabs, no-break spaces), and no signature covers it.
    """
    return any(one.name == "from" and not after.name for one, after in pairwise(header.fields))


def _fault(value: bytes) -> str:
    """Why a value that is not plain could be read in two ways; empty if it cannot."""
    text, comments = _without_comments(_QUOTED.sub(lambda quoted: b"q" if quoted["end"] else b'"', value))
    if comments is None or b'"' in text:
        return "holds an unclosed comment or quote"
    if bracketed := _BRACKETED.match(text):
        name = bracketed["name"]
        if b"@" in name and not _names_same_domain(name, text):
            return "names one address and holds another"
        return ""
    if _BARE.match(text):
        return ""
    return "does not hold exactly one plain address"


def _without_comments(value: bytes) -> tuple[bytes, int | None]:
    """``value`` with each comment as a space, and how many there were, None if one is not closed."""
    if b"(" not in value and b")" not in value:
        return value, 0
    pieces: list[bytes] = []
    depth, start, count = 0, 0, 0
    for match in _COMMENT_STEP.finditer(value):
        if match[0] == b"(":
            if depth == 0:
                pieces.append(value[start : match.start()])
                count += 1
            depth += 1
        elif match[0] == b")":
            depth -= 1
            start = match.end()
            if depth < 0:
                return value, None
    return b" ".join([*pieces, value[start:]]), count if depth == 0 else None


def _names_same_domain(name: bytes, text: bytes) -> bool:
    """``a@b.test <a@b.test>``, which is not the grammar but what many programs write."""
    domain = text.rpartition(b"@")[2].strip(b" \t>").lower()
    written = name.strip(b" \t'").lower()
    return written.count(b"@") == 1 and written.rpartition(b"@")[2] == domain
