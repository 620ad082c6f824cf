"""Where items of the queue go: known at once, or asked of the DNS, once for all that wait for the same domain."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Final

from posthouse.mail.outcome import Deferred, Failed
from posthouse.mail.reply import Reply
from posthouse.mta.crew import OUR_TROUBLE, Crew
from posthouse.mta.route import Route
from posthouse.mta.settling import Result
from posthouse.storage.queue import Item

ROUTE_SECONDS: Final = 60
"""How long a route found in the DNS is used without asking again."""
MAX_ROUTES: Final = 10_000

Found = Callable[[Route, list[Item]], None]


class Directions:
    """``found`` is told where items go that had to be asked for."""

    def __init__(self, crew: Crew, found: Found) -> None:
        self._crew = crew
        self._found = found
        self._known: dict[str, tuple[Route, float]] = {}
        self._asking: dict[str, list[Item]] = {}
        """Items by the domain that they wait to hear of."""

    def forget(self) -> None:
        """Whoever waited for an answer waits no more."""
        self._known = {}
        self._asking = {}

    def crowded(self, most: int) -> Iterable[str]:
        """Domains for whose answer so many items wait that others had better stay in the store."""
        return (domain for domain, items in self._asking.items() if len(items) >= most)

    def sort(self, items: Iterable[Item], tasks: asyncio.TaskGroup | None) -> Collection[tuple[Route, list[Item]]]:
        """``items`` by route; those without are given to ``found`` when one of ``tasks`` has it, or settled."""
        routed: dict[str, tuple[Route, list[Item]]] = {}
        for item in items:
            route = self._route(item.domain)
            if route is not None:
                routed.setdefault(route.key, (route, []))[1].append(item)
            elif (waiting := self._asking.get(item.domain)) is not None:
                waiting.append(item)
            elif tasks is not None:
                self._asking[item.domain] = [item]
                tasks.create_task(self._ask(item.domain))
        return routed.values()

    def _route(self, domain: str) -> Route | None:
        if route := self._crew.routes.static(domain):
            return route
        known = self._known.get(domain)
        return known[0] if known and known[1] > self._crew.clock.monotonic() else None

    async def _ask(self, domain: str) -> None:
        """Where mail for ``domain`` goes; all items that waited for it go on."""
        try:
            found = await self._crew.routes.find(domain)
        except Exception as error:  # noqa: BLE001 - a bug in a lookup must not end the queue
            self._crew.journal.bug("queue.route-bug", error, domain=domain)
            found = OUR_TROUBLE
        items = self._asking.pop(domain, [])
        if isinstance(found, Reply):
            outcome = Failed(found) if found.permanent else Deferred(found)
            self._crew.settler.add(Result(item, outcome) for item in items)
            return
        if len(self._known) >= MAX_ROUTES:
            self._known.clear()
        self._known[domain] = (found, self._crew.clock.monotonic() + ROUTE_SECONDS)
        self._found(found, items)
