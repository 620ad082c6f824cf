"""Workers: each carries load after load to one destination, over one link while that is good.

Two bounds hold them: the window of the destination, which opens with each
success, and ``MAX_WORKERS`` in the house. A destination that was not reached is
left alone for a while, and what waits for it has failed with what was tried.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from posthouse.mail.outcome import Deferred, Delivered, Outcome, Relayed
from posthouse.mta.classify import wants_another_round
from posthouse.mta.crew import OUR_TROUBLE, Crew
from posthouse.mta.destination import Destination
from posthouse.mta.leases import Leases
from posthouse.mta.link import Link
from posthouse.mta.load import Load
from posthouse.mta.route import DirectoryRoute, HostRoute
from posthouse.mta.settling import Result, put_back
from posthouse.observe.ports import Level
from posthouse.storage.errors import StorageError

MAX_WORKERS: Final = 200
"""Links in all."""
IDLE_SECONDS: Final = 3.0
"""How long an open link waits for the next message."""
WAIT_SECONDS: Final = 0.5
"""Between two looks whether something may be sent again."""
LINK_MESSAGES: Final = 100
LINK_SECONDS: Final = 300

Hears = Callable[[Destination], None]


class Workers:
    """``eased`` hears of a destination for which less waits, ``recovered`` of one that was away and is back."""

    def __init__(
        self, crew: Crew, leases: Leases, destinations: Mapping[str, Destination], *, eased: Hears, recovered: Hears
    ) -> None:
        self._crew = crew
        self._leases = leases
        self._destinations = destinations
        self._eased = eased
        self._recovered = recovered
        self._tasks: asyncio.TaskGroup | None = None
        self._count = 0
        self._stopping = False
        self._home = asyncio.Event()

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """From now on there is somebody to send, one of ``tasks`` each."""
        self._tasks = tasks

    def end(self) -> None:
        """There is nobody any more: what is handed over now waits for the next run."""
        self._tasks = None

    def stop(self) -> None:
        """Nobody waits for another load; what was begun is ended."""
        self._stopping = True
        for destination in self._destinations.values():
            destination.dismiss()

    async def wait_home(self) -> None:
        """Returns when nobody is on the way any more."""
        while self._count:
            self._home.clear()
            await self._home.wait()

    def send(self, destination: Destination) -> None:
        """Send as many as the destination and the house may have."""
        while self._tasks is not None and destination.wants_worker and self._count < MAX_WORKERS:
            destination.workers += 1
            self._count += 1
            self._tasks.create_task(self._work(destination))

    async def _work(self, destination: Destination) -> None:
        """Carry loads to one destination over one link, while there are any."""
        link: Link | None = None
        try:
            while (load := await self._next(destination, link)) is not None:
                link = await self._carry(destination, load, link)
        finally:
            destination.workers -= 1
            self._count -= 1
            if link is not None:
                await link.quit()
            self._come_home(destination)

    async def _next(self, destination: Destination, link: Link | None) -> Load | None:
        load = destination.next_load()
        self._eased(destination)
        if load is None and link is not None and not self._stopping:
            load = await destination.wait_load(IDLE_SECONDS)
        return load

    def _come_home(self, destination: Destination) -> None:
        self._home.set()
        if self._stopping:
            return
        self.send(destination)
        if not destination.waiting:
            for other in self._destinations.values():  # a place in the house has come free
                if self._count >= MAX_WORKERS:
                    break
                if other.wants_worker:
                    self.send(other)

    async def _carry(self, destination: Destination, load: Load, link: Link | None) -> Link | None:
        """Bring ``load``, and settle it whatever happens; the link if it is good for another one."""
        try:
            if isinstance(destination.route, DirectoryRoute):
                self._settle(destination, load, await self._keep(load))
                return None
            return await self._relay(destination, destination.route, load, link)
        except StorageError as error:
            self._crew.journal.note("queue.unreadable", Level.ALARM, id=load.first.queue_id, error=str(error))
        except Exception as error:  # noqa: BLE001 - a bug met on one message must not end the queue
            self._crew.journal.bug("queue.relay-bug", error, id=load.first.queue_id)
        if link is not None:
            link.drop()
        self._crew.settler.add(Result(item, Deferred(OUR_TROUBLE)) for item in load.items)
        return None

    async def _keep(self, load: Load) -> dict[int, Outcome]:
        if self._crew.outside is None:
            raise StorageError("no place for mail to outside")
        return await self._crew.outside.keep(load)

    async def _relay(self, destination: Destination, route: HostRoute, load: Load, link: Link | None) -> Link | None:
        if destination.not_before > self._crew.now():
            until, reason = destination.not_before, destination.reason
            self._crew.settler.add(put_back(item, until, reason) for item in load.items)
            return link
        if not await self._may_begin(load):
            self._leases.let_go(load.items)
            return link
        trip = await self._crew.relay.carry(route, load, link, self._leases.may_send)
        self._settle(destination, load, trip.outcomes)
        self._learn(destination, trip.outcomes, reached=trip.reached)
        if trip.link is None or not self._is_worn_out(trip.link):
            return trip.link
        await trip.link.quit()
        return None

    async def _may_begin(self, load: Load) -> bool:
        """Whether ``load`` is still ours, once what becomes of it can be written down in time.

        A store that stands still, or is away, is waited for: what is sent and not settled is sent again.
        """
        while self._crew.settler.is_late or not self._leases.may_begin(load):
            if self._stopping or not self._leases.may_send(load):
                return False
            await asyncio.sleep(WAIT_SECONDS)
        return True

    def _is_worn_out(self, link: Link) -> bool:
        most = min(LINK_MESSAGES, link.offered.messages_max or LINK_MESSAGES)
        return link.messages >= most or self._crew.clock.monotonic() - link.opened > LINK_SECONDS

    def _learn(self, destination: Destination, outcomes: Mapping[int, Outcome], *, reached: bool) -> None:
        """What a trip says of its destination, and what follows for those who wait."""
        if not reached:
            self._leave_alone(destination, outcomes)
        elif any(isinstance(outcome, Relayed) for outcome in outcomes.values()):
            if destination.succeeded():
                self._recovered(destination)
            self.send(destination)
        elif all(isinstance(outcome, Deferred) for outcome in outcomes.values()):
            destination.slowed()

    def _leave_alone(self, destination: Destination, outcomes: Mapping[int, Outcome]) -> None:
        """Nobody there: what waits has failed with what was tried."""
        outcome = next(iter(outcomes.values()), None)
        if not isinstance(outcome, Deferred):
            return
        destination.failed(self._crew.now(), outcome.reply, self._crew.chance())
        for load in destination.take_waiting():
            self._crew.settler.add(Result(item, outcome) for item in load.items)

    def _settle(self, destination: Destination, load: Load, outcomes: Mapping[int, Outcome]) -> None:
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
            again = self._crew.now() + 1000 if progress and wants_another_round(outcome) else None
            if final and isinstance(outcome, Relayed) and not outcome.speaks_dsn:
                outcome = Delivered()  # RFC 2033: an LMTP server that took it has delivered it
            results.append(Result(item, outcome, again, inner=inner))
        self._crew.settler.add(results)
