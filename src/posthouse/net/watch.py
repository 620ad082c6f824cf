"""Deadlines of very many sessions on one timer.

A session that hears from its peer only moves a number; the wheel looks at it
when the second it was filed under has come, and files it anew if the deadline
has moved on. So a packet costs no timer, and five thousand idle sessions cost
a set entry each.

Want of memory (threat R06) makes nobody immortal: who could not be looked at is
looked at again a second later, and a timer that was lost is set again by
whoever is filed next.
"""

import asyncio
from collections.abc import Iterator
from typing import Final, Protocol

LOST_SECONDS: Final = 5.0
"""A timer that is so late does not come any more."""


class Watched(Protocol):
    """Something with a deadline. ``slot`` belongs to the wheel: where the thing is filed, 0 for nowhere."""

    slot: int

    def due(self, now: float) -> None:
        """Its slot has come: expire, or ``put`` itself again."""


class Watch:
    """A timing wheel with one slot a second. Deadlines are kept to the second, never early."""

    __slots__ = ("_awaited", "_loop", "_slots", "_timer")

    def __init__(self) -> None:
        self._slots: dict[int, set[Watched]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awaited = 0.0
        """When the timer will have come, if it lives."""

    def put(self, watched: Watched, deadline: float) -> None:
        """Look at ``watched`` when ``deadline`` has passed; replaces an earlier wish."""
        slot, before = int(deadline) + 1, watched.slot
        there = self._slots.get(slot)
        if there is None:
            self._slots[slot] = {watched}
        else:
            there.add(watched)
        watched.slot = slot
        if before and before != slot:  # last: what fails on the way leaves it filed somewhere
            self._take_out(watched, before)
        if self._loop is not None and self._loop.time() > self._awaited:
            self._set_timer(self._loop)

    def drop(self, watched: Watched) -> None:
        """Forget ``watched``; harmless when it is not there."""
        slot, watched.slot = watched.slot, 0
        self._take_out(watched, slot)

    def _take_out(self, watched: Watched, slot: int) -> None:
        there = self._slots.get(slot)
        if there is not None:
            there.discard(watched)
            if not there:
                del self._slots[slot]

    def turn(self, now: float) -> None:
        """Look at everything whose slot has come, whatever goes wrong with one; what did is raised at the end."""
        errors: list[Exception] = []
        for slot in [slot for slot in self._slots if slot <= now]:
            for watched in tuple(self._slots.get(slot, ())):
                if watched.slot != slot:  # a neighbour has ended it
                    continue
                watched.slot = 0
                try:
                    watched.due(now)
                except Exception as error:  # noqa: BLE001 - a bug in one must not make its neighbours immortal
                    watched.slot = watched.slot or slot  # the next turn tries again
                    errors.append(error)
                if watched.slot != slot:
                    self._take_out(watched, slot)
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
        self._loop = loop
        self._set_timer(loop)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(1.0, self._tick, loop)
        self._awaited = loop.time() + LOST_SECONDS

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._set_timer(loop)
        self.turn(loop.time())

    def stop(self) -> None:
        """Turn no more."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
