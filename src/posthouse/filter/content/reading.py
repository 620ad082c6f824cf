"""The parts of a message as every reader might see them (threat M06).

First as we read it ourselves (``standards.mime.structure``), then loosely:
wherever a line begins with two hyphens and what looks like a part's header
follows, somebody may see a part, whatever the boundary was said to be. All
fields of a part count, not only the first of each name.
"""

import re

import msgspec

from posthouse.filter.content.decoding import KNOWN, encodings_of
from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.mime.encodedword import decode_words
from posthouse.standards.mime.parameters import decode_parameter, parse_parameters
from posthouse.standards.mime.structure import BOUNDARY_OCTETS, Part, parse_structure
from posthouse.standards.mime.transfer import IDENTITY

DELIMITERS = 10_000
"""Lines with two hyphens that are looked at."""
HIDDEN = 200
NAMES = 12

FIELD = re.compile(rb"[ \t]*+(?:content-[a-z-]{2,40}|mime-version)[ \t]*+:", re.IGNORECASE)
MARK = re.compile(rb"\n[-b](?:-|egin)")
"""Where a part or a uuencoded file may begin, and little else; of this form because it is found fastest."""
HYPHEN = 0x2D
_ANY_NAME = re.compile(
    rb"name(?:\*\d{0,3}\*?)?[ \t\r\n]*+=[ \t\r\n]*+(?:\"((?:[^\"\\]++|\\.)*+)\"?+|([^\s\";]++))",
    re.IGNORECASE | re.DOTALL,
)
_BOUNDARY = re.compile(rb"boundary(?:\*\d{0,3}\*?)?[ \t\r\n]*+=", re.IGNORECASE)


class Piece(msgspec.Struct):
    """One leaf, or one that some reader may take for a leaf. Offsets are of the content."""

    start: int
    end: int
    types: tuple[bytes, ...] = ()
    encodings: list[bytes] = []
    names: tuple[str, ...] = ()
    is_file: bool = False
    """Shown as an attachment, or not a text."""
    is_odd: bool = False
    """Readers may differ about it."""

    @property
    def is_html(self) -> bool:
        return b"text/html" in self.types or b"application/xhtml+xml" in self.types


class Reading(msgspec.Struct):
    pieces: list[Piece]
    oddities: dict[str, None]
    """Why readers may differ, for people."""
    has_files: bool = False
    """Whether a uuencoded file may be in it."""
    is_cut: bool = False
    """Whether there is more that looks like a part than is looked at."""


class Loose(msgspec.Struct):
    parts: list[tuple[int, int]]
    has_files: bool = False
    is_cut: bool = False


def read_parts(octets: bytes, header: Header | None = None) -> Reading:
    """All parts; linear in the content."""
    reading = Reading([], {})
    top = parse_structure(octets, header)
    starts: set[int] = set()
    waiting = [top]
    while waiting:
        part = waiting.pop()
        starts.add(part.header)
        piece = _piece(octets, header if part is top and header is not None else None, part, reading)
        waiting += part.parts
        if not part.parts or (part.is_multipart and _is_closed(part, piece)):
            reading.pieces.append(piece)
            if FIELD.match(octets, part.body, part.end):  # fields behind what we take for the end of the header
                _add_hidden(octets, part.body, part.end, reading)
    loose = loose_parts(octets, starts)
    reading.has_files, reading.is_cut = loose.has_files, loose.is_cut
    for start, end in loose.parts:
        _add_hidden(octets, start, end, reading)
    return reading


def _is_closed(part: Part, piece: Piece) -> bool:
    """Whether a multipart showed no parts: it may be encoded as a whole."""
    return piece.encodings[0] not in IDENTITY or (len(part.parts) == 1 and part.parts[0].header == part.end)


def loose_parts(octets: bytes, known: set[int]) -> Loose:
    """Where else parts may begin, and where they end at the latest; one pass at the speed of C."""
    loose = Loose([])
    opened, lines = -1, 0
    for match in MARK.finditer(octets):
        at = match.start()
        if octets[at + 1] != HYPHEN:
            loose.has_files = loose.has_files or octets.startswith(b"begin", at + 1)  # not "b-", as chance has it
            continue
        if opened >= 0:
            loose.parts.append((opened, at))
            opened = -1
        lines += 1
        start = octets.find(b"\n", at + 3) + 1
        if not start or lines > DELIMITERS or len(loose.parts) >= HIDDEN:
            loose.is_cut = start > 0
            return loose
        if start not in known and FIELD.match(octets, start):
            opened = start
    if opened >= 0:
        loose.parts.append((opened, len(octets)))
    return loose


def _add_hidden(octets: bytes, start: int, end: int, reading: Reading) -> None:
    header = parse_header(octets, start, end)
    part = Part(start, min(header.body_start, end), end)
    piece = _piece(octets, header, part, Reading([], {}))
    piece.is_odd = True
    reading.pieces.append(piece)
    if part.body > start and FIELD.match(octets, part.body, end):  # and more of them behind an empty line
        again = parse_header(octets, part.body, end)
        piece = _piece(octets, again, Part(part.body, min(again.body_start, end), end), Reading([], {}))
        piece.is_odd = True
        reading.pieces.append(piece)


def _piece(octets: bytes, header: Header | None, part: Part, reading: Reading) -> Piece:
    if header is None:
        header = parse_header(octets, part.header, part.body)
    types = [parse_parameters(value) for value in header.all("content-type")]
    names = tuple([one for one, _ in types]) or (b"text/plain",)
    encodings, is_odd = encodings_of(header.all("content-transfer-encoding"))
    dispositions = header.all("content-disposition")
    oddities = _oddities(header, is_odd, is_multipart=part.type == b"multipart")
    reading.oddities.update(dict.fromkeys(oddities))
    is_attached = any(value.lower().lstrip().startswith(b"attachment") for value in dispositions)
    return Piece(
        part.body,
        part.end,
        names,
        encodings,
        file_names(header),
        is_file=is_attached or not all(one.startswith(b"text/") for one in names),
        is_odd=bool(oddities),
    )


def _oddities(header: Header, is_odd_encoding: bool, *, is_multipart: bool) -> list[str]:
    found = []
    types = header.all("content-type")
    if len(types) > 1:
        found.append("more than one Content-Type")
    if is_odd_encoding:
        found.append("an unclear Content-Transfer-Encoding")
    if header.count("content-disposition") > 1:
        found.append("more than one Content-Disposition")
    for value in types:
        lower = value.lower()
        if lower.lstrip().startswith(b"multipart/") or (is_multipart and len(types) == 1):
            found += _boundary_oddities(value, lower)
            encoding = header.first("content-transfer-encoding")
            if encoding and encoding.strip().lower() in KNOWN - IDENTITY:
                found.append("an encoded multipart")
    return found


def _boundary_oddities(value: bytes, lower: bytes) -> list[str]:
    places = _BOUNDARY.findall(value)
    if len(places) > 1:
        return ["more than one boundary"]
    if not places:
        return ["a multipart without a boundary"]
    rest = lower.partition(b"boundary")[2]
    given = dict(parse_parameters(value)[1]).get(b"boundary", b"")
    if b"*" in places[0] or b"=?" in rest or b"\\" in rest or b"(" in rest.replace(given.lower(), b""):
        return ["a boundary in disguise"]
    if not given or len(given) > BOUNDARY_OCTETS or given != given.strip():
        return ["a boundary that cannot be one"]
    return []


def file_names(header: Header) -> tuple[str, ...]:
    """Every name that a reader may give the part."""
    found: dict[str, None] = {}
    for field, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        for value in header.all(field):
            if b"name" not in value.lower():
                continue
            decoded = decode_parameter(parse_parameters(value)[1], parameter)
            if decoded:
                found[decoded] = None
            for quoted, plain in _ANY_NAME.findall(value):
                one = quoted or plain
                if one and len(found) < NAMES and b"''" not in one and b"%" not in one:
                    found[decode_words(one)] = None
    return tuple(found)[:NAMES]
