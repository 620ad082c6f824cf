"""Message identifiers and lists of them (RFC 5322 section 3.6.4)."""

import re

LONGEST = 998
"""Octets of one identifier that are worth keeping: a line holds no more (RFC 5322 section 2.1.1)."""

_ID = re.compile(rb"<([^<>\x00-\x20\x7f]{1,998})>")
_FOLDED = re.compile(rb"<([^<>]{1,1100})>")


def parse_message_ids(octets: bytes, most: int = 1000) -> list[str]:
    """The identifiers in a References, In-Reply-To or Message-ID value, without brackets, the first ``most``.

    Words between them (old In-Reply-To phrases) are passed over. An identifier
    with white space inside, as some senders fold it, is read without it.
    """
    found = _ID.findall(octets)
    if not found and b"<" in octets:
        found = [joined for one in _FOLDED.findall(octets) if (joined := b"".join(one.split()))]
    return [one.decode("utf-8", "replace") for one in found[:most]]


def parse_message_id(octets: bytes) -> str | None:
    """The one identifier of a Message-ID value; text without brackets is taken as it stands."""
    found = parse_message_ids(octets, 1)
    if found:
        return found[0]
    bare = octets.strip()[:LONGEST]
    return bare.decode("utf-8", "replace") if bare and not re.search(rb"[\s<>]", bare) else None


def format_message_id(left: str, domain: str) -> bytes:
    """A ``msg-id`` of ours."""
    return f"<{left}@{domain}>".encode()
