"""Canonical forms of headers and bodies (RFC 6376 section 3.4), the body's in one streaming pass.

SECURITY (threat D09). White space is what makes the relaxed form of a body
dear: ten times its hash if there are runs of it everywhere. A stranger's body
is given ``MOST_EFFORT`` and no more, and less of it the more is hashed. It is
work that is counted, not time, so that a message is judged alike whatever else
the machine does.
"""

import hashlib
import re
from math import inf
from typing import Any, Final, Protocol

MOST_EFFORT: Final = 8 * 2**20
"""For the white space of one body: as much as 8 MiB of plain text take (some 20 ms), or 3 to 5 MiB of HTML, logs or
tables. What is larger than that is encoded in base64, which has no blanks and takes nothing."""
_RUN: Final = 35
"""What a run of blanks takes to be made one, in octets of plain text; 70 ns to 2."""
_END: Final = 6
"""The same for a blank at the end of a line."""
_FREE: Final = 24 * 2**20
"""Octets that are hashed without being counted, in both forms together."""
_DEAR: Final = 2 * _FREE
"""Each octet that is hashed from ``_FREE`` to here takes a quarter of effort; what is left is for 2 MiB of text."""
_MOST_TWICE: Final = 28 * 2**20
"""A larger body is hashed in one form only: who asks for both has neither."""
_PIECE: Final = 64 * 1024
"""More is not looked at without asking how much effort is left."""

_TABS = bytes.maketrans(b"\t", b" ")
_RUNS = re.compile(b"   *+")
_MANY_BREAKS = b"\r\n" * 4096
_TWO_BREAKS = b"\r\n\r\n"


class TooCostly(ValueError):
    """A body that was given up: to check it takes more than it is worth."""


def relaxed_field(field: bytes) -> bytes:
    """RFC 6376 section 3.4.2: a whole field, with the CRLF at the end."""
    name, _, value = field.partition(b":")
    value = value.replace(b"\r\n", b"")
    if b"\t" in value or b"  " in value:
        value = _collapse(value)
    return b"".join((name.rstrip(b" \t").lower(), b":", value.strip(b" "), b"\r\n"))


class BodyHash(Protocol):
    """SHA-256 of a body in one canonical form, fed in any pieces."""

    def update(self, octets: bytes) -> None: ...

    def digest(self) -> bytes:
        """The hash of the whole body; call it once, at the end. Raises ``TooCostly``."""


class SimpleBody:
    """RFC 6376 section 3.4.3: as it is, with exactly one CRLF at the end."""

    __slots__ = ("_breaks", "_hash", "_held")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._breaks = 0
        """Line ends that count only if something follows them; a number, so that a flood of them costs nothing."""
        self._held = b""

    def update(self, octets: bytes) -> None:
        content, breaks, self._held = _split_tail(self._held + octets)
        if content:
            _add(self._hash, self._breaks, content)
            self._breaks = 0
        self._breaks += breaks

    def digest(self) -> bytes:
        if self._held:
            _add(self._hash, self._breaks, self._held)
        self._hash.update(b"\r\n")
        return self._hash.digest()


class RelaxedBody:
    """RFC 6376 section 3.4.4: white space reduced and cut at line ends, empty lines at the end ignored.

    Beyond ``effort`` it is given up.
    """

    __slots__ = ("_breaks", "_effort", "_empty", "_hash", "_held")

    def __init__(self, effort: float = MOST_EFFORT) -> None:
        self._effort = effort
        self._hash = hashlib.sha256()
        self._breaks = 0
        self._empty = True
        self._held = b""

    def update(self, octets: bytes) -> None:
        if len(octets) <= _PIECE:
            self._add(octets)
            return
        for at in range(0, len(octets), _PIECE):
            self._add(octets[at : at + _PIECE])

    def charge(self, effort: float) -> None:
        """Leave so much less for white space."""
        self._effort -= effort

    def _add(self, octets: bytes) -> None:
        if self._effort < 0:
            return
        octets, effort = _relax(self._held + octets)
        self._effort -= effort
        line = octets.removesuffix(b"\r")
        if line.endswith(b" "):  # it counts only if its line goes on
            content, breaks, stray = _split_tail(line[:-1])
            self._held = octets[len(line) - 1 :]
            if stray:
                content, breaks = content + b"\r\n" * breaks + stray, 0
        else:
            content, breaks, self._held = _split_tail(octets)
        if content:
            _add(self._hash, self._breaks, content)
            self._breaks = 0
            self._empty = False
        self._breaks += breaks

    def digest(self) -> bytes:
        if self._effort < 0:
            raise TooCostly("too much white space in the body to check it")
        if b"\r" in self._held:  # no line end has come of it
            _add(self._hash, self._breaks, self._held)
            self._empty = False
        # RFC 6376 erratum 5839: a body of nothing but white space and line ends is empty.
        if not self._empty:
            self._hash.update(b"\r\n")
        return self._hash.digest()


class TooLarge:
    """A body that nobody hashes any more."""

    __slots__ = ()

    def update(self, octets: bytes) -> None:
        """Nothing is done with it."""

    def digest(self) -> bytes:
        raise TooCostly("the body is too large to check it in both forms")


class BodyHashes:
    """The body in every canonical form that somebody asked for, each hashed once whoever asked.

    ``effort`` bounds what a stranger's body may take: its white space, a second
    form, and what is larger than ``_FREE``.
    """

    __slots__ = ("_bodies", "_digests", "_effort", "_hashed")

    def __init__(self, effort: float = MOST_EFFORT) -> None:
        self._effort = effort
        self._hashed = 0
        """Octets, in all forms together."""
        self._bodies: dict[bool, BodyHash] = {}
        self._digests: dict[bool, bytes] = {}

    def want(self, *, relaxed: bool) -> None:
        """Ask for a form, before the first octet of the body."""
        if relaxed not in self._bodies:
            self._bodies[relaxed] = RelaxedBody(self._effort) if relaxed else SimpleBody()

    @property
    def is_needed(self) -> bool:
        """Whether anybody asked."""
        return bool(self._bodies)

    def update(self, octets: bytes) -> None:
        self._hashed += len(octets) * len(self._bodies)
        if self._hashed > _FREE and self._effort < inf:
            self._charge(len(octets))
        for body in self._bodies.values():
            body.update(octets)

    def _charge(self, octets: int) -> None:
        forms = len(self._bodies)
        if forms == 2 and self._hashed > _MOST_TWICE * forms:
            self._bodies = {form: TooLarge() for form in self._bodies}
        relaxed = self._bodies.get(True)
        if isinstance(relaxed, RelaxedBody):
            before = self._hashed - octets * forms
            relaxed.charge((min(self._hashed, _DEAR) - min(max(before, _FREE), _DEAR)) / 4)

    def digest(self, *, relaxed: bool) -> bytes:
        """The hash of the whole body in a form that was asked for. Raises ``TooCostly``."""
        if relaxed not in self._digests:
            self._digests[relaxed] = self._bodies[relaxed].digest()
        return self._digests[relaxed]


def _split_tail(octets: bytes) -> tuple[bytes, int, bytes]:
    """``octets`` as content, the number of CRLF at its end, and a CR at the very end that may become one."""
    held = b"\r" if octets.endswith(b"\r") else b""
    if octets.startswith(_TWO_BREAKS) and octets.endswith(_TWO_BREAKS) and octets == b"\r\n" * (len(octets) // 2):
        return b"", len(octets) // 2, b""
    end = len(octets) - len(held)
    start = len(octets[:end].rstrip(b"\r\n"))
    rest = octets[start:end]
    # Only whole CRLF are line ends: what stands before the last CR CR or LF LF is content with stray octets in it.
    stray = max(rest.rfind(b"\n\n"), rest.rfind(b"\r\r")) + 1
    if rest.startswith(b"\n", stray):
        stray += 1
    if rest.endswith(b"\r"):
        stray = len(rest)
    return octets[: start + stray], (len(rest) - stray) // 2, held


def _add(state: Any, breaks: int, content: bytes) -> None:
    """Hash the line ends that were held back, in pieces (there may be millions), then ``content``."""
    while breaks > 4096:
        state.update(_MANY_BREAKS)
        breaks -= 4096
    state.update(b"\r\n" * breaks + content)


def _relax(octets: bytes) -> tuple[bytes, int]:
    """A piece of a body without white space that does not count, and the effort."""
    if b"\t" in octets:
        octets = octets.translate(_TABS)
    elif b" " not in octets:  # one octet is found twenty times as fast as two
        return octets, 0
    effort = len(octets)
    if b"  " in octets:
        octets, runs = _RUNS.subn(b" ", octets)
        effort += _RUN * runs
    relaxed = octets.replace(b" \r\n", b"\r\n")
    return relaxed, effort + _END * (len(octets) - len(relaxed))


def _collapse(octets: bytes) -> bytes:
    """Each run of spaces and tabs in a field as one space: each step makes a third of it, 64 KiB take but ten."""
    if b"\t" in octets:
        octets = octets.translate(_TABS)
    while b"   " in octets:
        octets = octets.replace(b"   ", b" ")
    return octets.replace(b"  ", b" ")
