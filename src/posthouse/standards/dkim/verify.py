"""Verification of all signatures of a message, the body hashed while it streams in (RFC 6376 section 6).

A message's header comes first: ``Verifier`` reads its signatures and knows
which canonical forms of the body are wanted; each chunk then goes through at
most two hashes; ``finish`` asks the DNS for keys. The first 10 signatures are
tried (L38). A signature with ``l=`` or one that leaves the Subject unsigned
proves too little: its result is ``policy``, never ``pass``.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from hmac import compare_digest

from posthouse.standards.dkim.canonical import BodyHash, RelaxedBody, SimpleBody, relaxed_field
from posthouse.standards.dkim.key import PublicKey, parse_key
from posthouse.standards.dkim.signature import MAX_SIGNATURES, Signature, parse_signature, without_b
from posthouse.standards.dns.ports import DnsTrouble, Resolver
from posthouse.standards.imf.header import Header

FUTURE_SECONDS = 3600
"""How far ahead the signer's clock may be."""


class Result(Enum):
    """RFC 8601 section 2.7.1."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Verification:
    """What one signature is worth. ``domain`` and the rest are empty when it could not even be read."""

    result: Result
    reason: str = ""
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    bits: int = 0
    testing: bool = False
    signature: bytes = b""


class Verifier:
    """One message on its way in: ``update`` with the body, then ``finish``."""

    def __init__(self, header: Header) -> None:
        self._fields = raw_fields(header)
        self._bodies: dict[bool, BodyHash] = {}
        signatures = [field for name, field in self._fields if name == "dkim-signature"]
        self._found = [self._read(field) for field in signatures[:MAX_SIGNATURES]]

    def _read(self, field: bytes) -> Signature | Verification:
        try:
            signature = parse_signature(field)
        except ValueError as wrong:
            return Verification(Result.PERMERROR, str(wrong))
        if signature.algorithm not in {"rsa-sha256", "ed25519-sha256"}:  # RFC 8301 section 3.1
            return _told(signature, Result.PERMERROR, f"algorithm {signature.algorithm[:20]} is not used any more")
        if signature.body_relaxed not in self._bodies:
            self._bodies[signature.body_relaxed] = RelaxedBody() if signature.body_relaxed else SimpleBody()
        return signature

    @property
    def is_needed(self) -> bool:
        """Whether anybody asks for the body: without a readable signature there is nothing to hash."""
        return bool(self._bodies)

    def update(self, octets: bytes) -> None:
        for body in self._bodies.values():
            body.update(octets)

    async def finish(self, resolver: Resolver, now: int) -> tuple[Verification, ...]:
        """One ``Verification`` for each signature, top to bottom."""
        digests = {relaxed: body.digest() for relaxed, body in self._bodies.items()}
        keys: dict[str, PublicKey | Verification] = {}
        results = []
        for found in self._found:
            if isinstance(found, Signature):
                found = await self._verify(found, digests[found.body_relaxed], resolver, now, keys)  # noqa: PLW2901
            results.append(found)
        return tuple(results)

    async def _verify(
        self,
        signature: Signature,
        digest: bytes,
        resolver: Resolver,
        now: int,
        keys: dict[str, "PublicKey | Verification"],
    ) -> Verification:
        if not compare_digest(digest, signature.body_hash) and not signature.has_length:
            return _told(signature, Result.FAIL, "body hash did not verify")
        name = f"{signature.selector}._domainkey.{signature.domain}"
        if name not in keys:
            keys[name] = await _fetch_key(name, resolver)
        key = keys[name]
        if isinstance(key, Verification):
            return _told(signature, key.result, key.reason)
        return self._judge(signature, key, now)

    def _judge(self, signature: Signature, key: PublicKey, now: int) -> Verification:
        if not signature.algorithm.startswith(key.kind):
            return _told(signature, Result.PERMERROR, "key and signature are of different kinds")
        if key.strict and signature.identity != signature.domain:
            return _told(signature, Result.PERMERROR, "key forbids subdomains")
        if signature.has_length:
            return _told(signature, Result.POLICY, "only a part of the body is signed", key)
        if not key.is_signature_of(header_digest(self._fields, signature), signature.signature):
            return _told(signature, Result.FAIL, "signature did not verify", key)
        if "subject" not in signature.headers:
            return _told(signature, Result.POLICY, "the Subject is not signed", key)
        if signature.expires_at is not None and signature.expires_at < now:
            return _told(signature, Result.FAIL, "signature expired", key)
        if signature.made_at is not None and signature.made_at > now + FUTURE_SECONDS:
            return _told(signature, Result.FAIL, "signature is from the future", key)
        return _told(signature, Result.PASS, "", key)


def raw_fields(header: Header) -> list[tuple[str, bytes]]:
    """Lower-case names and whole fields as they stand, each with its CRLF."""
    octets, base = header.octets, header.start
    spans = ((field.name, octets[field.start - base : field.end - base]) for field in header.fields)
    return [(name.lower(), field.removesuffix(b"\r\n") + b"\r\n") for name, field in spans]


def header_digest(fields: Sequence[tuple[str, bytes]], signature: Signature) -> bytes:
    """The hash that was signed (RFC 6376 section 3.7): named fields from the bottom up, then the signature itself."""
    form = relaxed_field if signature.header_relaxed else bytes
    unused: dict[str, list[bytes]] = {}
    for name, field in fields:
        unused.setdefault(name, []).append(field)
    state = hashlib.sha256()
    for name in signature.headers:
        if unused.get(name):
            state.update(form(unused[name].pop()))
    state.update(form(without_b(signature.field)).removesuffix(b"\r\n"))
    return state.digest()


async def _fetch_key(name: str, resolver: Resolver) -> PublicKey | Verification:
    try:
        records = (await resolver.txt(name)).records
    except DnsTrouble:
        return Verification(Result.TEMPERROR, "no answer about the key")
    if not records:
        return Verification(Result.PERMERROR, "no key")
    if len(records) > 1:
        return Verification(Result.PERMERROR, "more than one key record")  # RFC 6376 section 3.6.2.2
    try:
        return parse_key(records[0])
    except ValueError as wrong:
        return Verification(Result.PERMERROR, str(wrong))


def _told(signature: Signature, result: Result, reason: str, key: PublicKey | None = None) -> Verification:
    return Verification(
        result,
        reason,
        signature.domain,
        signature.selector,
        signature.identity,
        signature.algorithm,
        key.bits if key else 0,
        key.testing if key else False,
        signature.signature,
    )
