"""Passwords that were right or wrong a moment ago: they cost no second hash.

What is remembered is bound to realm, account and the very verifiers it was
checked against (threat A09), under a key that dies with the process.
"""

import hashlib
import hmac
import secrets

from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock

REALM = "posthouse"
CACHE_SECONDS = 300
MAX_CACHED = 4096


class Recent:
    """The last logins at all doors: ``MAX_CACHED`` at most, each for ``CACHE_SECONDS``."""

    __slots__ = ("_clock", "_key", "_logins")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._logins: Lru[bytes, tuple[bool, float]] = Lru(MAX_CACHED)

    def fingerprint(self, name: str, verifiers: tuple[str, ...], password: str) -> bytes:
        """What a login is known by: each part with its length, so that no two share one."""
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (REALM, name, *verifiers, password):
            octets = part.encode("utf-8", "surrogatepass")
            digest.update(len(octets).to_bytes(4))
            digest.update(octets)
        return digest.digest()

    def recall(self, fingerprint: bytes) -> bool | None:
        """Whether it was right; None: nobody knows any more."""
        entry = self._logins.get(fingerprint)
        if entry is None:
            return None
        matched, until = entry
        if self._clock.monotonic() < until:
            return matched
        self._logins.drop(fingerprint)
        return None

    def remember(self, fingerprint: bytes, *, matched: bool) -> None:
        self._logins.put(fingerprint, (matched, self._clock.monotonic() + CACHE_SECONDS))
