"""Content of 8 bits made into 7 for a server that takes no more (RFC 6152 section 3, RFC 2045 section 6).

Part by part: a text becomes quoted-printable or base64, whichever is shorter,
anything else base64; containers are relabelled. What must not be touched stays
untouched or makes the whole unconvertible: signed and encrypted parts (RFC 1847
section 2.1), raw 8-bit headers, parts of a message in a foreign encoding.
"""

import base64
import binascii

from posthouse.standards.imf.header import Header, parse_header
from posthouse.standards.mime.structure import Part, parse_structure

CTE = "content-transfer-encoding"
SEALED = frozenset({b"signed", b"encrypted"})
PLAIN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})

Edit = tuple[int, int, bytes]


class Unconvertible(ValueError):
    """It cannot become 7-bit without loss or breaking a signature."""


def convert_to_7bit(octets: bytes) -> bytes:
    """``octets`` as a message of ASCII lines that any server takes; raises ``Unconvertible``."""
    edits: list[Edit] = []
    top = parse_structure(octets)
    waiting = [top]
    while waiting:
        part = waiting.pop()
        if _is_plain(octets, part.header, part.end) and part.encoding != b"binary":
            edits += _relabel(octets, part) if part.encoding == b"8bit" else []
            continue
        header = parse_header(octets, part.header, part.body)
        if not octets[part.header : part.body].isascii():
            raise Unconvertible("8-bit octets in a header")
        if part.parts:
            if part.type == b"multipart" and part.subtype in SEALED:
                raise Unconvertible("a signed or encrypted part")
            edits += _relabel(octets, part)
            waiting += part.parts
        else:
            edits += _encode(octets, part, header, is_top=part is top)
    converted = _apply(octets, edits)
    if not _is_plain(converted, 0, len(converted)):
        raise Unconvertible("8-bit octets between the parts")
    return converted


def _is_plain(octets: bytes, start: int, end: int) -> bool:
    """ASCII without NUL, every CR and LF in a CRLF."""
    piece = octets[start:end]
    pairs = piece.count(b"\r\n")
    return piece.isascii() and piece.count(b"\n") == pairs and piece.count(b"\r") == pairs and b"\0" not in piece


def _relabel(octets: bytes, part: Part) -> list[Edit]:
    """A label of 8bit or binary says 7bit from now on."""
    header = parse_header(octets, part.header, part.body)
    return [
        (field.start, field.end, b"Content-Transfer-Encoding: 7bit\r\n")
        for field in header.fields
        if field.name.lower() == CTE and part.encoding in PLAIN_ENCODINGS
    ]


def _encode(octets: bytes, part: Part, header: Header, *, is_top: bool) -> list[Edit]:
    """A leaf in an encoding of 7 bits, and the label that says so."""
    kind = (header.first("content-type") or b"text/plain").lower().lstrip()
    if part.encoding not in PLAIN_ENCODINGS or kind.startswith((b"message/", b"multipart/")):
        raise Unconvertible("a part that may not be encoded")  # RFC 2046 section 5.2
    label, body = _shortest(octets[part.body : part.end], is_text=kind.startswith(b"text/"))
    edits = [(field.start, field.end, b"") for field in header.fields if field.name.lower() == CTE]
    lines = b"Content-Transfer-Encoding: " + label + b"\r\n"
    if is_top and "mime-version" not in header:
        lines = b"MIME-Version: 1.0\r\n" + lines
        if "content-type" not in header:  # RFC 1428 section 3
            lines += b"Content-Type: text/plain; charset=unknown-8bit\r\n"
    end = header.end
    if end and end == part.body:  # a header without the empty line that ends it
        lines += b"\r\n"
    return [*edits, (end, end, lines), (part.body, part.end, body)]


def _shortest(body: bytes, *, is_text: bool) -> tuple[bytes, bytes]:
    encoded = base64.encodebytes(body).replace(b"\n", b"\r\n")
    if not body.endswith(b"\n"):
        encoded = encoded.removesuffix(b"\r\n")  # in a multipart the line end belongs to the delimiter
    if not is_text or body.count(b"\r") != body.count(b"\r\n") or body.count(b"\n") != body.count(b"\r\n"):
        return b"base64", encoded
    quoted = binascii.b2a_qp(body, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return (b"quoted-printable", quoted) if len(quoted) <= len(encoded) else (b"base64", encoded)


def _apply(octets: bytes, edits: list[Edit]) -> bytes:
    pieces: list[bytes] = []
    at = 0
    for start, end, replacement in sorted(edits, key=lambda edit: edit[:2]):
        pieces += (octets[at:start], replacement)
        at = end
    pieces.append(octets[at:])
    return b"".join(pieces)
