"""The attributes of a FETCH response (RFC 9051 section 7.5.2), as octets ready to send."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from posthouse.standards.imap.text import format_nstring, format_text

_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_LAST = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)


def uid(number: int) -> bytes:
    return b"UID %d" % number


def size(octets: int) -> bytes:
    return b"RFC822.SIZE %d" % octets


def flags(names: Iterable[str]) -> bytes:
    """FLAGS, sorted so that the same flags always read the same."""
    return b"FLAGS (%b)" % " ".join(sorted(names)).encode("ascii")


def modseq(number: int) -> bytes:
    """RFC 7162 section 3.1.4."""
    return b"MODSEQ (%d)" % number


def format_date_time(seconds: int) -> bytes:
    """``date-time`` in UTC: ``"17-Jul-1996 02:44:25 +0000"``, without locale."""
    at = _EPOCH + timedelta(seconds=min(max(_FIRST, seconds), _LAST))
    return b'"%2d-%b-%04d %02d:%02d:%02d +0000"' % (
        at.day, _MONTHS[at.month - 1], at.year, at.hour, at.minute, at.second
    )  # fmt: skip


def internaldate(seconds: int) -> bytes:
    return b"INTERNALDATE " + format_date_time(seconds)


def savedate(seconds: int | None) -> bytes:
    """RFC 8514 section 4.3."""
    return b"SAVEDATE " + (b"NIL" if seconds is None else format_date_time(seconds))


def email_id(identity: str) -> bytes:
    """RFC 8474 section 5.1."""
    return b"EMAILID (%b)" % identity.encode("ascii")


def thread_id(identity: str | None) -> bytes:
    """RFC 8474 section 5.2."""
    return b"THREADID NIL" if not identity else b"THREADID (%b)" % identity.encode("ascii")


def preview(text: str | None, *, utf8: bool) -> bytes:
    """RFC 8970 section 3.1; an empty preview says that there is nothing to show."""
    return b"PREVIEW " + (format_nstring(None) if text is None else format_text(text, utf8=utf8))


def envelope(formatted: bytes) -> bytes:
    """``formatted`` comes from ``envelope.format_envelope``."""
    return b"ENVELOPE " + formatted


def body(formatted: bytes) -> bytes:
    """``formatted`` comes from ``bodystructure.format_bodystructure``."""
    return b"BODY " + formatted


def bodystructure(formatted: bytes) -> bytes:
    return b"BODYSTRUCTURE " + formatted


def binary_size(label: bytes, octets: int) -> bytes:
    return b"%b %d" % (label, octets)
