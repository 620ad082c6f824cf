"""The queue's manager: nothing that was promised is forgotten, and no destination waits for another.

Items come from ``Handoff.take`` (fresh mail, born claimed) and from claims of
what falls due. They are grouped by message and destination and carried by
workers, one a link. Results are settled together, their reports in the same
transaction. Leases are renewed while items are in hand and looked at again
before the end of any content. A destination that is slow or away is left out
of claims, so that its mail never fills the hands that others wait for.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock
from posthouse.mail.outcome import Deferred, Delivered, Failed, Outcome, Relayed
from posthouse.mail.reply import Reply, reply
from posthouse.mta.classify import wants_another_round
from posthouse.mta.destination import Destination, pauses
from posthouse.mta.leases import LEASE_SECONDS, Leases
from posthouse.mta.link import Link
from posthouse.mta.load import Load, make_loads
from posthouse.mta.outside import Outside
from posthouse.mta.relay import Relay
from posthouse.mta.route import DirectoryRoute, HostRoute, Route, Routes
from posthouse.mta.schedule import Schedule
from posthouse.mta.settler import Settler
from posthouse.mta.settling import Result, put_back
from posthouse.observe.ports import Journal, Level, Meter
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.queue import Item, QueueFilter, State

MAX_IN_HAND: Final = 2000
"""Items in memory at once."""
CLAIM_AT_ONCE: Final = 200
RELEASE_AT_ONCE: Final = 2 * MAX_IN_HAND
"""Items looked at together when a destination is back; those in hand are among them."""
RELEASE_ROUNDS: Final = 3600
"""As many seconds: what is left then has its own time soon."""
MAX_WAITING: Final = 100
"""Loads that wait for one destination before its mail is left in the store."""
MAX_WORKERS: Final = 200
"""Links in all."""
IDLE_SECONDS: Final = 3.0
"""How long an open link waits for the next message."""
LINK_MESSAGES: Final = 100
LINK_SECONDS: Final = 300
ROUTE_SECONDS: Final = 60
"""How long a route found in the DNS is used without asking again."""
MAX_ROUTES: Final = 10_000
LONGEST_SLEEP_SECONDS: Final = 60.0
SHORTEST_SLEEP_SECONDS: Final = 0.05
BUSY_SLEEP_SECONDS: Final = 1.0

OUR_TROUBLE = reply(451, "4.3.0", "this server could not read the message")


@dataclass(frozen=True, slots=True)
class Crew:
    """Those the manager works with."""

    store: Store
    relay: Relay
    routes: Routes
    settler: Settler
    outside: Outside | None
    clock: Clock
    chance: Callable[[], float]
    journal: Journal
    meter: Meter


@dataclass(slots=True)
class _Known:
    """Routes found in the DNS, and the items that wait for one."""

    routes: dict[str, tuple[Route, float]] = field(default_factory=dict)
    asking: dict[str, list[Item]] = field(default_factory=dict)


class Manager:
    """Carries the queue. Implements ``Handoff``."""

    def __init__(self, crew: Crew, *, owner: str, schedule: Schedule, limits: Limits) -> None:
        self._crew = crew
        self._owner = owner
        self._schedule = schedule
        self.adopt(limits)
        # What is deferred while we sleep does not fall due before the first retry is.
        self._longest = min(LONGEST_SLEEP_SECONDS, float(limits.retry_first_seconds))
        self._pauses = pauses(limits.retry_first_seconds, limits.retry_most_seconds)
        self._leases = Leases(crew.store, crew.clock, crew.journal)
        self._destinations: dict[str, Destination] = {}
        self._known = _Known()
        self._workers = 0
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
        if self._tasks is None or self._stopping or len(self._leases) >= MAX_IN_HAND:
            self._missed = True
            return None
        return self._owner, self._leases.end_at(at)

    def take(self, items: Sequence[Item]) -> None:
        now = self._now()
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
        if len(self._leases) < MAX_IN_HAND:
            self._woken.set()

    # -- running -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Carry the queue until ``stop`` or cancellation. At start, what our earlier life held is taken back."""
        await self._crew.store.reclaim(self._owner)
        self._leases.clear()
        self._destinations.clear()
        self._known = _Known()
        deaf = self._crew.store.watch_queue(self._hear)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                renewing = tasks.create_task(self._renew_leases())
                settling = tasks.create_task(self._crew.settler.run(self._settled))
                await self._claim_until_stopped()
                await self._finish(renewing, settling)
        finally:
            deaf()
            self._tasks = None

    def stop(self) -> None:
        """Finish what is on the way, give back what is not, and let ``run`` return."""
        self._stopping = True
        for destination in self._destinations.values():
            destination.dismiss()
        self._woken.set()

    async def _finish(self, *tasks: "asyncio.Task[None]") -> None:
        for destination in self._destinations.values():
            for load in destination.take_waiting():
                self._put_back(load.items, self._now())
        while self._workers:
            self._woken.clear()
            await self._woken.wait()
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
        room = min(CLAIM_AT_ONCE, MAX_IN_HAND - len(self._leases))
        if room <= 0:
            self._missed = True
            return False
        now, started = self._now(), self._crew.clock.monotonic()
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
        return frozenset(domain for one in (*crowded, *away) for domain in one.domains) | frozenset(
            domain for domain, items in self._known.asking.items() if len(items) >= MAX_WAITING
        )

    async def _pause(self) -> float:
        due = await self._crew.store.next_due()
        if due is None:
            return self._longest
        left = (due - self._now()) / 1000
        shortest = SHORTEST_SLEEP_SECONDS if left > 0 else BUSY_SLEEP_SECONDS  # due, and yet avoided or ours
        return min(max(left, shortest), self._longest)

    # -- from items to loads -------------------------------------------------------------------

    def _sort(self, items: Iterable[Item]) -> None:
        """Give every item to its destination, or ask where its domain is served."""
        routed: dict[str, tuple[Route, list[Item]]] = {}
        for item in items:
            route = self._route(item.domain)
            if route is None:
                self._ask(item)
            else:
                routed.setdefault(route.key, (route, []))[1].append(item)
        for route, together in routed.values():
            self._place(route, together)

    def _route(self, domain: str) -> Route | None:
        if route := self._crew.routes.static(domain):
            return route
        known = self._known.routes.get(domain)
        return known[0] if known and known[1] > self._crew.clock.monotonic() else None

    def _ask(self, item: Item) -> None:
        waiting = self._known.asking.get(item.domain)
        if waiting is not None:
            waiting.append(item)
        elif self._tasks is not None:
            self._known.asking[item.domain] = [item]
            self._tasks.create_task(self._find(item.domain))

    async def _find(self, domain: str) -> None:
        """Where mail for ``domain`` goes; all items that waited for it go on."""
        try:
            found = await self._crew.routes.find(domain)
        except Exception as error:  # noqa: BLE001 - a bug in a lookup must not end the queue
            self._crew.journal.bug("queue.route-bug", error, domain=domain)
            found = OUR_TROUBLE
        items = self._known.asking.pop(domain, [])
        if isinstance(found, Reply):
            outcome = Failed(found) if found.permanent else Deferred(found)
            self._settle(Result(item, outcome) for item in items)
            return
        if len(self._known.routes) >= MAX_ROUTES:
            self._known.routes.clear()
        self._known.routes[domain] = (found, self._crew.clock.monotonic() + ROUTE_SECONDS)
        self._place(found, items)

    def _place(self, route: Route, items: list[Item]) -> None:
        if not items:
            return
        destination = self._destinations.get(route.key)
        if destination is None:
            self._forget_idle()
            destination = self._destinations[route.key] = Destination(route, self._links, self._pauses)
        destination.route = route
        destination.domains.update(item.domain for item in items)
        if self._stopping or destination.not_before > self._now():
            self._put_back(items, max(destination.not_before, self._now()), destination.reason)
            return
        for load in make_loads(items, self._together):
            destination.add(load)
        self._man(destination)

    def _put_back(self, items: Iterable[Item], due_at: int, reason: Reply | None = None) -> None:
        """Back into the store, without counting a try."""
        self._settle(put_back(item, due_at, reason) for item in items)

    def _forget_idle(self) -> None:
        if len(self._destinations) >= MAX_ROUTES:
            for key in [key for key, known in self._destinations.items() if known.is_forgettable]:
                del self._destinations[key]

    # -- workers ---------------------------------------------------------------------------------

    def _man(self, destination: Destination) -> None:
        """Start as many workers as the destination and the house may have."""
        while self._tasks is not None and destination.wants_worker and self._workers < MAX_WORKERS:
            destination.workers += 1
            self._workers += 1
            self._tasks.create_task(self._work(destination))

    async def _work(self, destination: Destination) -> None:
        """Carry loads to one destination over one link, while there are any."""
        link: Link | None = None
        try:
            while (load := await self._next(destination, link)) is not None:
                link = await self._carry(destination, load, link)
        finally:
            destination.workers -= 1
            self._workers -= 1
            if link is not None:
                await link.quit()
            self._after_work(destination)

    async def _next(self, destination: Destination, link: Link | None) -> Load | None:
        load = destination.next_load()
        if self._crowded and len(destination.waiting) < MAX_WAITING // 2:
            self._crowded = False
            self._woken.set()
        if load is None and link is not None and not self._stopping:
            load = await destination.wait_load(IDLE_SECONDS)
        return load

    def _after_work(self, destination: Destination) -> None:
        if self._stopping:
            self._woken.set()
            return
        self._man(destination)
        if not destination.waiting:
            for other in self._destinations.values():  # a place in the house has come free
                if self._workers >= MAX_WORKERS:
                    break
                if other.wants_worker:
                    self._man(other)

    async def _carry(self, destination: Destination, load: Load, link: Link | None) -> Link | None:
        try:
            if isinstance(destination.route, DirectoryRoute):
                self._kept(destination, load, await self._keep(load))
                return None
            return await self._relay(destination, destination.route, load, link)
        except StorageError as error:
            self._crew.journal.note("queue.unreadable", Level.ALARM, id=load.first.queue_id, error=str(error))
        except Exception as error:  # noqa: BLE001 - a bug met on one message must not end the queue
            self._crew.journal.bug("queue.relay-bug", error, id=load.first.queue_id)
        if link is not None:
            link.drop()
        self._settle(Result(item, Deferred(OUR_TROUBLE)) for item in load.items)
        return None

    async def _relay(self, destination: Destination, route: HostRoute, load: Load, link: Link | None) -> Link | None:
        if destination.not_before > self._now():
            self._put_back(load.items, destination.not_before, destination.reason)
            return link
        trip = await self._crew.relay.carry(route, load, link, self._leases.may_send)
        self._kept(destination, load, trip.outcomes)
        if not trip.reached:
            self._unreached(destination, trip.outcomes)
        elif any(isinstance(outcome, Relayed) for outcome in trip.outcomes.values()):
            if destination.succeeded():
                self._recovered(destination)
            self._man(destination)
        elif all(isinstance(outcome, Deferred) for outcome in trip.outcomes.values()):
            destination.slowed()
        link = trip.link
        age = self._crew.clock.monotonic() - link.opened if link else 0
        if link is not None and (link.messages >= _messages(link) or age > LINK_SECONDS):
            await link.quit()
            link = None
        return link

    async def _keep(self, load: Load) -> dict[int, Outcome]:
        if self._crew.outside is None:
            raise StorageError("no place for mail to outside")
        return await self._crew.outside.keep(load)

    def _kept(self, destination: Destination, load: Load, outcomes: dict[int, Outcome]) -> None:
        """Settle what became of ``load``. Items without an outcome are not ours any more."""
        route = destination.route
        final = isinstance(route, HostRoute) and route.terms.lmtp
        inner = not (isinstance(route, HostRoute) and route.from_dns)
        progress = any(isinstance(outcome, Relayed) for outcome in outcomes.values())
        results = []
        for item in load.items:
            outcome = outcomes.get(item.item)
            if outcome is None:
                self._leases.let_go((item,))
                continue
            again = self._now() + 1000 if progress and wants_another_round(outcome) else None
            if final and isinstance(outcome, Relayed) and not outcome.speaks_dsn:
                outcome = Delivered()  # RFC 2033: an LMTP server that took it has delivered it
            results.append(Result(item, outcome, again, inner=inner))
        self._settle(results)

    def _unreached(self, destination: Destination, outcomes: dict[int, Outcome]) -> None:
        """Nobody there: what waits has failed with it, and the destination is left alone for a while."""
        outcome = next(iter(outcomes.values()), None)
        if not isinstance(outcome, Deferred):
            return
        destination.failed(self._now(), outcome.reply, self._crew.chance())
        for load in destination.take_waiting():
            self._settle(Result(item, outcome) for item in load.items)

    def _recovered(self, destination: Destination) -> None:
        """It was away and is back: what waits for it in the store may go now."""
        if self._tasks is not None:
            self._tasks.create_task(self._release(destination))

    async def _release(self, destination: Destination) -> None:
        """Page by page, as what was released before leaves the queue; each item once."""
        domains, released = set(destination.domains), set[int]()
        try:
            for left in reversed(range(RELEASE_ROUNDS)):
                for domain in tuple(domains):
                    if await self._release_page(domain, released):
                        domains.discard(domain)
                self._woken.set()
                if not domains or not left:
                    return
                await asyncio.sleep(BUSY_SLEEP_SECONDS)
                if self._stopping or destination.not_before:  # it is away again
                    return
        except StorageError as error:
            self._crew.journal.note("queue.storage-trouble", Level.ALARM, error=str(error))

    async def _release_page(self, domain: str, released: set[int]) -> bool:
        """Make the oldest items of ``domain`` due that are not in ``released``; whether these were the last."""
        items = await self._crew.store.queued(QueueFilter(domain=domain, state=State.WAITING, limit=RELEASE_AT_ONCE))
        fresh = [item.item for item in items if not item.claimed and item.item not in released]
        released.update(fresh)
        await self._crew.store.release(fresh, self._now())
        return len(items) < RELEASE_AT_ONCE

    # -- leases and results ------------------------------------------------------------------------

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            await self._leases.renew()

    def _settle(self, results: Iterable[Result]) -> None:
        self._crew.settler.add(results)

    def _settled(self, items: Sequence[Item], posted: bool) -> None:
        self._leases.let_go(items)
        if posted:  # a report is due: the store would otherwise be asked in a minute
            self._woken.set()
        if self._missed and len(self._leases) < MAX_IN_HAND // 2:
            self._missed = False
            self._woken.set()

    def _now(self) -> int:
        return int(self._crew.clock.now() * 1000)


def _messages(link: Link) -> int:
    return min(LINK_MESSAGES, link.offered.messages_max or LINK_MESSAGES)
