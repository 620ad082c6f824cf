"""What TOP and a client without UTF8 are sent of a message, chunk by chunk.

``Excerpt`` gives the header, the empty line and the first lines of the body
(RFC 1939 section 7, TOP). ``Surrogate`` turns octets outside ASCII in the
header into encoded words, because a client that did not say UTF8 must not be
sent them (RFC 6856 section 2.1); the body is left alone, it may be 8bit.
"""

import re
from base64 import b64encode

_HEADER_END = re.compile(rb"\n\r?\n")
_WORD = re.compile(rb"[^\x00-\x20\"<>(),:;@\[\]\\]++")
"""Any word, in ASCII or not: a search for the octet that is not would begin anew at each letter of a long word."""
_WORD_OCTETS = 42
"""Of the original in one encoded word, which may have 75 characters (RFC 2047 section 2)."""

MAX_HELD_OCTETS = 64 * 1024
"""Of an unfinished header line that are kept for the next chunk (L3)."""


class Excerpt:
    """The header and ``lines`` lines of the body. ``done`` once nothing more is wanted."""

    __slots__ = ("_in_header", "_left", "_tail", "done")

    def __init__(self, lines: int) -> None:
        self._left = lines
        self._in_header = True
        self._tail = b"\n"
        self.done = False

    def cut(self, octets: bytes) -> bytes:
        """As much of ``octets`` as belongs to the excerpt."""
        if self.done:
            return b""
        if not self._in_header:
            return self._body(octets)
        joined = self._tail + octets
        match = _HEADER_END.search(joined)
        if match is None:
            self._tail = joined[-2:]
            return octets
        self._in_header = False
        end = match.end() - len(self._tail)
        return octets[:end] + self._body(octets[end:])

    def _body(self, octets: bytes) -> bytes:
        parts = octets.split(b"\n", self._left) if self._left else [octets]
        if len(parts) <= self._left:
            self._left -= len(parts) - 1
            return octets
        self.done = True
        return octets[: len(octets) - len(parts[-1])]


class Surrogate:
    """A message for a client without UTF8."""

    __slots__ = ("_held", "_in_header")

    def __init__(self) -> None:
        self._held = b""
        self._in_header = True

    def convert(self, octets: bytes, *, last: bool = False) -> bytes:
        """``octets`` with the header in ASCII. What is held back comes with the next chunk, or with ``last``."""
        if not self._in_header:
            return octets
        octets = self._held + octets  # what is held back begins a line
        self._held = b""
        end = _header_end(octets)
        if end is not None:
            self._in_header = False
            return _in_ascii(octets[:end]) + octets[end:]
        # The last line may go on, and its end may be half of the empty line: keep it.
        cut = len(octets) if last else octets.rfind(b"\n", 0, max(0, len(octets) - 2)) + 1
        if len(octets) - cut > MAX_HELD_OCTETS:
            cut = len(octets)
        self._held = octets[cut:]
        return _in_ascii(octets[:cut])


def _header_end(octets: bytes) -> int | None:
    """Where the header of ``octets``, which begin a line, ends; None if it goes on."""
    if octets.startswith((b"\r\n", b"\n")):
        return 0
    match = _HEADER_END.search(octets)
    return match.end() if match is not None else None


def _in_ascii(header: bytes) -> bytes:
    return header if header.isascii() else _WORD.sub(_encoded_words, header)


def _encoded_words(match: "re.Match[bytes]") -> bytes:
    """One word of the header, as encoded words unless it is in ASCII (RFC 2047 section 2)."""
    word = match.group()
    if word.isascii():
        return word
    try:
        word.decode()
    except UnicodeDecodeError:
        parts = [word[at : at + _WORD_OCTETS] for at in range(0, len(word), _WORD_OCTETS)]
        return b" ".join(b"=?unknown-8bit?B?" + b64encode(part) + b"?=" for part in parts)
    return b" ".join(b"=?UTF-8?B?" + b64encode(part) + b"?=" for part in _whole_characters(word))


def _whole_characters(word: bytes) -> list[bytes]:
    """``word`` in parts of at most ``_WORD_OCTETS`` that end between two characters."""
    parts = []
    at = 0
    while at < len(word):
        end = min(at + _WORD_OCTETS, len(word))
        while end < len(word) and word[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(word[at:end])
        at = end
    return parts
