"""Recipients taken out of a header that others are shown (RFC 6590): the same one is always the same word.

Who knows the key can compare; who does not learns that two messages were for
the same person, and no more. Domains stay: they say where it went wrong.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Final

from posthouse.standards.imf.header import Header

MOST_LINE: Final = 900
MOST_DOMAINS: Final = 20
RECIPIENT_FIELDS: Final = frozenset(
    {
        "to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "apparently-to", "delivered-to", "x-original-to",
        "envelope-to", "x-envelope-to", "x-rcpt-to", "x-forwarded-to", "x-forwarded-for", "original-recipient",
        "received",
    }
)  # fmt: skip
"""Where any address is that of somebody it was for, or passed through."""

_ADDRESS = re.compile(
    rb'(?P<local>"[^"]*+"|(?<![^\s<>()\[\],;:@"\\])[^\s<>()\[\],;:@"\\]++)(?P<at>\s*+@\s*+)(?P<domain>[A-Za-z0-9.\x80-\xff-]++)'
)
"""Each octet is looked at a bounded number of times: nothing before a word is a part of it."""
_UNSAFE = re.compile(rb"[^\t\x20-\x7e]")


class Redaction:
    """``domains`` are those of the recipients: an address there is taken out wherever it stands."""

    __slots__ = ("_domains", "_hidden", "_key")

    def __init__(self, key: bytes, domains: Iterable[str]) -> None:
        self._key = key
        self._domains = frozenset(one.lower().encode() for one in domains)
        named = b"|".join(re.escape(one) for one in sorted(self._domains)[:MOST_DOMAINS])
        self._hidden = re.compile(rb"(?<![\w.+-])([\w.+-]++)(=|%40)(" + named + rb")", re.IGNORECASE) if named else None
        """As return paths and links have an address of somebody else in them."""

    def text(self, octets: bytes, *, everybody: bool = False) -> bytes:
        """Without the recipients' local parts; with ``everybody`` without anybody's."""

        def replace(match: re.Match[bytes]) -> bytes:
            if not everybody and match["domain"].lower().rstrip(b".") not in self._domains:
                return match[0]
            return self._word(match["local"]) + match["at"] + match["domain"]

        octets = _ADDRESS.sub(replace, octets)
        if self._hidden is None:
            return octets
        return self._hidden.sub(lambda match: self._word(match[1]) + match[2] + match[3], octets)

    def header(self, header: Header) -> bytes:
        """All fields, redacted, as text that any mail can carry: ASCII, no long lines, no control characters."""
        lines: list[bytes] = []
        for field in header.fields:
            if field.name:
                value = self.text(field.value, everybody=field.name.lower() in RECIPIENT_FIELDS)
                name = header.octets[field.start - header.start :][: len(field.name)]  # as it was spelt
                first, *more = (name + b":" + value).splitlines()
                lines += [first, *[line if line.startswith((b" ", b"\t")) else b"\t" + line for line in more]]
        return b"".join([_UNSAFE.sub(b"?", line)[:MOST_LINE] + b"\r\n" for line in lines if line.strip()])

    def _word(self, local: bytes) -> bytes:
        digest = hashlib.blake2b(local.strip(b'"').lower(), digest_size=9, key=self._key[:64]).digest()
        return b"redacted-" + urlsafe_b64encode(digest)
