"""A message's header section as fields with offsets (RFC 5322 section 2.2, RFC 6532).

One pass of one compiled expression at C speed finds all fields; nothing is
decoded until somebody asks. The seam to the body is the first empty line and
nothing else: a line that is no field and no continuation is kept as a garbage
field, so that no reader sees a header or a body where another sees none.
Lines end with CRLF; a bare LF is read as a line end too (messages that came
by APPEND), a bare CR never is.

Limits L4 to L6: what is beyond them is not indexed, and ``excess`` says so.
"""

import re
from collections.abc import Iterator

import msgspec

HEADER_OCTETS = 256 * 1024
FIELD_OCTETS = 32 * 1024
ADDRESS_FIELD_OCTETS = 128 * 1024
FIELDS = 1000

ADDRESS_FIELDS = frozenset({
    "from", "sender", "reply-to", "to", "cc", "bcc",
    "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc",
})  # fmt: skip

_FIELD = re.compile(rb"(?:([!-9;-~]++)[ \t]*+:)?(.*+(?:\n[ \t].*+)*+)\n?+")
"""A field name and colon if there are any, then everything to the end of the last continuation line."""


class Field(msgspec.Struct, frozen=True):
    """One field where it stands: ``octets[start:end]`` with its line end; ``name`` is empty for garbage."""

    name: str
    value: bytes
    """As it stands after the colon, folded."""
    start: int
    end: int


class Header:
    """The fields of one header section. Names are asked for in lower case."""

    __slots__ = ("_index", "_octets", "_spans", "body_start", "end", "excess", "garbage", "start")

    def __init__(self, octets: bytes, start: int, end: int, body_start: int) -> None:
        self._octets = octets
        self.start = start
        self.end = end
        """Where the last field ends; the empty line is not part of it."""
        self.body_start = body_start
        self.excess: str | None = None
        """Which limit cut the index short (``L4``, ``L5``, ``L6``), None if everything is in it."""
        self.garbage = 0
        """How many lines were neither field nor continuation."""
        self._index: dict[str, list[bytes]] = {}
        self._spans: list[Field] | None = None

    def first(self, name: str) -> bytes | None:
        """The value of the first field called ``name``, unfolded (RFC 5322 section 2.2.3), outer space removed."""
        values = self._index.get(name)
        return _unfold(values[0]) if values else None

    def all(self, name: str) -> list[bytes]:
        """The unfolded values of all fields called ``name``, top to bottom."""
        return [_unfold(value) for value in self._index.get(name, ())]

    def count(self, name: str) -> int:
        """How often ``name`` occurs."""
        return len(self._index.get(name, ()))

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def has_any(self, names: frozenset[str]) -> bool:
        """Whether a field of one of these names is there."""
        return not names.isdisjoint(self._index)

    @property
    def names(self) -> list[str]:
        """All field names that occur, lower case, in order of first occurrence."""
        return list(self._index)

    @property
    def fields(self) -> list[Field]:
        """Every field with its place, garbage included; worked out when first asked for."""
        if self._spans is None:
            self._spans = list(_walk(self._octets, self.start, self.end))[:FIELDS]
        return self._spans

    @property
    def octets(self) -> bytes:
        """The section as it stands, without the empty line."""
        return self._octets[self.start : self.end]


def parse_header(
    octets: bytes,
    start: int = 0,
    stop: int | None = None,
    *,
    header_octets: int = HEADER_OCTETS,
    field_octets: int = FIELD_OCTETS,
    address_field_octets: int = ADDRESS_FIELD_OCTETS,
    fields: int = FIELDS,
) -> Header:
    """The header section that begins at ``start``; never fails, whatever the octets are."""
    stop = len(octets) if stop is None else stop
    end, body_start = find_seam(octets, start, stop)
    header = Header(octets, start, end, body_start)
    length = end - start
    if length > header_octets:  # L4
        header.excess = "L4"
        end = octets.rfind(b"\n", start, start + header_octets) + 1 or start
    found = _FIELD.findall(octets, start, end)
    if found and found[-1] == (b"", b""):  # the empty match at the end
        found.pop()
    if len(found) > fields:  # L6
        header.excess = header.excess or "L6"
        del found[fields:]
    if length > field_octets:
        found = _short_enough(header, found, field_octets, address_field_octets)
    index = header._index  # noqa: SLF001 - the one builder of this class
    for name, value in found:
        lower = name.lower().decode("ascii")
        if lower in index:
            index[lower].append(value)
        else:
            index[lower] = [value]
    if "" in index:
        header.garbage = len(index.pop(""))
    return header


def find_seam(octets: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the fields end and where the body begins (RFC 5322 section 2.1: the first empty line)."""
    if octets.startswith(b"\r\n", start, stop):
        return start, start + 2
    if octets.startswith(b"\n", start, stop):
        return start, start + 1
    crlf = octets.find(b"\n\r\n", start, stop)
    bare = octets.find(b"\n\n", start, stop if crlf < 0 else crlf + 1)
    if bare >= 0:
        return bare + 1, bare + 2
    if crlf >= 0:
        return crlf + 1, crlf + 3
    return stop, stop


def unfold(value: bytes) -> bytes:
    """RFC 5322 section 2.2.3: remove each line end; outer white space goes too."""
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.strip(b" \t\r")


_unfold = unfold


def _short_enough(
    header: Header, found: list[tuple[bytes, bytes]], most: int, most_addresses: int
) -> list[tuple[bytes, bytes]]:
    """L5: a field that is too long keeps its name and its first octets."""
    kept = []
    for name, value in found:
        allowed = most_addresses if name.lower().decode("ascii") in ADDRESS_FIELDS else most
        if len(value) > allowed:
            header.excess = header.excess or "L5"
            kept.append((name, value[:allowed]))
        else:
            kept.append((name, value))
    return kept


def _walk(octets: bytes, start: int, end: int) -> Iterator[Field]:
    for match in _FIELD.finditer(octets, start, end):
        if match.start() == match.end():
            return
        name = match[1]
        yield Field(name.lower().decode("ascii") if name else "", match[2], match.start(), match.end())
