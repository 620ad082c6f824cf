"""What the server at the other end offers, read from its answer to EHLO or LHLO (RFC 5321 section 4.1.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Offered:
    """The extensions a client may use. All False is a server that knows only HELO."""

    pipelining: bool = False  # RFC 2920
    chunking: bool = False  # RFC 3030
    binarymime: bool = False  # RFC 3030
    eightbitmime: bool = False  # RFC 6152
    smtputf8: bool = False  # RFC 6531
    dsn: bool = False  # RFC 3461
    starttls: bool = False  # RFC 3207
    requiretls: bool = False  # RFC 8689
    size: int | None = None
    """RFC 1870: None when not offered, 0 when there is no fixed limit."""
    mechanisms: frozenset[str] = frozenset()
    recipients_max: int | None = None  # RFC 9422 section 4
    messages_max: int | None = None


def parse_offered(lines: Sequence[str]) -> Offered:
    """The extensions named in the text lines of an EHLO answer, the first (the greeting) left out."""
    found: dict[str, str] = {}
    for line in lines[1:]:
        keyword, _, value = line.strip().partition(" ")
        found.setdefault(keyword.upper(), value)
    limits = dict(part.upper().partition("=")[::2] for part in found.get("LIMITS", "").split())
    return Offered(
        pipelining="PIPELINING" in found,
        chunking="CHUNKING" in found,
        binarymime="BINARYMIME" in found and "CHUNKING" in found,  # RFC 3030 section 3
        eightbitmime="8BITMIME" in found,
        smtputf8="SMTPUTF8" in found,
        dsn="DSN" in found,
        starttls="STARTTLS" in found,
        requiretls="REQUIRETLS" in found,
        size=(_number(found["SIZE"]) or 0) if "SIZE" in found else None,
        mechanisms=frozenset(found.get("AUTH", "").upper().split()),
        recipients_max=_number(limits.get("RCPTMAX", "")) or None,
        messages_max=_number(limits.get("MAILMAX", "")) or None,
    )


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None
