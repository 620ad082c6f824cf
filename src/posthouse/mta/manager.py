"""The queue's manager: nothing that was promised is forgotten, and no destination waits for another.

Items come from ``Handoff.take`` (fresh mail, born claimed) and from claims of
what falls due. They are grouped by message and destination and carried by
workers, one a link. Results are settled together, their reports in the same
transaction. Leases are renewed while items are in hand and looked at again
before the end of any content. A destination that is slow or away is left out
of claims, so that its mail never fills the hands that others wait for.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from posthouse.admd.limits import Limits
from posthouse.mail.reply import Reply
from posthouse.mta.crew import Crew
from posthouse.mta.destination import Destination, pauses
from posthouse.mta.directions import Directions
from posthouse.mta.leases import LEASE_SECONDS, MAX_IN_HAND, RENEW_SECONDS, Leases
from posthouse.mta.load import make_loads
from posthouse.mta.release import Release
from posthouse.mta.route import Route
from posthouse.mta.settler import Settler
from posthouse.mta.settling import put_back
from posthouse.mta.workers import Workers
from posthouse.observe.ports import Level
from posthouse.storage.errors import StorageError
from posthouse.storage.queue import Item

CLAIM_AT_ONCE: Final = 200
RELEASE_ROUNDS: Final = 3600
"""As many seconds: what is left then has its own time soon."""
MAX_WAITING: Final = 100
"""Loads that wait for one destination before its mail is left in the store."""
MAX_DESTINATIONS: Final = 10_000
LONGEST_SLEEP_SECONDS: Final = 60.0
SHORTEST_SLEEP_SECONDS: Final = 0.05
BUSY_SLEEP_SECONDS: Final = 1.0


class Manager:
    """Carries the queue. Implements ``Handoff``."""

    def __init__(self, crew: Crew, *, owner: str, limits: Limits) -> None:
        self._crew = crew
        self._owner = owner
        self.adopt(limits)
        # What is deferred while we sleep does not fall due before the first retry is.
        self._longest = min(LONGEST_SLEEP_SECONDS, float(limits.retry_first_seconds))
        self._pauses = pauses(limits.retry_first_seconds, limits.retry_most_seconds)
        self._leases = Leases(crew.store, crew.clock, crew.journal)
        self._directions = Directions(crew, self._place)
        self._destinations: dict[str, Destination] = {}
        self._workers = Workers(crew, self._leases, self._destinations, eased=self._eased, recovered=self._recovered)
        self._woken = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = False
        self._missed = False
        """Fresh mail went to the store because our hands were full."""
        self._crowded = False
        """Mail was left in the store because enough waited for its destination."""

    def adopt(self, limits: Limits) -> None:
        """So many links to a destination, and recipients of a transfer, from now on (L26, S12)."""
        self._links = int(limits.destination_connections)
        self._together = int(limits.recipients_per_transfer)

    # -- Handoff ---------------------------------------------------------------------------

    def lease(self, at: int) -> tuple[str, int] | None:
        if self._tasks is None or self._stopping or self._leases.room <= 0:
            self._missed = True
            return None
        return self._owner, self._leases.end_at(at)

    def take(self, items: Sequence[Item]) -> None:
        now = self._crew.now()
        ends = [min(LEASE_SECONDS, (item.due_at - now) / 1000) if item.due_at > now else 0.0 for item in items]
        self._leases.hold(items, self._crew.clock.monotonic() + min(ends, default=0.0))
        self._sort(items)

    @property
    def settler(self) -> Settler:
        """Who hears what became of each item."""
        return self._crew.settler

    def wake(self) -> None:
        """An operator changed something in the queue: look at it now, and try even what was away a moment ago."""
        for destination in self._destinations.values():
            destination.not_before = 0
        self._woken.set()

    def _hear(self) -> None:
        """Another node left work that is due: it gave it back, was too busy for it, or an operator let it go."""
        if self._leases.room > 0:
            self._woken.set()

    # -- running -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Carry the queue until ``stop`` or cancellation. At start, what our earlier life held is taken back."""
        await self._crew.store.reclaim(self._owner)
        self._leases.clear()
        self._destinations.clear()
        self._directions.forget()
        deaf = self._crew.store.watch_queue(self._hear)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._workers.begin(tasks)
                renewing = tasks.create_task(self._renew_leases())
                settling = tasks.create_task(self._crew.settler.run(self._settled))
                await self._claim_until_stopped()
                await self._finish(renewing, settling)
        finally:
            deaf()
            self._tasks = None
            self._workers.end()

    def stop(self) -> None:
        """Finish what is on the way, give back what is not, and let ``run`` return."""
        self._stopping = True
        self._workers.stop()
        self._woken.set()

    async def _finish(self, *tasks: "asyncio.Task[None]") -> None:
        for destination in self._destinations.values():
            for load in destination.take_waiting():
                self._put_back(load.items, self._crew.now())
        await self._workers.wait_home()
        await self._crew.settler.flush()
        for task in tasks:
            task.cancel()

    async def _claim_until_stopped(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                more = await self._claim()
                pause = 0.0 if more else await self._pause()
            except StorageError as error:
                self._crew.journal.note("queue.storage-trouble", Level.ALARM, error=str(error))
                pause = BUSY_SLEEP_SECONDS
            if pause and not self._stopping:
                await self._sleep(pause)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _claim(self) -> bool:
        """Take up what is due. True when there may be more at once."""
        room = min(CLAIM_AT_ONCE, self._leases.room)
        if room <= 0:
            self._missed = True
            return False
        now, started = self._crew.now(), self._crew.clock.monotonic()
        items = await self._crew.store.claim(
            owner=self._owner, now=now, lease_until=self._leases.end_at(now), limit=room, avoid=self._avoid(now)
        )
        self._leases.hold(items, started + LEASE_SECONDS)
        self._sort(items)
        return len(items) == room

    def _avoid(self, now: int) -> frozenset[str]:
        """Domains whose mail had better stay in the store."""
        crowded = [one for one in self._destinations.values() if len(one.waiting) >= MAX_WAITING]
        away = [one for one in self._destinations.values() if one.not_before > now]
        self._crowded = bool(crowded)
        served = chain.from_iterable(one.domains for one in (*crowded, *away))
        return frozenset(chain(served, self._directions.crowded(MAX_WAITING)))

    async def _pause(self) -> float:
        due = await self._crew.store.next_due()
        if due is None:
            return self._longest
        left = (due - self._crew.now()) / 1000
        shortest = SHORTEST_SLEEP_SECONDS if left > 0 else BUSY_SLEEP_SECONDS  # due, and yet avoided or ours
        return min(max(left, shortest), self._longest)

    # -- from items to loads -------------------------------------------------------------------

    def _sort(self, items: Iterable[Item]) -> None:
        """Give every item to its destination, or ask where its domain is served."""
        for route, together in self._directions.sort(items, self._tasks):
            self._place(route, together)

    def _place(self, route: Route, items: list[Item]) -> None:
        if not items:
            return
        destination = self._destinations.get(route.key)
        if destination is None:
            self._forget_idle()
            destination = self._destinations[route.key] = Destination(route, self._links, self._pauses)
        destination.route = route
        destination.domains.update(item.domain for item in items)
        now = self._crew.now()
        if self._stopping or destination.not_before > now:
            self._put_back(items, max(destination.not_before, now), destination.reason)
            return
        for load in make_loads(items, self._together):
            destination.add(load)
        self._workers.send(destination)

    def _put_back(self, items: Iterable[Item], due_at: int, reason: Reply | None = None) -> None:
        """Back into the store, without counting a try."""
        self._crew.settler.add(put_back(item, due_at, reason) for item in items)

    def _forget_idle(self) -> None:
        if len(self._destinations) >= MAX_DESTINATIONS:
            for key in [key for key, known in self._destinations.items() if known.is_forgettable]:
                del self._destinations[key]

    # -- destinations ----------------------------------------------------------------------------

    def _eased(self, destination: Destination) -> None:
        """Less waits for it: what was left in the store may come."""
        if self._crowded and len(destination.waiting) < MAX_WAITING // 2:
            self._crowded = False
            self._woken.set()

    def _recovered(self, destination: Destination) -> None:
        """It was away and is back: what waits for it in the store may go now."""
        if self._tasks is not None:
            self._tasks.create_task(self._release(destination))

    async def _release(self, destination: Destination) -> None:
        release = Release(self._crew, destination.domains)
        try:
            for _ in range(RELEASE_ROUNDS):
                more = await release.next_pages()
                self._woken.set()
                if not more:
                    return
                await asyncio.sleep(BUSY_SLEEP_SECONDS)
                if self._stopping or destination.not_before:  # it is away again
                    return
        except StorageError as error:
            self._crew.journal.note("queue.storage-trouble", Level.ALARM, error=str(error))

    # -- leases and results ------------------------------------------------------------------------

    async def _renew_leases(self) -> None:
        """A store that took its time has lengthened them from when it was asked: it is asked again at once."""
        pause = RENEW_SECONDS
        while True:
            await asyncio.sleep(pause)
            asked = self._crew.clock.monotonic()
            await self._leases.renew()
            pause = max(1.0, RENEW_SECONDS - (self._crew.clock.monotonic() - asked))

    def _settled(self, items: Sequence[Item], posted: bool) -> None:
        self._leases.let_go(items)
        if posted:  # a report is due: the store would otherwise be asked in a minute
            self._woken.set()
        if self._missed and self._leases.room > MAX_IN_HAND // 2:
            self._missed = False
            self._woken.set()
