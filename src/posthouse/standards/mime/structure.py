"""The parts of a message as offsets (RFC 2045, RFC 2046): ``bytes.find`` over the content, nothing copied or decoded.

Iterative: parts wait on a list, so depth costs no stack. Limits: L9 levels
(deeper parts are one opaque ``application/octet-stream``), L10 parts of one
message (the last one takes in the rest), L11 octets of a boundary (a longer
one makes the part opaque). Every level is searched once, and lines that look
like a delimiter and are none are counted, so the whole is linear.
"""

import re

import msgspec

from posthouse.standards.imf.header import Header, parse_header, unfold
from posthouse.standards.mime.parameters import Parameters, find_parameter, join_parameters, parse_parameters

DEPTH = 32
PARTS = 1000
BOUNDARY_OCTETS = 70
DECOYS = 10_000
"""Places of one message that look like a delimiter and are none, before no more delimiters are looked for."""

_OPAQUE = (b"application", b"octet-stream")
_PLAIN: tuple[bytes, bytes] = (b"text", b"plain")
_US_ASCII: Parameters = ((b"charset", b"us-ascii"),)
_COMMENT = re.compile(rb"\([^()]*\)")
_MESSAGES = frozenset({b"rfc822", b"global"})


class Part(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """One part. Offsets count from where the scan was told to count; type names are in lower case.

    A multipart has its parts in ``parts``; a ``message/rfc822`` has exactly
    one, the message inside, whose header starts at its ``body``. ``envelope``
    is left for whoever stores the tree.
    """

    header: int
    body: int
    end: int
    lines: int = 0
    """Line ends in the body; only counted where BODYSTRUCTURE tells it (text, message/rfc822)."""
    type: bytes = b"text"
    subtype: bytes = b"plain"
    parameters: Parameters = ()
    encoding: bytes = b"7bit"
    content_id: bytes = b""
    description: bytes = b""
    disposition: bytes = b""
    disposition_parameters: Parameters = ()
    md5: bytes = b""
    language: tuple[bytes, ...] = ()
    location: bytes = b""
    parts: list["Part"] = []
    envelope: bytes = b""

    @property
    def size(self) -> int:
        """Octets of the body."""
        return self.end - self.body

    @property
    def is_multipart(self) -> bool:
        return self.type == b"multipart"

    @property
    def is_message(self) -> bool:
        """Whether it holds a message that was looked into."""
        return self.type == b"message" and bool(self.parts)


def parse_structure(
    octets: bytes,
    header: Header | None = None,
    *,
    lines: int = -1,
    depth: int = DEPTH,
    parts: int = PARTS,
    boundary_octets: int = BOUNDARY_OCTETS,
) -> Part:
    """The part tree of a message; never fails.

    ``header`` saves parsing its header again, ``lines``, if it is not negative, counting its line ends.
    """
    if header is None:
        header = parse_header(octets)
    scan = _Scan(octets, depth, parts, boundary_octets)
    top = scan.part(header, len(octets), digest=False)
    if lines >= 0 and top.type == b"text":
        top.lines = lines - octets.count(b"\n", 0, top.body)
    else:
        scan.run(top)
    return top


def parse_single(beginning: bytes, header: Header, size: int, lines: int) -> Part | None:
    """The part tree of a message of ``size`` octets and ``lines`` line ends, whose ``beginning`` alone is at hand.

    None for one that has parts inside: then all of it is needed.
    """
    part = _Scan(beginning, DEPTH, PARTS, BOUNDARY_OCTETS).part(header, size, digest=False)
    if part.type == b"multipart" or (part.type == b"message" and part.subtype in _MESSAGES):
        return None
    if part.type == b"text":
        part.lines = lines - beginning.count(b"\n", 0, part.body)
    return part


class _Scan:
    __slots__ = ("boundary_octets", "decoys", "depth", "left", "octets", "waiting")

    def __init__(self, octets: bytes, depth: int, parts: int, boundary_octets: int) -> None:
        self.octets = octets
        self.depth = depth
        self.left = parts - 1
        self.decoys = DECOYS
        self.boundary_octets = boundary_octets
        self.waiting: list[tuple[Part, int]] = []

    def part(self, header: Header, end: int, *, digest: bool) -> Part:
        """One part from its header; what it contains is found later."""
        body = min(header.body_start, end)
        part = Part(header.start, body, end)
        content_type = header.first("content-type")
        if content_type is not None:
            self._type(part, content_type)
        elif digest:  # RFC 2046 section 5.1.5
            part.type, part.subtype = b"message", b"rfc822"
        else:
            part.parameters = _US_ASCII  # RFC 2045 section 5.2
        encoding = header.first("content-transfer-encoding")
        if encoding:
            if b"(" in encoding:
                encoding = _COMMENT.sub(b"", encoding)
            part.encoding = encoding.partition(b";")[0].strip().lower()[:40] or b"7bit"
        _describe(part, header)
        return part

    def _type(self, part: Part, value: bytes) -> None:
        name, part.parameters = parse_parameters(value)
        major, _, minor = name.partition(b"/")
        major, minor = major.strip(), minor.strip()
        if major and minor:
            part.type, part.subtype = major, minor
        elif major == b"text":
            part.type, part.subtype = _PLAIN
        else:
            part.type, part.subtype = _OPAQUE if major else _PLAIN

    def run(self, top: Part) -> None:
        """Look into parts until none is left to look into."""
        self._queue(top, 1)
        while self.waiting:
            part, level = self.waiting.pop()
            if self.left <= 0:
                _make_opaque(part)
            elif part.type == b"multipart":
                self._multipart(part, level)
            else:
                self._message(part, level)

    def _queue(self, part: Part, level: int) -> None:
        if part.type == b"text":
            part.lines = self.octets.count(b"\n", part.body, part.end)
        elif part.type == b"multipart" or (part.type == b"message" and part.subtype in _MESSAGES):
            if level < self.depth:
                self.waiting.append((part, level))
            else:
                _make_opaque(part)

    def _message(self, part: Part, level: int) -> None:
        if part.encoding in {b"base64", b"quoted-printable"}:
            _make_opaque(part)
            return
        self.left -= 1
        part.lines = self.octets.count(b"\n", part.body, part.end)
        inner = self.part(parse_header(self.octets, part.body, part.end), part.end, digest=False)
        part.parts.append(inner)
        self._queue(inner, level + 1)

    def _multipart(self, part: Part, level: int) -> None:
        boundary = find_parameter(join_parameters(part.parameters), b"boundary")
        if not boundary or len(boundary) > self.boundary_octets:
            _make_opaque(part)
            return
        digest = part.subtype == b"digest"
        for start, end in self._split(part.body, part.end, b"--" + boundary):
            self.left -= 1
            inner = self.part(parse_header(self.octets, start, end), end, digest=digest)
            part.parts.append(inner)
            self._queue(inner, level + 1)
        if not part.parts:  # RFC 9051 has no multipart without parts: show one that is empty
            part.parts.append(Part(part.end, part.end, part.end, parameters=_US_ASCII))

    def _split(self, start: int, end: int, delimiter: bytes) -> list[tuple[int, int]]:
        """Where the body parts between the delimiter lines begin and end (RFC 2046 section 5.1.1)."""
        found: list[tuple[int, int]] = []
        opened = -1
        at = self._delimiter(start, start, end, delimiter)
        while at >= 0:
            line_end = self.octets.find(b"\n", at, end)
            after = end if line_end < 0 else line_end + 1
            if opened >= 0:
                found.append((opened, self._before(at, opened)))
            rest = self.octets[at + len(delimiter) : min(after, at + len(delimiter) + 2)]
            if rest == b"--":
                return found
            if self.left - len(found) <= 1:
                found.append((after, end))
                return found
            opened = after
            at = self._delimiter(after, start, end, delimiter)
        if opened >= 0:
            found.append((opened, end))
        return found

    def _delimiter(self, position: int, start: int, end: int, delimiter: bytes) -> int:
        """The next line that is the delimiter: at the beginning of a line, with only blanks behind it."""
        octets = self.octets
        while self.decoys > 0:
            at = octets.find(delimiter, position, end)
            if at < 0:
                return -1
            position = at + len(delimiter)
            if (at == start or octets[at - 1] == 10) and self._is_delimiter(position, end):
                return at
            self.decoys -= 1
        return -1

    def _is_delimiter(self, position: int, end: int) -> bool:
        tail = self.octets[position : min(end, position + 80)]
        line = tail.partition(b"\n")[0]
        return line.removeprefix(b"--").strip(b" \t\r") == b""

    def _before(self, at: int, opened: int) -> int:
        """The line end before a delimiter belongs to it (RFC 2046 section 5.1.1)."""
        if at <= opened:
            return opened
        at -= 1
        return at - 1 if at > opened and self.octets[at - 1] == 13 else at


def _make_opaque(part: Part) -> None:
    part.type, part.subtype = _OPAQUE
    part.lines = 0


def _describe(part: Part, header: Header) -> None:
    """The fields that only BODYSTRUCTURE wants."""
    spoken = "content-type" in header or "mime-version" in header or part.header
    for name in header.names if spoken else ():
        if name.startswith("content-") and name not in {"content-type", "content-transfer-encoding"}:
            value = header.first(name) or b""
            if name == "content-disposition":
                part.disposition, part.disposition_parameters = parse_parameters(value)
            elif name == "content-id":
                part.content_id = value
            elif name == "content-description":
                part.description = value
            elif name == "content-md5":
                part.md5 = value
            elif name == "content-location":
                part.location = unfold(value)
            elif name == "content-language":
                part.language = tuple(one.strip() for one in value.split(b",")[:20] if one.strip())
