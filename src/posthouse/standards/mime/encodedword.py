"""Encoded words in header fields (RFC 2047, language tags of RFC 2231 section 5)."""

import binascii
import re

from posthouse.standards.mime.charset import decode_text

MOST_WORDS = 2000
"""Of one field; what comes after stays as it is (threat M04)."""

_WORD = re.compile(
    rb"=\?([!#-)+\-0-9A-Z^-~]{1,60})(?:\*[A-Za-z0-9-]{0,20})?\?"
    rb"(?:[Bb]\?([^? \t\r\n]*+)|[Qq]\?((?:[^=?\r\n]++|=(?!\?[^=])|\?(?!=))*+))\?="
)
"""Q words hold spaces and question marks too, as many programs write them (RFC 2047 section 4.2 has
them encoded): nothing but the start of another word, a line's end or their own end ends them."""


def decode_words(octets: bytes) -> str:
    """A field value as text for people: encoded words decoded, the rest read as UTF-8. Never fails.

    White space between two encoded words vanishes (RFC 2047 section 6.2), and
    the octets of neighbours in one charset are joined before they are decoded,
    because many senders split a character between two words.
    """
    if b"=?" not in octets:
        return decode_text(octets)
    texts: list[str] = []
    pending: list[bytes] = []
    charset = ""
    end = 0
    for count, match in enumerate(_WORD.finditer(octets)):
        if count >= MOST_WORDS:
            break
        between = octets[end : match.start()]
        apart = bool(between.strip(b" \t\r\n")) or not (end or pending)
        name = match[1].decode("ascii").lower()
        if apart or name != charset:
            texts.append(decode_text(b"".join(pending), charset))
            pending = []
            if apart:
                texts.append(decode_text(between))
        charset = name
        if match[3] is None:
            pending.append(decode_base64_leniently(match[2]))
        else:
            pending.append(binascii.a2b_qp(match[3], header=True))
        end = match.end()
    texts.append(decode_text(b"".join(pending), charset))
    texts.append(decode_text(octets[end:]))
    return "".join(texts)


def encode_words(text: str) -> bytes:
    """``text`` for a header field of ours: as it stands if it is printable ASCII, else as words in UTF-8.

    Each word is at most 75 octets and holds whole characters (RFC 2047 section 5).
    """
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text.encode("ascii")
    words = []
    room = bytearray()
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(room) + len(octets) > 45:
            words.append(bytes(room))
            room.clear()
        room += octets
    words.append(bytes(room))
    return b"\r\n ".join(b"=?utf-8?B?" + binascii.b2a_base64(word, newline=False) + b"?=" for word in words)


def decode_base64_leniently(octets: bytes) -> bytes:
    """Base64 with foreign characters dropped and missing padding made up; never fails."""
    try:
        return binascii.a2b_base64(octets)
    except binascii.Error:
        kept = _NOT_BASE64.sub(b"", octets).partition(b"=")[0]
        kept = kept[:-1] if len(kept) % 4 == 1 else kept
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
