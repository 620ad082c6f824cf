"""The head of a message: a start line, fields, an empty line (RFC 9112 sections 2 to 5)."""

import re
from collections.abc import Iterable

import msgspec

from posthouse.lib.linebuffer import LineBuffer
from posthouse.lib.sansio import LocalError, RemoteError

HEAD_OCTETS = 64 * 1024
FIELDS = 200

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS = re.compile(rb"([A-Z]{1,8}/1\.[0-9]) ([1-9][0-9]{2})(?: ([^\r\n]*))?\Z")

Fields = tuple[tuple[str, str], ...]


class Head(msgspec.Struct, frozen=True):
    """``fields`` have their names in lower case."""

    start: bytes
    fields: Fields

    def first(self, name: str) -> str | None:
        """The value of the first field called ``name`` (in lower case)."""
        return next((value for key, value in self.fields if key == name), None)

    def tokens(self, name: str) -> frozenset[str]:
        """The comma-separated words of all fields called ``name``, in lower case."""
        words = (word.strip().lower() for key, value in self.fields if key == name for word in value.split(","))
        return frozenset(word for word in words if word)


class HeadReader:
    """Collects one head from a buffer, whatever pieces it comes in."""

    __slots__ = ("_count", "_folds", "_left", "_lines", "_what")

    def __init__(self, what: str, *, folds: bool = False) -> None:
        self._what = what
        self._folds = folds
        """Whether fields may go on in the next line, as in ICAP, which is older than RFC 9112 section 5.2."""
        self._lines: list[bytes] = []
        self._left = HEAD_OCTETS
        self._count = 0

    @property
    def has_begun(self) -> bool:
        return bool(self._lines)

    def take(self, buffer: LineBuffer) -> Head | None:
        """The head once it is whole. Raises ``RemoteError``."""
        while (line := buffer.line()) is not None:
            self._left -= len(line)
            self._count += 1
            if self._left < 0 or self._count > FIELDS:
                raise RemoteError(f"the head of {self._what} is too long")
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            if not line:
                if not self._lines:  # RFC 9112 section 2.2: an empty line before the start line
                    continue
                lines, self._lines, self._left, self._count = self._lines, [], HEAD_OCTETS, 0
                return Head(lines[0], parse_fields(lines[1:], self._what))
            if self._folds and line[:1] in {b" ", b"\t"} and len(self._lines) > 1:
                line = self._lines.pop() + b" " + line.strip()
            self._lines.append(line)
        if len(buffer) > self._left:
            raise RemoteError(f"the head of {self._what} is too long")
        return None


def parse_fields(lines: Iterable[bytes], what: str) -> Fields:
    """RFC 9112 section 5; a folded line is none, as section 5.2 has it."""
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _NAME.match(name) is None or _UNSAFE.search(value):
            raise RemoteError(f"a field of {what} is none")
        fields.append((name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")))
    return tuple(fields)


def parse_status(start: bytes, protocol: bytes) -> int:
    """The code of a status line (RFC 9112 section 4, RFC 3507 section 4.3.3)."""
    match = _STATUS.match(start)
    if match is None or not match[1].startswith(protocol + b"/"):
        raise RemoteError("a status line that is none")
    return int(match[2])


def format_head(start: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """A head with its empty line. Values are ours or were made safe; a line end in one is a bug."""
    lines = [start, *[f"{name}: {value}" for name, value in fields]]
    octets = [line.encode("utf-8", "replace") for line in lines]
    if any(b"\r" in line or b"\n" in line or b"\0" in line for line in octets):
        raise LocalError("a line end inside a field")
    return b"\r\n".join([*octets, b"", b""])
