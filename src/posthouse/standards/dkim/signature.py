"""The DKIM-Signature field as a value (RFC 6376 section 3.5)."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping

import idna
import msgspec

from posthouse.standards.dkim.tags import decode_quoted, parse_tags, without_space

MAX_SIGNATURES = 10  # L38
MAX_NAME = 253  # RFC 1035 section 2.3.4, as text
NEVER = 10**12
"""RFC 6376 section 3.5: what is later is at no time."""
_B_FIRST = re.compile(rb"[^:]*+:[ \t\r\n]*+b[ \t\r\n]*+=")
_B_LATER = re.compile(rb";[ \t\r\n]*+b[ \t\r\n]*+=")
_FIELD_NAMES = re.compile(r"\s*+[!-9;-~]++\s*+(?::\s*+[!-9;-~]++\s*+)*+\Z")
_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z")


class Signature(msgspec.Struct, frozen=True):
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
    if not tags.get("v"):
        raise ValueError("tag v is missing")
    if tags["v"] != "1":
        raise ValueError("unknown version")
    if "dns/txt" not in (method.strip() for method in tags.get("q", "dns/txt").lower().split(":")):
        raise ValueError("unknown query method")
    signature = read_signature(field, tags, tags.get("i", ""))
    if not _FIELD_NAMES.match(tags["h"]):
        raise ValueError("bad field name in h")
    return signature


def read_signature(field: bytes, tags: Mapping[str, str], identity: str = "") -> Signature:
    """The tags that DKIM-Signature and ARC-Message-Signature have in common; raises ``ValueError``.

    ``identity`` is the value of ``i``, which in ARC is something else. A name in ``h`` that is none signs nothing; in
    ARC that must do, for there it is seen, and a chain once broken is broken for good.
    """
    missing = [name for name in ("a", "b", "bh", "d", "h", "s") if not tags.get(name)]
    if missing:
        raise ValueError(f"tag {missing[0]} is missing")
    domain, selector = signer(tags)
    identity = a_label(decode_quoted(identity).rpartition("@")[2]) or domain
    if identity != domain and not identity.endswith("." + domain):
        raise ValueError("i is not within d")  # RFC 6376 section 3.5
    header_form, body_form = _canonicalization(tags.get("c", "simple/simple"))
    headers = tuple([name.strip() for name in tags["h"].lower().split(":")])
    if "from" not in headers:
        raise ValueError("From is not signed")  # RFC 6376 section 5.4
    made_at, expires_at = seconds(tags.get("t")), seconds(tags.get("x"))
    if made_at is not None and expires_at is not None and expires_at <= made_at:
        raise ValueError("it expires before it is made")  # RFC 6376 section 3.5
    return Signature(
        field=field,
        algorithm=tags["a"].lower(),
        signature=base64_octets(tags["b"]),
        body_hash=base64_octets(tags["bh"]),
        header_relaxed=header_form,
        body_relaxed=body_form,
        domain=domain,
        selector=selector,
        identity=identity,
        headers=headers,
        made_at=made_at,
        expires_at=expires_at,
        has_length="l" in tags,
    )


def signer(tags: Mapping[str, str]) -> tuple[str, str]:
    """``d`` and ``s`` as A-labels, together a name that can be asked for; raises ``ValueError``."""
    domain, selector = a_label(tags["d"]), a_label(tags["s"])
    if "." not in domain or not _DOMAIN.match(domain) or not _DOMAIN.match(selector):
        raise ValueError("bad domain or selector")
    if len(key_name(domain, selector)) > MAX_NAME:  # no name; asking for it would look like DNS trouble
        raise ValueError("domain or selector too long")
    return domain, selector


def key_name(domain: str, selector: str) -> str:
    """Where the public key is published (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def a_label(text: str) -> str:
    """A domain name in lower case without the last dot, U-labels as A-labels (RFC 8616 section 4)."""
    text = text.lower().rstrip(".")
    if text.isascii():
        return text
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise ValueError("bad domain or selector") from None


def without_b(field: bytes) -> bytes:
    """The field with the value of ``b`` emptied, as it was when it was signed (RFC 6376 section 3.5)."""
    start = _B_FIRST.match(field) or _B_LATER.search(field)
    if start is None:
        return field
    end = field.find(b";", start.end())
    if end < 0:
        end = len(field.removesuffix(b"\r\n"))
    return field[: start.end()] + field[end:]


def _canonicalization(text: str) -> tuple[bool, bool]:
    header, _, body = text.lower().partition("/")
    body = body or "simple"
    if header not in {"simple", "relaxed"} or body not in {"simple", "relaxed"}:
        raise ValueError("unknown canonicalization")
    return header == "relaxed", body == "relaxed"


def base64_octets(text: str) -> bytes:
    """The value of ``b`` or ``bh``, which may be folded anywhere; raises ``ValueError``."""
    try:
        return b64decode(without_space(text), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("bad base64") from None


def seconds(text: str | None) -> int | None:
    """The value of ``t`` or ``x``, one of more than 12 digits ``NEVER``; raises ``ValueError``."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise ValueError("bad time")
    return int(text) if len(text) <= 12 else NEVER
