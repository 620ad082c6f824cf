"""Validation of a chain (RFC 8617 section 5.2), the body hashed together with DKIM's.

Every failure is final, that of the DNS too (section 5.2.1). The seals of a
chain of 50 are checked over one running hash: the cost grows with the header,
not with its square.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from hmac import compare_digest

from posthouse.standards.arc.sets import FIELDS, ArcSet, has_chain, highest_instance, is_ended, read_sets
from posthouse.standards.dkim.canonical import BodyHashes, relaxed_field
from posthouse.standards.dkim.key import PublicKey, parse_key
from posthouse.standards.dkim.signature import Signature, without_b
from posthouse.standards.dkim.verify import FUTURE_SECONDS, SignedFields, fetch_key
from posthouse.standards.dns.ports import DnsTrouble, Resolver

Fetch = Callable[[str, str], Awaitable[PublicKey]]
"""Domain and selector to the key."""


class Status(Enum):
    """RFC 8617 section 4.4."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Chain:
    """What the chain is worth. ``sets`` are oldest first, and empty unless the structure was good."""

    status: Status
    reason: str = ""
    sets: tuple[ArcSet, ...] = ()
    highest: int = 0
    """The highest instance on the message, of a broken chain too."""
    ended: bool = False
    """Whether the last sealer already found it broken; nobody seals it again."""

    @property
    def sealers(self) -> tuple[str, ...]:
        """The domains that sealed, oldest first."""
        return tuple([one.seal.domain for one in self.sets])


class ChainVerifier:
    """One message on its way in: construct before the body, ``finish`` after it."""

    __slots__ = ("_bodies", "_fields", "_problem", "_sets")

    def __init__(self, fields: SignedFields, bodies: BodyHashes) -> None:
        self._fields = fields
        self._bodies = bodies
        self._sets: tuple[ArcSet, ...] = ()
        self._problem = ""
        if not has_chain(fields):
            return
        try:
            self._sets = read_sets(fields)
        except ValueError as wrong:
            self._problem = str(wrong)
            return
        bodies.want(relaxed=self._sets[-1].message_signature.body_relaxed)

    async def finish(self, resolver: Resolver, now: int, read_key: Callable[[bytes], PublicKey] = parse_key) -> Chain:
        """The state of the chain; never raises. ``read_key`` may know a record's key already."""
        if self._problem:
            highest = highest_instance(self._fields)
            return Chain(Status.FAIL, self._problem, highest=highest, ended=is_ended(self._fields, highest))
        if not self._sets:
            return Chain(Status.NONE)
        highest = len(self._sets)
        try:
            fetch = partial(fetch_key, resolver=resolver, read_key=read_key)
            await self._check_message(self._sets[-1].message_signature, fetch, now)
            for one, digest in reversed(list(self._seal_digests())):
                seal = one.seal
                await self._check(seal.domain, seal.selector, seal.algorithm, digest, seal.signature, fetch)
        except DnsTrouble:
            return Chain(Status.FAIL, "no answer about a key", self._sets, highest)
        except ValueError as wrong:
            return Chain(Status.FAIL, str(wrong), self._sets, highest)
        return Chain(Status.PASS, "", self._sets, highest)

    async def _check_message(self, signature: Signature, fetch: Fetch, now: int) -> None:
        """The last ARC-Message-Signature: the message is as the last sealer sent it."""
        if not compare_digest(self._bodies.digest(relaxed=signature.body_relaxed), signature.body_hash):
            raise ValueError("body hash did not verify")
        if signature.expires_at is not None and signature.expires_at < now:
            raise ValueError("signature expired")
        if signature.made_at is not None and signature.made_at > now + FUTURE_SECONDS:
            raise ValueError("signature is from the future")
        digest = self._fields.digest(signature)
        await self._check(signature.domain, signature.selector, signature.algorithm, digest, signature.signature, fetch)

    async def _check(
        self, domain: str, selector: str, algorithm: str, digest: bytes, signature: bytes, fetch: Fetch
    ) -> None:
        key = await fetch(domain, selector)
        if not algorithm.startswith(key.kind):
            raise ValueError("key and signature are of different kinds")
        if not key.is_signature_of(digest, signature):
            raise ValueError(f"a signature of {domain} did not verify")

    def _seal_digests(self) -> Iterator[tuple[ArcSet, bytes]]:
        """What each seal signed: all sets up to its own, its own value of ``b`` left out (RFC 8617 section 5.1.1)."""
        state = hashlib.sha256()
        for one in self._sets:
            results, message, seal = one.at
            state.update(self._fields.relaxed(FIELDS[0], results))
            state.update(self._fields.relaxed(FIELDS[1], message))
            own = state.copy()
            own.update(relaxed_field(without_b(one.seal.field)).removesuffix(b"\r\n"))
            yield one, own.digest()
            state.update(self._fields.relaxed(FIELDS[2], seal))
