"""Fields from outside that claim what only we may say (RFC 8601 section 5, RFC 5321 section 4.4; threat D03).

They are cut out after every signature has been looked at and before the
message is stored. ARC fields and what others found out stay as they came.
"""

import re
from collections.abc import Sequence

from posthouse.standards.authres.claim import is_claimed_by
from posthouse.standards.imf.header import Header

Span = tuple[int, int]
_OURS = frozenset({"return-path", "posthouse-sender"})
"""Nobody but us writes these: RFC 5321 section 4.4, ``filter.display``."""
_TRUSTED = frozenset({"authentication-results", "x-authentication-results"})
_GUARDED = _OURS | _TRUSTED
MAX_LOOKED_AT = 200
"""Results of others in one message; more are cut out unread, for each may cost 30 us. Honest mail has some ten."""
_UNSEEN = re.compile(rb"[\x00-\x20\x7f-\xff]+")


def forged_fields(header: Header, authserv_id: str) -> tuple[Span, ...]:
    """Where in the content they stand, top to bottom; empty for nearly every message, at the cost of a few look-ups."""
    if not header.garbage and not header.has_any(_GUARDED):
        return ()
    spans, looked_at = [], 0
    for one in header.fields:
        name, value = _read(one.name, one.value)
        is_forged = name in _OURS
        if name in _TRUSTED:
            looked_at += 1
            is_forged = looked_at > MAX_LOOKED_AT or is_claimed_by(value, authserv_id)
        if is_forged:
            spans.append((one.start, one.end))
    return tuple(spans)


def _read(name: str, value: bytes) -> tuple[str, bytes]:
    if not name:  # no field for us, but maybe for one who unfolds first, or skips what he does not know
        hidden, colon, value = value.partition(b":")
        name = _UNSEEN.sub(b"", hidden).lower().decode("ascii") if colon else ""
    return name, value


def without(content: bytes, spans: Sequence[Span]) -> bytes:
    """``content`` without the spans."""
    pieces, start = [], 0
    for begin, end in spans:
        pieces.append(content[start:begin])
        start = end
    return b"".join([*pieces, content[start:]])
