"""A token bucket: so many at once, so many a second on average, in two numbers of memory."""


class TokenBucket:
    """Begins full. ``rate`` (tokens a second) and ``burst`` belong to the rule, not to the bucket, so they are given
    with each call and a table of buckets stays small.
    """

    __slots__ = ("_at", "_level")

    def __init__(self, burst: float, now: float) -> None:
        self._level = burst
        self._at = now

    def level(self, now: float, *, rate: float, burst: float) -> float:
        """The tokens there are at ``now``; negative while a debt is being paid off."""
        elapsed = now - self._at
        if elapsed > 0:
            self._level = min(burst, self._level + elapsed * rate)
            self._at = now
        return self._level

    def take(self, amount: float, now: float, *, rate: float, burst: float) -> bool:
        """Take ``amount`` if there is as much; otherwise take nothing."""
        if self.level(now, rate=rate, burst=burst) < amount:
            return False
        self._level -= amount
        return True

    def charge(self, amount: float, now: float, *, rate: float, burst: float) -> None:
        """Take ``amount`` though it may not be there: what was used already is owed, at most one burst of it."""
        self._level = max(-burst, self.level(now, rate=rate, burst=burst) - amount)
