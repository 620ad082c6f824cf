"""The first words of a message for a list of messages (RFC 8970), at most 256 characters. Looks at a few KiB only."""

import html
import re

from posthouse.standards.mime.charset import decode_text
from posthouse.standards.mime.parameters import find_parameter
from posthouse.standards.mime.structure import Part
from posthouse.standards.mime.transfer import IDENTITY, decode_transfer

LONGEST = 256
_PLAIN_OCTETS = 512
_CODED_OCTETS = 1024
_HTML_OCTETS = 16 * 1024
_MOST_PARTS = 50

_INVISIBLE = re.compile(r"(?is)<(script|style|head|title|template)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)")
_TAG = re.compile(r"<[^>]*+>?+")
_NO_CHARACTER = re.compile(r"&#[0-9]{8,}+;?+")
"""A number beyond Unicode; ``html.unescape`` raises ValueError when Python finds it too long to read."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")


def preview_text(octets: bytes, top: Part) -> str:
    """The beginning of the first text a reader would see, white space collapsed; empty if there is none."""
    part = top if top.type == b"text" else _first_text(top)
    if part is None:
        return ""
    is_html = part.subtype == b"html"
    most = _HTML_OCTETS if is_html else _PLAIN_OCTETS if part.encoding in IDENTITY else _CODED_OCTETS
    raw = octets[part.body : min(part.end, part.body + most)]
    if part.encoding not in IDENTITY:
        raw = decode_transfer(raw, part.encoding)
    if not raw.isascii():
        if part.encoding in IDENTITY:
            raw = octets[part.body : min(part.end, part.body + 2 * most)]
        raw = _whole_characters(raw)
    charset = find_parameter(part.parameters, b"charset") or b""
    text = decode_text(raw, charset.decode("ascii", "replace"))
    return squeeze(strip_html(text) if is_html else text)


def strip_html(text: str) -> str:
    """The visible words of HTML, roughly: for previews and searching, never for showing."""
    return html.unescape(_NO_CHARACTER.sub("\ufffd", _TAG.sub(" ", _INVISIBLE.sub(" ", text))))


def squeeze(text: str) -> str:
    """White space collapsed, controls and direction marks removed, at most ``LONGEST`` characters."""
    line = " ".join(text[: LONGEST * 4].split())
    if not line.isprintable():
        line = " ".join(_CONTROL.sub(" ", line).split())
    return line[:LONGEST]


def _first_text(top: Part) -> Part | None:
    """The first text/plain that is no attachment, else the first text/html, in reading order."""
    waiting = [top]
    fallback: Part | None = None
    for _ in range(_MOST_PARTS):
        if not waiting:
            break
        part = waiting.pop()
        if part.type == b"text" and part.disposition != b"attachment":
            if part.subtype == b"plain":
                return part
            fallback = fallback or part
        elif part.type == b"multipart":
            waiting.extend(reversed(part.parts[:_MOST_PARTS]))
    return fallback


def _whole_characters(octets: bytes) -> bytes:
    """``octets`` without a last character that was cut in two, for charsets that keep ASCII bytes for ASCII."""
    for back in range(1, min(4, len(octets)) + 1):
        octet = octets[-back]
        if octet >= 0xC0:
            length = 2 if octet < 0xE0 else 3 if octet < 0xF0 else 4
            return octets[:-back] if length > back else octets
        if octet < 0x80:
            break
    return octets
