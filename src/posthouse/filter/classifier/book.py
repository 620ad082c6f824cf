"""The counts of the classifier: whose tokens were in how much junk and good mail, and what they weigh.

Kept as tallies: kind ``bayes.ACCOUNT`` counts a user's own messages, kind
``bayes.shared`` counts *people*, so that nobody's word counts twice there, and
a token of fewer than ``PEOPLE`` is nobody else's business. Keys are keyed
hashes: who reads the table learns no word that he does not guess.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from posthouse.filter.classifier.combining import STRENGTH, Odds, Weight, belief, combine, weight_of
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Tally

PREFIX: Final = "bayes."
TOTALS: Final = "bayes.totals"
SHARED: Final = "shared"
OPERATOR: Final = AccountId(0)
"""Who trains for all: the operator, whose word is as good as that of ``PEOPLE``."""
PEOPLE: Final = 3
"""So many must have had a token, or it weighs nothing for others: no single user can teach, or be read by, another."""
PRIOR_STRENGTH: Final = 1.0
"""How many of a user's own sightings what all share is worth: the own soon outweigh it."""

KEY_NAME: Final = "bayes.key"
KEY_OCTETS: Final = 16
MINIMUM: Final = 10
"""Junk and good mails each that a user must have judged before his own words speak."""
MOST_WORDS: Final = 6000
"""Of a lexicon in memory."""
MOST_LEXICONS: Final = 24
REFRESH_SECONDS: Final = 30.0
SHARED_SECONDS: Final = 600.0
"""How long a changed word of others may go unnoticed: the lexicons would never be warm otherwise."""


class Totals(msgspec.Struct, frozen=True):
    """How many messages (of all: people) were called junk and good."""

    junk: int = 0
    good: int = 0
    at: int = 0

    def least(self) -> int:
        return min(self.junk, self.good)


NONE: Final = Totals()


class Lexicon:
    """What tokens weigh for one user, or for all who have not taught enough (``account`` None)."""

    __slots__ = ("account", "weights")

    def __init__(self, account: AccountId | None) -> None:
        self.account = account
        self.weights: dict[str, Weight] = {}

    def odds(self, tokens: Sequence[str]) -> Odds | None:
        """None when something must be looked up before."""
        weights = list(map(self.weights.get, tokens))
        return None if None in weights else combine(weights)  # type: ignore[arg-type]  # none is None


class Book:
    """``minimum`` as ``MINIMUM``."""

    __slots__ = ("_clock", "_is_stale", "_key", "_lexicons", "_shared_until", "_store", "minimum", "totals")

    def __init__(self, store: Store, clock: Clock, *, minimum: int = MINIMUM) -> None:
        self._store = store
        self._clock = clock
        self.minimum = minimum
        self.totals: dict[str, Totals] = {}
        self._key = b""
        self._lexicons: Lru[AccountId | None, Lexicon] = Lru(MOST_LEXICONS)
        self._is_stale = False
        """Others have taught something since the lexicons were begun."""
        self._shared_until = 0.0

    # -- who can say anything

    @property
    def is_mute(self) -> bool:
        """Nobody has taught anything: nothing is ever looked at."""
        return not self.totals

    def speaks(self, account: AccountId) -> bool:
        """Whether he has taught enough."""
        return self.totals.get(str(account), NONE).least() >= self.minimum

    @property
    def shared_speaks(self) -> bool:
        return self.totals.get(SHARED, NONE).least() >= PEOPLE

    def readers(self, accounts: Iterable[AccountId], most: int) -> dict[AccountId | None, list[AccountId]]:
        """By whose lexicon the message is judged for whom; beyond ``most`` by what all share."""
        found: dict[AccountId | None, list[AccountId]] = {}
        shared = self.shared_speaks
        for account in accounts:
            if len(found) <= most and self.speaks(account):
                found[account] = [account]
            elif shared:
                found.setdefault(None, []).append(account)
        return found

    # -- words

    def lexicon(self, account: AccountId | None) -> Lexicon:
        return self._lexicons.get_or_make(account, lambda: Lexicon(account))

    async def look_up(self, lexicon: Lexicon, tokens: Sequence[str]) -> Odds:
        """One trip to the store for what is not known yet; own and shared counts are asked for at once."""
        weights = lexicon.weights
        unknown = [token for token in tokens if token not in weights]
        if len(weights) + len(unknown) > MOST_WORDS:
            weights = lexicon.weights = {}
            unknown = list(tokens)
        own, shared = await self.counts(lexicon.account, await self.digests(unknown))
        fresh = {
            token: weight_of(token, self._belief(lexicon.account, one, other))
            for token, one, other in zip(unknown, own, shared, strict=True)
        }
        weights.update(fresh)
        return combine([weights[token] for token in tokens])

    def _belief(self, account: AccountId | None, own: Tally, shared: Tally) -> float:
        people = self.totals.get(SHARED, NONE)
        before = 0.5
        if max(shared.a, shared.b) >= PEOPLE and people.least() >= PEOPLE:
            before = belief(shared.a, shared.b, people.junk, people.good)
        if account is None:
            return before
        mails = self.totals.get(str(account), NONE)
        strength = STRENGTH if before == 0.5 else PRIOR_STRENGTH
        return belief(own.a, own.b, mails.junk, mails.good, before=before, strength=strength)

    async def counts(
        self, account: AccountId | None, digests: Sequence[str]
    ) -> tuple[Sequence[Tally], Sequence[Tally]]:
        """Own and shared, in the order of ``digests``."""
        if not digests:
            return (), ()
        kinds = [kind_of(account), PREFIX + SHARED] if account is not None else [PREFIX + SHARED]
        *rest, shared_rows = await asyncio.gather(*[self._store.tallies(kind, digests) for kind in kinds])
        own = {one.key: one for part in rest for one in part}
        shared = {one.key: one for one in shared_rows}
        nothing = Tally("", "")
        return [own.get(key, nothing) for key in digests], [shared.get(key, nothing) for key in digests]

    async def digests(self, tokens: Iterable[str]) -> list[str]:
        """The tokens as they are kept."""
        key = self._key or await self._find_key()
        blake = hashlib.blake2b
        return [blake(token.encode("utf-8", "replace"), digest_size=8, key=key).hexdigest() for token in tokens]

    async def _find_key(self) -> bytes:
        kept = await self._store.get(KEY_NAME)
        while kept is None:  # on many nodes one makes it
            now = int(self._clock.now() * 1000)
            if await self._store.lease(KEY_NAME, self._store.node, now, now + 60_000) is not None:
                await self._store.put(KEY_NAME, secrets.token_bytes(KEY_OCTETS))
            else:
                await asyncio.sleep(0.1)
            kept = await self._store.get(KEY_NAME)
        self._key = kept
        return kept

    # -- what changes

    async def refresh(self) -> None:
        """What other nodes have learned, and this one before it was started."""
        found: dict[str, Totals] = {}
        after = ""
        while True:
            page = await self._store.list_tallies(TOTALS, after=after)
            found.update({one.key: Totals(max(one.a, 0), max(one.b, 0), one.at) for one in page})
            if len(page) < 1000:
                break
            after = page[-1].key
        found = {name: one for name, one in found.items() if one.junk or one.good}
        for name in self.totals.keys() | found.keys():
            if self.totals.get(name) != found.get(name) and name != SHARED:
                self._lexicons.drop(AccountId(int(name)))
        self._is_stale = self._is_stale or self.totals.get(SHARED) != found.get(SHARED)
        if self._is_stale and self._clock.monotonic() >= self._shared_until:
            self.forget_words()
            self._shared_until = self._clock.monotonic() + SHARED_SECONDS
        self.totals = found

    def forget_words(self) -> None:
        """All that is in memory of weights."""
        self._lexicons = Lru(MOST_LEXICONS)
        self._is_stale = False

    def learned(self, name: str, junk: int, good: int) -> None:
        """What this node has added to the totals of ``name``."""
        was = self.totals.get(name, NONE)
        now = Totals(max(was.junk + junk, 0), max(was.good + good, 0), int(self._clock.now() * 1000))
        if now.junk or now.good:
            self.totals[name] = now
        else:
            self.totals.pop(name, None)
        if name != SHARED:
            self._lexicons.drop(AccountId(int(name)))


def kind_of(account: AccountId) -> str:
    return f"{PREFIX}{account}"
