"""Addresses in header fields (RFC 5322 section 3.4, obsolete forms of section 4.4, RFC 6532).

A reader that takes everything and never recurses: one expression cuts the
field into tokens, a small state machine puts them together. What cannot be an
address still becomes a ``Mailbox``, so that a client sees what was written;
``Mailbox.address`` is where a real address is asked for.

Limits: L7 addresses and ``MOST_TOKENS`` (the rest is left out), comments nest to
any depth at the cost of their length.
"""

import re

import idna
import msgspec

from posthouse.mail.address import Address

MOST_ADDRESSES = 2000
MOST_TOKENS = 16_384
"""Threat M03: 125 KB of commas hold no address and took half a second to find none."""

_ATOM = rb"A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-"
_SIMPLE = re.compile(
    rb"[ \t]*+(?:(?:\"([^\"\\\r\n]*+)\"[ \t]*+|([" + _ATOM + rb". ]*+))"
    rb"<([" + _ATOM + rb".]++)@([A-Za-z0-9.\x80-\xff-]++)>"
    rb"|([" + _ATOM + rb".]++)@([A-Za-z0-9.\x80-\xff-]++))[ \t]*+\Z"
)  # fmt: skip
"""The one mailbox that nearly every field holds."""
_TOKEN = re.compile(
    rb"(?P<blank>[ \t\r\n]++)"
    rb"|\"(?P<quoted>(?:[^\"\\]++|\\.)*+)\"?+"
    rb"|(?P<comment>\()"
    rb"|(?P<literal>\[[^\]]*+\]?+)"
    rb"|(?P<special>[<>,;:@.])"
    rb"|(?P<atom>[^ \t\r\n\"(\[<>,;:@.]++)",
    re.DOTALL,
)
_COMMENT_STEP = re.compile(rb"[()]|\\.", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(
    r"(?=.{1,255}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z"
)
_LITERAL = re.compile(r"\[[!-Z^-~]{1,250}\]\Z")


class Mailbox(msgspec.Struct, frozen=True):
    """One mailbox as it was written; all parts unquoted, encoded words still encoded."""

    name: bytes
    local: bytes
    domain: bytes
    """Empty if none was written."""
    route: bytes = b""
    """The source route (``@a,@b``), to be ignored (RFC 5321 section 4.1.1.3)."""

    @property
    def address(self) -> Address:
        """The real address; raises ValueError if what was written is none."""
        local = self.local.decode("utf-8")
        if not local or _CONTROL.search(local):
            raise ValueError("no local part")
        return Address(local, canonical_domain(self.domain.decode("utf-8")))


class Group(msgspec.Struct):
    """A named list (RFC 5322 section 3.4); often empty, as in ``undisclosed-recipients:;``."""

    name: bytes
    members: list[Mailbox] = msgspec.field(default_factory=list)


BEYOND = Mailbox(b"", b"...", b"")
"""In place of what was not read: no address, so that nobody takes what was read for all there is."""


def parse_addresses(octets: bytes, most: int = MOST_ADDRESSES) -> list[Mailbox | Group]:
    """The mailboxes and groups of an address field, at most ``most`` in all (L7); never fails."""
    match = _SIMPLE.match(octets)
    if match is not None:
        quoted, phrase, local, domain, bare, bare_domain = match.groups()
        if bare is not None:
            return [Mailbox(b"", bare, bare_domain)]
        return [Mailbox(phrase.strip() if quoted is None else quoted, local, domain)]
    return _Reader(most).read(octets)


def mailboxes(octets: bytes, most: int = MOST_ADDRESSES) -> list[Mailbox]:
    """All mailboxes of an address field, those in groups too."""
    flat: list[Mailbox] = []
    for one in parse_addresses(octets, most):
        if isinstance(one, Group):
            flat.extend(one.members)
        else:
            flat.append(one)
    return flat


def canonical_domain(text: str) -> str:
    """A domain as A-labels in lower case, or an address literal as it stands; raises ValueError."""
    domain = text.lower()
    if domain.startswith("["):
        if _LITERAL.match(domain):
            return domain
        raise ValueError("bad address literal")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise ValueError("bad domain") from error
    if not _HOST.match(domain):
        raise ValueError("bad domain")
    return domain


class _Reader:
    """The state of reading one field: the words so far, and whether we are inside ``<>`` or a group."""

    __slots__ = ("angle", "comment", "found", "group", "left", "route", "spaced", "spec", "words")

    def __init__(self, most: int) -> None:
        self.found: list[Mailbox | Group] = []
        self.left = most
        self.group: Group | None = None
        self._fresh()

    def _fresh(self) -> None:
        self.words: list[tuple[bool, bytes, bytes]] = []
        """(space before, kind, octets) of each token outside angle brackets."""
        self.spec: list[tuple[bool, bytes, bytes]] = []
        self.angle = False
        self.spaced = False
        self.comment = b""
        self.route = b""

    def read(self, octets: bytes) -> list[Mailbox | Group]:
        position, tokens = 0, MOST_TOKENS
        while self.left > 0 and tokens:
            tokens -= 1
            match = _TOKEN.match(octets, position)
            if match is None:
                break
            position = match.end()
            kind = match.lastgroup
            if kind == "blank":
                self.spaced = True
            elif kind == "comment":
                start, position = position, _end_of_comment(octets, position)
                self.comment = self.comment or octets[start : position - 1]
                self.spaced = True
            elif kind == "special":
                self._special(match["special"])
            elif kind == "quoted":
                self._word(b'"', _unescape(match["quoted"]))
            else:
                self._word(b"", match[0])
        self._finish()
        self._end_group()
        if not tokens and position < len(octets):
            self.found.append(BEYOND)
        return self.found

    def _word(self, kind: bytes, octets: bytes) -> None:
        (self.spec if self.angle else self.words).append((self.spaced, kind, octets))
        self.spaced = False

    def _special(self, mark: bytes) -> None:
        if mark in b"@.":
            self._word(mark, mark)
        elif mark == b"<":
            self.angle, self.spec = True, []
        elif mark == b">":
            self.angle = False
        elif mark == b",":
            if self.angle and self.spec and self.spec[0][1] == b"@":
                self._word(mark, mark)
            else:
                self._finish()
        elif mark == b";":
            self._finish()
            self._end_group()
        elif self.angle:  # the colon after a source route
            self.route = b"".join(octets for _, _, octets in self.spec)
            self.spec = []
        elif self.group is None:
            self.group = Group(_phrase(self.words))
            self._fresh()
        else:
            self._word(b"", mark)

    def _finish(self) -> None:
        """A separator: what was gathered is one mailbox, if it is anything."""
        if self.spec or self.words:
            self.left -= 1
            mailbox = self._mailbox()
            (self.found if self.group is None else self.group.members).append(mailbox)
        self._fresh()

    def _mailbox(self) -> Mailbox:
        if self.spec:
            local, domain = _split(self.spec)
            return Mailbox(_phrase(self.words) or _flat(self.comment), local, domain, self.route)
        local, domain = _split(self.words)
        return Mailbox(_flat(self.comment), local, domain)

    def _end_group(self) -> None:
        if self.group is not None:
            self.left -= 1
            self.found.append(self.group)
        self.group = None


def _end_of_comment(octets: bytes, position: int) -> int:
    depth = 1
    for match in _COMMENT_STEP.finditer(octets, position):
        mark = match[0]
        depth += 1 if mark == b"(" else -1 if mark == b")" else 0
        if depth == 0:
            return match.end()
    return len(octets) + 1  # never closed: all that follows is comment


def _split(words: list[tuple[bool, bytes, bytes]]) -> tuple[bytes, bytes]:
    """``addr-spec`` at its last at sign; blanks around dots and the sign vanish (RFC 5322 section 4.4)."""
    at = next((index for index in range(len(words) - 1, -1, -1) if words[index][1] == b"@"), len(words))
    if at == len(words):
        return _phrase(words), b""
    return _joined(words[:at]), _joined(words[at + 1 :])


def _joined(words: list[tuple[bool, bytes, bytes]]) -> bytes:
    """Blanks that stand between two words and not at a dot stay: what is no address must not become one."""
    pieces: list[bytes] = []
    before = b"."
    for spaced, kind, octets in words:
        pieces.append(b" " + octets if spaced and b"." not in {kind, before} and pieces else octets)
        before = kind
    return b"".join(pieces)


def _phrase(words: list[tuple[bool, bytes, bytes]]) -> bytes:
    return b"".join(b" " + octets if spaced else octets for spaced, _, octets in words).strip()


def _unescape(octets: bytes) -> bytes:
    octets = octets.replace(b"\r\n", b"")
    if b"\\" not in octets:
        return octets
    return b"\\".join([part.replace(b"\\", b"") for part in octets.split(b"\\\\")])  # pairs count from the left


def _flat(octets: bytes) -> bytes:
    return b" ".join(octets.split())
