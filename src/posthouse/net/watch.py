"""Deadlines of very many sessions on one timer.

A session that hears from its peer only moves a number; the wheel looks at it
when the second it was filed under has come, and files it anew if the deadline
has moved on. So a packet costs no timer, and five thousand idle sessions cost
a set entry each.
"""

import asyncio
from collections.abc import Iterator
from typing import Protocol


class Watched(Protocol):
    """Something with a deadline. ``slot`` belongs to the wheel: where the thing is filed, 0 for nowhere."""

    slot: int

    def due(self, now: float) -> None:
        """Its slot has come: expire, or ``put`` itself again."""


class Watch:
    """A timing wheel with one slot a second. Deadlines are kept to the second, never early."""

    __slots__ = ("_slots", "_timer")

    def __init__(self) -> None:
        self._slots: dict[int, set[Watched]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def put(self, watched: Watched, deadline: float) -> None:
        """Look at ``watched`` when ``deadline`` has passed; replaces an earlier wish."""
        if watched.slot:
            self.drop(watched)
        slot = int(deadline) + 1
        there = self._slots.get(slot)
        if there is None:
            self._slots[slot] = {watched}
        else:
            there.add(watched)
        watched.slot = slot

    def drop(self, watched: Watched) -> None:
        """Forget ``watched``; harmless when it is not there."""
        there = self._slots.get(watched.slot)
        if there is not None:
            there.discard(watched)
            if not there:
                del self._slots[watched.slot]
        watched.slot = 0

    def turn(self, now: float) -> None:
        """Look at everything whose slot has come, whatever goes wrong with one; what did is raised at the end."""
        errors: list[Exception] = []
        for slot in [slot for slot in self._slots if slot <= now]:
            for watched in self._slots.pop(slot, ()):
                watched.slot = 0
                try:
                    watched.due(now)
                except Exception as error:  # noqa: BLE001 - a bug in one must not make its neighbours immortal
                    errors.append(error)
        if errors:
            raise ExceptionGroup("deadlines", errors)

    def everything(self) -> Iterator[Watched]:
        """All that is watched now; the wheel may change meanwhile."""
        for there in list(self._slots.values()):
            yield from list(there)

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Turn once a second from now on."""
        self._timer = loop.call_later(1.0, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(1.0, self._tick, loop)
        self.turn(loop.time())

    def stop(self) -> None:
        """Turn no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
