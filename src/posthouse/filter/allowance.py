"""So much in so much time, for everybody one asks about, in a table that forgets without forgiving."""

from typing import Generic, TypeVar

from posthouse.lib.pacetable import SIZE, PaceTable
from posthouse.lib.ports import Clock

TABLE_SIZE = SIZE
"""Entries of each table that are exact; who is forgotten is still known in outline (``lib.pacetable``)."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

MOST_NEWS = 2000
"""Of each rule in a second; more is a flood, which every node meets by itself."""

GRAIN = 1e-6
"""Seconds that count for nothing: sums of fractions are not exact."""

Who = TypeVar("Who")


class Allowance(Generic[Who]):
    """``amount`` in ``seconds`` for everybody it is asked about.

    Who is known by ``hash``: an integer is its own, a name's is salted, so that nobody chooses collisions.
    """

    __slots__ = ("_amount", "_clock", "_each", "_news", "_seconds", "_size", "_table")

    def __init__(self, amount: float, seconds: float, clock: Clock, size: int = TABLE_SIZE) -> None:
        self._size = size
        self._clock = clock
        self._amount = self._seconds = 0.0
        self._news: dict[Who, float] | None = None
        self.change(amount, seconds)

    def change(self, amount: float, seconds: float) -> None:
        """Another rule from now on, which begins anew; the same rule keeps what was used."""
        if (amount, seconds) == (self._amount, self._seconds):
            return
        self._table = PaceTable(self._size)
        self._amount = amount
        self._seconds = seconds
        self._each = seconds / amount

    def take(self, who: Who, amount: float = 1) -> bool:
        """Whether ``who`` has ``amount`` left; it is then used up."""
        key = hash(who)
        now = self._clock.monotonic()
        full = self._table.get(key)
        full = max(full, now)
        full += amount * self._each
        if full - now > self._seconds + GRAIN:
            return False
        self._table.put(key, full, now)
        if self._news is not None:
            self._add_news(who, amount)
        return True

    def charge(self, who: Who, amount: float) -> None:
        """``who`` has used ``amount`` already: it is owed, at most once the whole allowance."""
        self.charge_elsewhere(who, amount)
        if self._news is not None:
            self._add_news(who, amount)

    # -- among several nodes (filter.sharing)

    def share(self) -> None:
        """From now on keep what is used here, for ``take_news``."""
        self._news = {}

    def take_news(self) -> dict[Who, float]:
        """What was used here since the last time."""
        news, self._news = self._news or {}, {}
        return news

    def _add_news(self, who: Who, amount: float) -> None:
        news = self._news
        if news is not None and (who in news or len(news) < MOST_NEWS):
            news[who] = news.get(who, 0) + amount

    def charge_elsewhere(self, who: Who, amount: float) -> None:
        """The same as ``charge``, for what was used on another node: that one tells of it."""
        key = hash(who)
        now = self._clock.monotonic()
        full = max(self._table.get(key), now) + amount * self._each
        self._table.put(key, min(full, now + 2 * self._seconds), now)

    def is_spent(self, who: Who, amount: float = 1) -> bool:
        """Whether less than ``amount`` is left; nothing is used by asking."""
        now = self._clock.monotonic()
        return max(self._table.get(hash(who)), now) - now + amount * self._each > self._seconds + GRAIN
