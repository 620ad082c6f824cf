"""Failed logins counted by all nodes together: each asks the store for its share of what is still allowed (L21).

Memory comes first. A node counts what fails with it; only when its share is
used up does it ask for another one, so a flood of guesses costs the store a
question for each few of them, and a login that is right costs none. Who is
told that nothing is left refuses until the window ends.
"""

import hashlib
from typing import Final

from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store

SHARE: Final = 5
FREE: Final = 1
"""Failures of a key that are nobody else's business: most who mistype do it once."""
MOST: Final = 65536
PREFIX: Final = "auth.failed/"


class _Share:
    __slots__ = ("ends", "left", "spent", "used")

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.left = FREE
        self.used = 0
        self.spent = False


class Allotment:
    """``most`` failures for each key in ``seconds``, in the whole house."""

    __slots__ = ("_clock", "_journal", "_most", "_name", "_seconds", "_shares", "_store")

    def __init__(self, name: str, most: int, seconds: int, store: Store, clock: Clock, journal: Journal) -> None:
        self._name = name
        self._most = most
        self._seconds = seconds
        self._store = store
        self._clock = clock
        self._journal = journal
        self._shares: Lru[str, _Share] = Lru(MOST)

    def adopt(self, most: int) -> None:
        """So many from now on."""
        self._most = most

    def is_spent(self, key: str) -> bool:
        """Whether the whole house has used up what ``key`` may fail."""
        share = self._shares.get(key)
        return share is not None and share.spent and self._is_of_now(share, self._clock.now())

    def _is_of_now(self, share: _Share, now: float) -> bool:
        """Whether its window is this one: not one that is over, nor one of a clock that has been set back since."""
        return now < share.ends <= now + self._seconds

    async def spend(self, key: str) -> None:
        """One more failure."""
        now = self._clock.now()
        share = self._shares.get(key)
        if share is None or not self._is_of_now(share, now):
            ends = (now // self._seconds + 1) * self._seconds  # as ``Store.take`` has its windows
            share = _Share(ends)
            self._shares.put(key, share)
        share.used += 1
        if share.left > 0:
            share.left -= 1
            return
        if share.spent:
            return
        share.left = SHARE - 1  # before asking: who fails meanwhile does not ask too
        try:
            got = await self._store.take(
                f"{PREFIX}{self._name}/{_short(key)}", SHARE, self._most, self._seconds * 1000, int(now * 1000)
            )
        except StorageError as error:  # each node still counts for itself
            self._journal.note("auth.uncounted", Level.WARNING, reason=str(error))
            return
        share.left += got - SHARE
        share.spent = got == 0


def _short(key: str) -> str:
    """A stranger decides how long a name is, and it is nobody's business in the store."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
