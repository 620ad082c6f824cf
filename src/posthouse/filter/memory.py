"""What was concluded of a road and of a policy a moment ago: equal messages cost no second evaluation.

Answers of the DNS are remembered by the resolver; here are the conclusions
drawn from them, for as long as all those answers hold and at most for a
minute. Trouble is never remembered, and neither is a verdict that was about one
person of a domain (SPF macros ``s`` and ``l``).
"""

import msgspec

from posthouse.filter.author import Ambiguous, Author, read_author
from posthouse.filter.evidence import SpfEvidence
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.standards.dkim.key import PublicKey, parse_key
from posthouse.standards.dmarc.evaluate import Evaluation, Identifier

MOST_SECONDS = 60.0
MOST_ROADS = 10_000
MOST_POLICIES = 10_000
"""About 10 MiB each, however many strangers there are."""
MOST_KEYS = 1000
"""About 10 MiB with what OpenSSL keeps of each."""
MOST_AUTHORS = 5000
MOST_OCTETS = 300
"""Of a From that is remembered; about 5 MiB in all."""

RoadKey = tuple[str, str, str]
"""The address of the client, its HELO, and the domain of MAIL FROM."""
PolicyKey = tuple[str, tuple[Identifier, ...]]
"""The domain of the author, and who vouches for it."""


class Road(msgspec.Struct, frozen=True):
    """SPF of both identities."""

    until: float
    helo: SpfEvidence | None
    mail: SpfEvidence | None


class Policed(msgspec.Struct, frozen=True):
    until: float
    evaluation: Evaluation


class Memory:
    """Shared by all sessions of a door."""

    __slots__ = ("_authors", "_clock", "_keys", "_policies", "_roads")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._roads: Lru[RoadKey, Road] = Lru(MOST_ROADS)
        self._policies: Lru[PolicyKey, Policed] = Lru(MOST_POLICIES)
        self._keys: Lru[bytes, PublicKey] = Lru(MOST_KEYS)
        self._authors: Lru[bytes, Author | Ambiguous] = Lru(MOST_AUTHORS)

    def road(self, key: RoadKey) -> Road | None:
        known = self._roads.get(key)
        return known if known is not None and known.until > self._clock.monotonic() else None

    def keep_road(self, key: RoadKey, road: Road) -> Road:
        """The same, as long as it may be believed."""
        now = self._clock.monotonic()
        if road.until <= now or (road.mail is not None and road.mail.verdict.personal):
            return Road(0.0, road.helo, road.mail)
        kept = Road(min(road.until, now + MOST_SECONDS), road.helo, road.mail)
        self._roads.put(key, kept)
        return kept

    def policy(self, key: PolicyKey) -> Policed | None:
        known = self._policies.get(key)
        return known if known is not None and known.until > self._clock.monotonic() else None

    def keep_policy(self, key: PolicyKey, policed: Policed) -> Policed:
        """The same, as long as it may be believed."""
        now = self._clock.monotonic()
        if policed.until <= now:
            return Policed(0.0, policed.evaluation)
        kept = Policed(min(policed.until, now + MOST_SECONDS), policed.evaluation)
        self._policies.put(key, kept)
        return kept

    def read_author(self, value: bytes) -> Author | Ambiguous:
        """Who a From names: the same people write again and again."""
        known = self._authors.get(value)
        if known is None:
            known = read_author(value)
            if len(value) <= MOST_OCTETS:
                self._authors.put(value, known)
        return known

    def read_key(self, record: bytes) -> PublicKey:
        """The key in a record that the DNS has just given; raises ``ValueError``, like ``parse_key``."""
        key = self._keys.get(record)
        if key is None:
            key = parse_key(record)
            self._keys.put(record, key)
        return key
