"""Counts that wait to be written: what many add to one key within a second is one row."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from posthouse.storage.shelf import Tally

TALLY_SECONDS: Final = 1.0
MAX_TALLIES: Final = 5000
"""Counts that wait for the next writing: a flood of keys is written at once instead of kept in memory."""

Key = tuple[str, str]


class Tallies:
    """``write`` is called a second after the first was added, or when they are many; it takes them."""

    def __init__(self, now: Callable[[], int], write: Callable[[], object]) -> None:
        self._now = now
        self._write = write
        self._waiting: dict[Key, Tally] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    def add(self, tallies: Sequence[Tally]) -> None:
        now = self._now()
        for tally in tallies:
            known = self._waiting.get((tally.kind, tally.key))
            a, b = (known.a, known.b) if known is not None else (0, 0)
            self._waiting[tally.kind, tally.key] = Tally(tally.kind, tally.key, a + tally.a, b + tally.b, now)
        if len(self._waiting) > MAX_TALLIES:
            self._write()
        elif self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TALLY_SECONDS, self._write)

    def take(self) -> dict[Key, Tally]:
        """All that waits, which waits no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, {}
        return waiting
