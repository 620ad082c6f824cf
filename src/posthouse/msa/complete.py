"""Making a submission whole: what a client left out is added, what it must not tell is removed (RFC 6409 section 8).

The content at rest is never rewritten, so both happen on its way in: fields
that are added go before the content, and the header reaches the blob without
its Bcc and without fields that only we may write (threat D03).
"""

from posthouse.filter.forgery import forged_fields, without
from posthouse.standards.imf.date import format_date
from posthouse.standards.imf.header import Header
from posthouse.standards.imf.messageid import format_message_id

SECRET = frozenset({"bcc", "resent-bcc"})
"""RFC 5322 section 3.6.3: who else got it is nobody's business."""

SEAM = b"\r\n\r\n"


class HeaderGate:
    """Holds the first octets of a content back until its header is complete, whatever pieces they come in."""

    __slots__ = ("_octets",)

    def __init__(self) -> None:
        self._octets = bytearray()

    def __len__(self) -> int:
        return len(self._octets)

    def add(self, octets: bytes) -> bool:
        """Whether the header is complete now. Each octet is looked at once."""
        held = self._octets
        start = max(0, len(held) - len(SEAM) + 1)
        held += octets
        return held.startswith(b"\r\n") or held.find(SEAM, start) >= 0

    def open(self) -> bytes:
        """All that was held back."""
        return bytes(self._octets)


def missing_fields(header: Header, seconds: float, left: str, domain: str) -> bytes:
    """Date and Message-ID, if the message lacks them (RFC 6409 sections 8.2 and 8.3)."""
    added = b""
    if "date" not in header:
        added += b"Date: " + format_date(seconds) + b"\r\n"
    if "message-id" not in header:
        added += b"Message-ID: " + format_message_id(left, domain) + b"\r\n"
    return added


def without_secrets(octets: bytes, header: Header, authserv_id: str) -> bytes:
    """``octets``, which begin with ``header``, without what names hidden recipients and what only we write."""
    forged = forged_fields(header, authserv_id)
    if SECRET.isdisjoint(header.names):
        return without(octets, forged) if forged else octets
    hidden = [(field.start, field.end) for field in header.fields if field.name in SECRET]
    return without(octets, sorted([*hidden, *forged]))
