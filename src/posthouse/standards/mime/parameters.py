"""Parameters of MIME fields (RFC 2045 section 5.1), continued and encoded ones joined (RFC 2231).

Tolerant of what is sent: comments, missing quotes, blanks around the equals
sign. Limit L8: parameters beyond ``MOST`` are left out; every step is linear.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote_from_bytes, unquote_to_bytes

from posthouse.standards.mime.charset import decode_text
from posthouse.standards.mime.encodedword import decode_words

MOST = 64

_VALUE = re.compile(rb"[ \t\r\n]*+([^;( \t\r\n]*+(?:[ \t]*+/[ \t]*+[^;( \t\r\n]++)?+)")
_PARAMETER = re.compile(
    rb";[ \t\r\n]*+([^=;\"( \t\r\n]++)[ \t\r\n]*+=[ \t\r\n]*+(?:\"((?:[^\"\\]++|\\.)*+)\"?+|([^;\" \t\r\n]*+))",
    re.DOTALL,
)
_COMMENT = re.compile(rb"\([^()\\]*+\)")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)

Parameters = tuple[tuple[bytes, bytes], ...]


def parse_parameters(octets: bytes, most: int = MOST) -> tuple[bytes, Parameters]:
    """The value in lower case, and the parameters: names in lower case, values unquoted but not decoded, first wins."""
    if b"(" in octets and b'"' not in octets:
        octets = _COMMENT.sub(b" ", octets)
    head = _VALUE.match(octets)
    value = head[1].lower() if head else b""
    found: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(octets, head.end() if head else 0):
        name, quoted, plain = match.groups()
        if len(found) >= most:
            break
        found.setdefault(name.lower(), plain if quoted is None else _unescape(quoted))
    return value, tuple(found.items())


def find_parameter(parameters: Parameters, name: bytes) -> bytes | None:
    """The plain value of ``name``, None if it is not there; RFC 2231 forms are not looked at."""
    for one, value in parameters:
        if one == name:
            return value
    return None


def join_parameters(parameters: Parameters) -> Parameters:
    """Continuations joined (RFC 2231 section 3), each where its first piece stood.

    Where one piece is encoded the whole is: its name ends in ``*``, as if it had come in one (section 4.1).
    """
    if not any(b"*" in name for name, _ in parameters):
        return parameters
    known = dict(parameters)
    found: dict[bytes, bytes] = {}
    joined: set[bytes] = set()
    for name, value in parameters:
        head, _, rest = name.partition(b"*")
        if head and rest in {b"0", b"0*"}:
            names = _pieces(known, head)
            joined.update(names)
            found.setdefault(*_joined(head, [(one[-1:] == b"*", known[one]) for one in names]))
        else:
            found.setdefault(name, value)
    return tuple((name, value) for name, value in found.items() if name not in joined)


def _pieces(known: Mapping[bytes, bytes], head: bytes) -> list[bytes]:
    """The names of the pieces of ``head``, up to the first that is missing."""
    found: list[bytes] = []
    while True:
        name = b"%b*%d" % (head, len(found))
        if name + b"*" in known:
            name += b"*"
        elif name not in known:
            return found
        found.append(name)


def _joined(head: bytes, pieces: Sequence[tuple[bool, bytes]]) -> tuple[bytes, bytes]:
    """Name and value of the whole. A piece that is not encoded is encoded when another is."""
    if not any(encoded for encoded, _ in pieces):
        return head, b"".join([value for _, value in pieces])
    values = [value if encoded else quote_from_bytes(value, safe="").encode() for encoded, value in pieces]
    return head + b"*", (b"" if pieces[0][0] else b"''") + b"".join(values)


def decode_parameter(parameters: Parameters, name: str) -> str | None:
    """The value of ``name`` as text: RFC 2231 continuations joined, percent octets and charset decoded.

    Encoded words in a plain value are decoded too: RFC 2047 section 5 forbids
    them there, and half the world sends file names that way.
    """
    wanted = name.encode()
    plain = find_parameter(parameters, wanted)
    parts: dict[int, tuple[bytes, bool]] = {}
    for one, value in parameters:
        head, star, rest = one.partition(b"*")
        if head != wanted or not star:
            continue
        number, _, encoded = rest.partition(b"*")
        if not rest:
            parts[0] = (value, True)
        elif number.isdigit() and len(number) < 4:
            parts.setdefault(int(number), (value, rest.endswith(b"*") or bool(encoded)))
    if 0 not in parts:
        return decode_words(plain) if plain is not None else None
    charset = ""
    pieces = []
    for index in range(len(parts)):
        if index not in parts:
            break
        value, encoded_too = parts[index]
        if index == 0 and encoded_too and value.count(b"'") >= 2:
            name_octets, _, value = value.split(b"'", 2)
            charset = name_octets.decode("ascii", "replace")
        pieces.append(unquote_to_bytes(value) if encoded_too else value)
    return decode_text(b"".join(pieces), charset)


def _unescape(octets: bytes) -> bytes:
    octets = octets.replace(b"\r\n", b"")
    return _ESCAPE.sub(rb"\1", octets) if b"\\" in octets else octets
