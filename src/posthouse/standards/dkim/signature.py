"""The DKIM-Signature field as a value (RFC 6376 section 3.5)."""

import binascii
import re
from collections.abc import Mapping
from functools import lru_cache

import idna
import msgspec

from posthouse.standards.dkim.tags import decode_quoted, parse_tags, without_space

MAX_SIGNATURES = 10  # L38
MAX_NAME = 253  # RFC 1035 section 2.3.4, as text
MOST_FORMS, MOST_SAID = 512, 1500
"""Signatures of one signer differ in little: of so many the rest is remembered, if it is not longer; 4 MiB in all."""
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
    if "q" in tags and "dns/txt" not in [method.strip() for method in tags["q"].lower().split(":")]:
        raise ValueError("unknown query method")
    return read_signature(field, tags, tags.get("i", ""), names_must_be=True)


def read_signature(
    field: bytes, tags: Mapping[str, str], identity: str = "", *, names_must_be: bool = False
) -> Signature:
    """The tags that DKIM-Signature and ARC-Message-Signature have in common; raises ``ValueError``.

    ``identity`` is the value of ``i``, which in ARC is something else. A name in ``h`` that is none signs nothing; in
    ARC that must do, for there it is seen, and a chain once broken is broken for good.
    """
    missing = [name for name in ("a", "b", "bh", "d", "h", "s") if not tags.get(name)]
    if missing:
        raise ValueError(f"tag {missing[0]} is missing")
    said = (tags["d"], tags["s"], identity, tags.get("c", "simple/simple"), tags["h"])
    form = _read_form(*said) if sum(map(len, said)) <= MOST_SAID else _read_form.__wrapped__(*said)
    if names_must_be and not form.has_names:
        raise ValueError("bad field name in h")
    made_at, expires_at = seconds(tags.get("t")), seconds(tags.get("x"))
    if made_at is not None and expires_at is not None and expires_at <= made_at:
        raise ValueError("it expires before it is made")  # RFC 6376 section 3.5
    return Signature(
        field=field,
        algorithm=tags["a"].lower(),
        signature=base64_octets(tags["b"]),
        body_hash=base64_octets(tags["bh"]),
        header_relaxed=form.header_relaxed,
        body_relaxed=form.body_relaxed,
        domain=form.domain,
        selector=form.selector,
        identity=form.identity,
        headers=form.headers,
        made_at=made_at,
        expires_at=expires_at,
        has_length="l" in tags,
    )


class _Form(msgspec.Struct, frozen=True):
    """What the signatures of one signer have in common."""

    domain: str
    selector: str
    identity: str
    header_relaxed: bool
    body_relaxed: bool
    headers: tuple[str, ...]
    has_names: bool
    """Whether ``headers`` are names, each of them."""


@lru_cache(MOST_FORMS)
def _read_form(domain: str, selector: str, identity: str, canonical: str, headers: str) -> _Form:
    """The values of ``d``, ``s``, ``i``, ``c`` and ``h``; raises ``ValueError``."""
    named = signer({"d": domain, "s": selector})
    within = a_label(decode_quoted(identity).rpartition("@")[2]) or named[0]
    if within != named[0] and not within.endswith("." + named[0]):
        raise ValueError("i is not within d")  # RFC 6376 section 3.5
    forms = _canonicalization(canonical)
    names = tuple([name.strip() for name in headers.lower().split(":")])
    if "from" not in names:
        raise ValueError("From is not signed")  # RFC 6376 section 5.4
    return _Form(*named, within, *forms, names, has_names=_FIELD_NAMES.match(headers) is not None)


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
        return binascii.a2b_base64(without_space(text), strict_mode=True)
    except (binascii.Error, ValueError):
        raise ValueError("bad base64") from None


def seconds(text: str | None) -> int | None:
    """The value of ``t`` or ``x``, one of more than 12 digits ``NEVER``; raises ``ValueError``."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise ValueError("bad time")
    return int(text) if len(text) <= 12 else NEVER
