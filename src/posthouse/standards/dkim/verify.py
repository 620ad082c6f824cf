"""Verification of all signatures of a message, the body hashed while it streams in (RFC 6376 section 6).

A message's header comes first: ``Verifier`` reads its signatures and knows
which canonical forms of the body are wanted; each chunk then goes through at
most two hashes; ``finish`` asks the DNS for keys. The first 10 signatures are
tried (L38). A signature with ``l=`` or one that leaves the Subject unsigned
proves too little: its result is ``policy``, never ``pass``. So is that of one
whose body takes too much effort to check.
"""

import hashlib
import re
from collections.abc import Callable
from enum import Enum
from hmac import compare_digest

import msgspec

from posthouse.standards.dkim.canonical import BodyHashes, TooCostly, relaxed_field
from posthouse.standards.dkim.key import PublicKey, parse_key
from posthouse.standards.dkim.signature import MAX_SIGNATURES, Signature, key_name, parse_signature, without_b
from posthouse.standards.dns.ports import DnsTrouble, Resolver
from posthouse.standards.imf.header import FIELDS, Header

_WHOLE = re.compile(rb"((?:([!-9;-~]++)[ \t]*+:)?.*+(?:\n[ \t].*+)*+\n?+)")
"""A field with all its lines, and its name if it has one, as ``standards.imf.header`` finds them."""
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


class Verification(msgspec.Struct, frozen=True):
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
    headers: tuple[str, ...] = ()
    """What is signed, by its name in lower case."""


class Verifier:
    """One message on its way in: ``update`` with the body, then ``finish``."""

    __slots__ = ("_bodies", "_fields", "_found")

    def __init__(self, header: Header, bodies: BodyHashes | None = None, fields: "SignedFields | None" = None) -> None:
        """``bodies`` and ``fields`` are given when others (ARC) look at the same message."""
        self._bodies = bodies or BodyHashes()
        self._found: list[Signature | Verification] = []
        if "dkim-signature" in header:
            self._fields = fields or SignedFields(header)
            self._found = [self._read(field) for field in self._fields.called("dkim-signature")[:MAX_SIGNATURES]]

    def _read(self, field: bytes) -> Signature | Verification:
        try:
            signature = parse_signature(field)
        except ValueError as wrong:
            return Verification(Result.PERMERROR, str(wrong))
        if signature.algorithm not in {"rsa-sha256", "ed25519-sha256"}:  # RFC 8301 section 3.1
            return _told(signature, Result.PERMERROR, f"algorithm {signature.algorithm[:20]} is not used any more")
        self._bodies.want(relaxed=signature.body_relaxed)
        return signature

    @property
    def is_needed(self) -> bool:
        """Whether anybody asks for the body: without a readable signature there is nothing to hash."""
        return self._bodies.is_needed

    def update(self, octets: bytes) -> None:
        self._bodies.update(octets)

    async def finish(
        self, resolver: Resolver, now: int, read_key: Callable[[bytes], PublicKey] = parse_key
    ) -> tuple[Verification, ...]:
        """One ``Verification`` for each signature, top to bottom. ``read_key`` may know a record's key already."""
        return tuple(
            [
                await self._verify(found, resolver, now, read_key) if isinstance(found, Signature) else found
                for found in self._found
            ]
        )

    async def _verify(
        self, signature: Signature, resolver: Resolver, now: int, read_key: Callable[[bytes], PublicKey]
    ) -> Verification:
        try:
            digest = self._bodies.digest(relaxed=signature.body_relaxed)
        except (
            TooCostly
        ) as why:  # RFC 8601 section 2.7.1: good or not, it is not accepted; trying again changes nothing
            return _told(signature, Result.POLICY, str(why))
        if not compare_digest(digest, signature.body_hash) and not signature.has_length:
            return _told(signature, Result.FAIL, "body hash did not verify")
        try:
            key = await fetch_key(signature.domain, signature.selector, resolver, read_key)
        except DnsTrouble:
            return _told(signature, Result.TEMPERROR, "no answer about the key")
        except ValueError as wrong:
            return _told(signature, Result.PERMERROR, str(wrong))
        return self._judge(signature, key, now)

    def _judge(self, signature: Signature, key: PublicKey, now: int) -> Verification:
        if not signature.algorithm.startswith(key.kind):
            return _told(signature, Result.PERMERROR, "key and signature are of different kinds")
        if key.strict and signature.identity != signature.domain:
            return _told(signature, Result.PERMERROR, "key forbids subdomains")
        if signature.has_length:
            return _told(signature, Result.POLICY, "only a part of the body is signed", key)
        if not key.is_signature_of(self._fields.digest(signature), signature.signature):
            return _told(signature, Result.FAIL, "signature did not verify", key)
        if "subject" not in signature.headers:
            return _told(signature, Result.POLICY, "the Subject is not signed", key)
        if signature.expires_at is not None and signature.expires_at < now:
            return _told(signature, Result.FAIL, "signature expired", key)
        if signature.made_at is not None and signature.made_at > now + FUTURE_SECONDS:
            return _told(signature, Result.FAIL, "signature is from the future", key)
        return _told(signature, Result.PASS, "", key)


class SignedFields:
    """The fields of a message as signatures see them, each brought into relaxed form once however often it is signed.

    Ten signatures over a header of 256 KiB cost hardly more than one.
    """

    __slots__ = ("_fields", "_relaxed")

    def __init__(self, header: Header) -> None:
        self._fields: dict[str, list[bytes]] = {}
        for field, octets in _WHOLE.findall(header.octets)[:FIELDS]:  # the last one may be empty and nameless
            name = octets.lower().decode("ascii")
            whole = field if field.endswith(b"\r\n") else field + b"\r\n"
            if name in self._fields:
                self._fields[name].append(whole)
            else:
                self._fields[name] = [whole]
        self._relaxed: dict[tuple[str, int], bytes] = {}

    def called(self, name: str) -> list[bytes]:
        """The fields called ``name``, top to bottom."""
        return self._fields.get(name, [])

    def relaxed(self, name: str, at: int) -> bytes:
        """The field called ``name`` that is number ``at`` from the top."""
        known = self._relaxed.get((name, at))
        if known is None:
            known = self._relaxed[name, at] = relaxed_field(self._fields[name][at])
        return known

    def digest(self, signature: Signature) -> bytes:
        """What was signed (RFC 6376 section 3.7): named fields from the bottom up, then the signature itself."""
        pieces = []
        left: dict[str, int] = {}
        for name in [name for name in signature.headers if name in self._fields]:
            fields = self._fields[name]
            at = left[name] = left.get(name, len(fields)) - 1
            if at >= 0 and fields[at] is signature.field:  # never one of those it names (RFC 6376 section 3.5)
                at = left[name] = at - 1
            if at >= 0:
                pieces.append(self.relaxed(name, at) if signature.header_relaxed else fields[at])
        own = without_b(signature.field)
        pieces.append((relaxed_field(own) if signature.header_relaxed else own).removesuffix(b"\r\n"))
        return hashlib.sha256(b"".join(pieces)).digest()


async def fetch_key(
    domain: str, selector: str, resolver: Resolver, read_key: Callable[[bytes], PublicKey] = parse_key
) -> PublicKey:
    """The key of a signer; raises ``DnsTrouble``, or ``ValueError`` saying why there is none that can be used."""
    records = (await resolver.txt(key_name(domain, selector))).records
    if not records:
        raise ValueError("no key")
    if len(records) > 1:
        raise ValueError("more than one key record")  # RFC 6376 section 3.6.2.2
    return read_key(records[0])


def _told(signature: Signature, result: Result, reason: str, key: PublicKey | None = None) -> Verification:
    return Verification(
        result=result,
        reason=reason,
        domain=signature.domain,
        selector=signature.selector,
        identity=signature.identity,
        algorithm=signature.algorithm,
        bits=key.bits if key else 0,
        testing=key.testing if key else False,
        signature=signature.signature,
        headers=signature.headers,
    )
