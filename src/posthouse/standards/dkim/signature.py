"""The DKIM-Signature field as a value (RFC 6376 section 3.5)."""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass

from posthouse.standards.dkim.tags import parse_tags, without_space

MAX_SIGNATURES = 10  # L38
_B_VALUE = re.compile(rb"([:;][ \t\r\n]*b[ \t\r\n]*=)[^;]*?(\r\n\Z|(?=;)|\Z)")
_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+\Z")


@dataclass(frozen=True, slots=True)
class Signature:
    """One parsed signature; ``field`` is the whole field as it stands, for hashing."""

    field: bytes
    algorithm: str
    signature: bytes
    body_hash: bytes
    header_relaxed: bool
    body_relaxed: bool
    domain: str
    selector: str
    identity: str
    """The domain part of ``i``, which is ``domain`` or below it."""
    headers: tuple[str, ...]
    made_at: int | None
    expires_at: int | None
    has_length: bool


def parse_signature(field: bytes) -> Signature:
    """A whole DKIM-Signature field; raises ``ValueError`` saying what is wrong with it."""
    tags = parse_tags(field.partition(b":")[2].decode("utf-8", "replace"))
    missing = [name for name in ("v", "a", "b", "bh", "d", "h", "s") if not tags.get(name)]
    if missing:
        raise ValueError(f"tag {missing[0]} is missing")
    if tags["v"] != "1":
        raise ValueError("unknown version")
    domain, selector = tags["d"].lower().rstrip("."), tags["s"].lower()
    if not _DOMAIN.match(domain) or not _DOMAIN.match(f"{selector}.{domain}"):
        raise ValueError("bad domain or selector")
    identity = tags.get("i", f"@{domain}").rpartition("@")[2].lower()
    if identity != domain and not identity.endswith("." + domain):
        raise ValueError("i is not within d")  # RFC 6376 section 3.5
    header_form, body_form = _canonicalization(tags.get("c", "simple/simple"))
    headers = tuple(name.strip().lower() for name in tags["h"].split(":"))
    if "from" not in headers:
        raise ValueError("From is not signed")  # RFC 6376 section 5.4
    if "dns/txt" not in tags.get("q", "dns/txt").lower().split(":"):
        raise ValueError("unknown query method")
    return Signature(
        field=field,
        algorithm=tags["a"].lower(),
        signature=_base64(tags["b"]),
        body_hash=_base64(tags["bh"]),
        header_relaxed=header_form,
        body_relaxed=body_form,
        domain=domain,
        selector=selector,
        identity=identity,
        headers=headers,
        made_at=_seconds(tags.get("t")),
        expires_at=_seconds(tags.get("x")),
        has_length="l" in tags,
    )


def without_b(field: bytes) -> bytes:
    """The field with the value of ``b`` emptied, as it was when it was signed (RFC 6376 section 3.5)."""
    return _B_VALUE.sub(rb"\1\2", field, count=1)


def _canonicalization(text: str) -> tuple[bool, bool]:
    header, _, body = text.lower().partition("/")
    body = body or "simple"
    if header not in {"simple", "relaxed"} or body not in {"simple", "relaxed"}:
        raise ValueError("unknown canonicalization")
    return header == "relaxed", body == "relaxed"


def _base64(text: str) -> bytes:
    try:
        return b64decode(without_space(text), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("bad base64") from None


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ValueError("bad time")
    return int(text)
