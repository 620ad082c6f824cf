"""Content made fit for what is to carry it (RFC 6152 section 3, RFC 3030 section 3, RFC 2045 section 6).

Part by part, and no part that need not be: a text becomes quoted-printable or
base64, whichever is shorter, anything else base64; containers are relabelled.
What must not be touched stays untouched or makes the whole unconvertible:
signed and encrypted parts (RFC 1847 section 2.1), raw octets in headers, parts
of a message in a foreign encoding. Lines that are too long are mended where
that can be, and make nothing unconvertible: RFC 5321 section 4.5.3.1 lets a
client try.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from posthouse.standards.imf.header import parse_header
from posthouse.standards.mime.structure import Part, parse_structure
from posthouse.standards.mime.transfer import decode_transfer

CTE = "content-transfer-encoding"
SEALED = frozenset({b"signed", b"encrypted"})
PLAIN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})
LINE_OCTETS = 998
"""RFC 5321 section 4.5.3.1.6, without the line end."""

STEP_OCTETS = 57 * 18_000
"""Of a part, encoded at a time: whole lines of base64."""

QUOTED_OCTETS = 16 * 1024 * 1024
"""A text up to this becomes quoted-printable if that is shorter; base64 is made a step at a time."""

Edit = tuple[int, int, bytes | None]
"""What stands in the place of these octets; None: the same in base64."""


class Unconvertible(ValueError):
    """It cannot be carried without loss or breaking a signature."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What carries a content: never NUL, nor a CR or LF that is not in a CRLF."""

    eightbit: bool
    long_lines: bool

    def takes(self, octets: bytes) -> bool:
        """Whether ``octets`` can be carried, but for their lines."""
        return (self.eightbit or octets.isascii()) and is_clean(octets)

    def takes_lines(self, octets: bytes) -> bool:
        return self.long_lines or lines_fit(octets)


SEVEN_BITS = Carrier(eightbit=False, long_lines=False)
"""A server that offers nothing."""
EIGHT_BITS = Carrier(eightbit=True, long_lines=False)
"""A server that offers 8BITMIME."""
READERS = Carrier(eightbit=True, long_lines=True)
"""IMAP and POP3 (RFC 9051 section 4.3.1)."""


def is_clean(octets: bytes) -> bool:
    """Whether every CR and LF stands in a CRLF, and there is no NUL: what DATA can carry."""
    pairs = octets.count(b"\r\n")
    return octets.count(b"\n") == pairs and octets.count(b"\r") == pairs and b"\0" not in octets


def lines_fit(octets: bytes) -> bool:
    """Whether no line is longer than RFC 5321 section 4.5.3.1.6 allows; by leaps, never line by line."""
    start, length = 0, len(octets)
    while length - start > LINE_OCTETS:
        end = octets.rfind(b"\n", start, start + LINE_OCTETS + 2)
        if end < 0:
            return False
        start = end + 1
    return True


def convert(octets: bytes, carrier: Carrier) -> bytes:
    """``octets`` as ``carrier`` takes them; raises ``Unconvertible``."""
    return b"".join(convert_in_pieces(octets, carrier))


def convert_to_7bit(octets: bytes) -> bytes:
    """``octets`` as a message of ASCII lines that any server takes; raises ``Unconvertible``."""
    return convert(octets, SEVEN_BITS)


def convert_in_pieces(octets: bytes, carrier: Carrier) -> Iterator[bytes]:
    """The same, as it is encoded; raises before the first piece, if it does."""
    edits = sorted(_edits(octets, carrier), key=lambda edit: edit[:2])
    at = 0
    for start, end, _ in edits:
        _check(octets[at:start], carrier)
        at = end
    _check(octets[at:], carrier)
    at = 0
    for start, end, replacement in edits:
        if at < start:
            yield octets[at:start]
        if replacement is None:
            yield from _base64(octets, start, end)
        else:
            yield replacement
        at = end
    yield octets[at:]


def _check(kept: bytes, carrier: Carrier) -> None:
    if not carrier.takes(kept):
        raise Unconvertible("octets between the parts that cannot be carried")


def _edits(octets: bytes, carrier: Carrier) -> list[Edit]:
    """Every octet is looked at once, however deep it stands."""
    edits: list[Edit] = []
    top = parse_structure(octets)
    waiting = [top]
    while waiting:
        part = waiting.pop()
        if not carrier.takes(octets[part.header : part.body]):
            raise Unconvertible("octets in a header that cannot be carried")
        if part.type == b"multipart" and part.subtype in SEALED:
            if not carrier.takes(octets[part.body : part.end]):
                raise Unconvertible("a signed or encrypted part")
        elif part.parts:
            edits += _relabel(octets, part, carrier) + _fold(octets, part, carrier)
            waiting += part.parts
        else:
            edits += _edit_leaf(octets, part, carrier, is_top=part is top)
    return edits


def _edit_leaf(octets: bytes, part: Part, carrier: Carrier, *, is_top: bool) -> list[Edit]:
    body = octets[part.body : part.end]
    taken = carrier.takes(body)
    if taken and carrier.takes_lines(body):
        return _relabel(octets, part, carrier) + _fold(octets, part, carrier)
    try:
        return _encode(octets, part, body, taken=taken, is_top=is_top) + _fold(octets, part, carrier)
    except Unconvertible:
        if not taken:
            raise
        return []


def _relabel(octets: bytes, part: Part, carrier: Carrier) -> list[Edit]:
    """A label of more than is there from now on says so no more."""
    if part.encoding not in ((b"binary",) if carrier.eightbit else (b"8bit", b"binary")):
        return []
    if carrier.eightbit and not part.parts:  # it is what it says, and can be carried as it is
        return []
    label = b"8bit" if carrier.eightbit else b"7bit"
    header = parse_header(octets, part.header, part.body)
    return [
        (field.start, field.end, b"Content-Transfer-Encoding: " + label + b"\r\n")
        for field in header.fields
        if field.name.lower() == CTE
    ]


def _encode(octets: bytes, part: Part, body: bytes, *, taken: bool, is_top: bool) -> list[Edit]:
    """A leaf in an encoding of 7 bits, and the label that says so; ``taken``: only its lines are too long."""
    header = parse_header(octets, part.header, part.body)
    kind = (header.first("content-type") or b"text/plain").lower().lstrip()
    if kind.startswith((b"message/", b"multipart/")):
        raise Unconvertible("a part that may not be encoded")  # RFC 2046 section 5.2
    if part.encoding in {b"base64", b"quoted-printable"} and taken:
        return [(part.body, part.end, _encoded_again(body, part.encoding))]
    if part.encoding not in PLAIN_ENCODINGS:
        raise Unconvertible("a part in a foreign encoding")
    label, encoded = b"base64", None
    if kind.startswith(b"text/") and len(body) <= QUOTED_OCTETS and is_clean(body):
        label, encoded = _shortest(body)
    edits: list[Edit] = [(field.start, field.end, b"") for field in header.fields if field.name.lower() == CTE]
    lines = b"Content-Transfer-Encoding: " + label + b"\r\n"
    if is_top and "mime-version" not in header:
        lines = b"MIME-Version: 1.0\r\n" + lines
        if "content-type" not in header:  # RFC 1428 section 3
            charset = b"us-ascii" if body.isascii() else b"unknown-8bit"
            lines += b"Content-Type: text/plain; charset=" + charset + b"\r\n"
    end = header.end
    if end and end == part.body:  # a header without the empty line that ends it
        lines += b"\r\n"
    return [*edits, (end, end, lines), (part.body, part.end, encoded)]


def _encoded_again(body: bytes, encoding: bytes) -> bytes:
    """The same octets in the same encoding, in shorter lines."""
    meant = decode_transfer(body, encoding)
    encoded = b"".join(_base64(meant, 0, len(meant))) if encoding == b"base64" else _quoted_printable(meant)
    return encoded.removesuffix(b"\r\n") + (b"\r\n" if body.endswith(b"\n") else b"")


def _shortest(body: bytes) -> tuple[bytes, bytes]:
    encoded = b"".join(_base64(body, 0, len(body)))
    quoted = _quoted_printable(body)
    return (b"quoted-printable", quoted) if len(quoted) <= len(encoded) else (b"base64", encoded)


def _base64(octets: bytes, start: int, end: int) -> Iterator[bytes]:
    """In a multipart the last line end belongs to the delimiter: there is one if there was one."""
    ended = octets.endswith(b"\n", start, end)
    for at in range(start, end, STEP_OCTETS):
        encoded = base64.encodebytes(octets[at : min(end, at + STEP_OCTETS)]).replace(b"\n", b"\r\n")
        yield encoded if ended or at + STEP_OCTETS < end else encoded.removesuffix(b"\r\n")


def _quoted_printable(body: bytes) -> bytes:
    return binascii.b2a_qp(body, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _fold(octets: bytes, part: Part, carrier: Carrier) -> list[Edit]:
    """Header fields whose lines are too long, with more of them; one without a blank in it stays as it is."""
    if carrier.takes_lines(octets[part.header : part.body]):
        return []
    header = parse_header(octets, part.header, part.body)
    return [
        (field.start, field.end, b"\r\n".join(map(_folded, octets[field.start : field.end].split(b"\r\n"))))
        for field in header.fields
        if field.name.lower() != CTE and not lines_fit(octets[field.start : field.end])
    ]


def _folded(line: bytes) -> bytes:
    """RFC 5322 section 2.2.3: a line may end before any blank, but no line is all blank."""
    pieces: list[bytes] = []
    at, last = 0, len(line.rstrip(b" \t"))
    while len(line) - at > LINE_OCTETS:
        most = min(at + LINE_OCTETS, last)
        cut = max(line.rfind(b" ", at + 1, most), line.rfind(b"\t", at + 1, most))
        if cut < 0 or not line[at:cut].strip(b" \t"):
            break
        pieces.append(line[at:cut])
        at = cut
    return b"\r\n".join([*pieces, line[at:]])
