"""So much in so much time, for everybody one asks about, in a table that forgets."""

from typing import Generic, TypeVar

from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.lib.tokenbucket import TokenBucket

TABLE_SIZE = 16384
"""Entries of each table; who is forgotten begins anew."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

Who = TypeVar("Who")


class Allowance(Generic[Who]):
    """``amount`` in ``seconds`` for everybody it is asked about."""

    __slots__ = ("_amount", "_buckets", "_clock", "_rate")

    def __init__(self, amount: float, seconds: float, clock: Clock) -> None:
        self._amount = amount
        self._rate = amount / seconds
        self._clock = clock
        self._buckets: Lru[Who, TokenBucket] = Lru(TABLE_SIZE)

    def take(self, who: Who, amount: float = 1) -> bool:
        """Whether ``who`` has ``amount`` left; it is then used up."""
        now = self._clock.monotonic()
        return self._bucket(who, now).take(amount, now, rate=self._rate, burst=self._amount)

    def charge(self, who: Who, amount: float) -> None:
        """``who`` has used ``amount`` already."""
        now = self._clock.monotonic()
        self._bucket(who, now).charge(amount, now, rate=self._rate, burst=self._amount)

    def is_spent(self, who: Who) -> bool:
        """Whether there is nothing left; nothing is used by asking."""
        bucket = self._buckets.get(who)
        return bucket is not None and bucket.level(self._clock.monotonic(), rate=self._rate, burst=self._amount) < 1

    def _bucket(self, who: Who, now: float) -> TokenBucket:
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = TokenBucket(self._amount, now)
            self._buckets.put(who, bucket)
        return bucket
