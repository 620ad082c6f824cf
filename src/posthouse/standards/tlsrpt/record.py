"""The TXT record with which a domain asks for TLS reports (RFC 8460 section 3)."""

import re
from typing import Final

from posthouse.standards.dns.ports import Resolver

MAX_URIS: Final = 10
_VERSION = re.compile(r"v=TLSRPTv1[ \t]*;")
_URI = re.compile(r"(?:mailto|https):[^\s,;!]{1,500}\Z", re.IGNORECASE)


def parse_record(text: str) -> tuple[str, ...] | None:
    """The URIs of ``rua`` in order; None if it is no such record, or names nobody."""
    if not _VERSION.match(text):
        return None
    found: list[str] = []
    for part in text.split(";")[1:]:
        name, equals, value = part.partition("=")
        if equals and name.strip() == "rua":  # there may be several
            found += [uri for one in value.split(",") if _URI.match(uri := one.strip())]
    return tuple(found[:MAX_URIS]) or None


async def find_record(resolver: Resolver, domain: str) -> tuple[str, ...]:
    """Where reports about ``domain`` are wanted; nothing unless it has exactly one record. Raises ``DnsTrouble``."""
    answer = await resolver.txt(f"_smtp._tls.{domain}")
    texts = [octets.decode("utf-8", "replace") for octets in answer.records]
    found = [uris for text in texts if text.startswith("v=TLSRPTv1") and (uris := parse_record(text))]
    return found[0] if len(found) == 1 else ()
