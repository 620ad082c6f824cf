"""What waits in the store for a destination that is back: it is made due page by page, each item once."""

from collections.abc import Collection
from typing import Final

from posthouse.mta.crew import Crew
from posthouse.mta.leases import MAX_IN_HAND
from posthouse.storage.queue import QueueFilter, State

RELEASE_AT_ONCE: Final = 2 * MAX_IN_HAND
"""Items looked at together; those in hand are among them."""


class Release:
    """Of all that waits for ``domains``."""

    __slots__ = ("_crew", "_domains", "_released")

    def __init__(self, crew: Crew, domains: Collection[str]) -> None:
        self._crew = crew
        self._domains = set(domains)
        self._released: set[int] = set()

    async def next_pages(self) -> bool:
        """Make a page of each domain due; whether there may be more. What was released before is to leave first."""
        for domain in tuple(self._domains):
            if await self._release_page(domain):
                self._domains.discard(domain)
        return bool(self._domains)

    async def _release_page(self, domain: str) -> bool:
        """Make the oldest items of ``domain`` due that have not been; whether these were the last."""
        store = self._crew.store
        items = await store.queued(QueueFilter(domain=domain, state=State.WAITING, limit=RELEASE_AT_ONCE))
        fresh = [item.item for item in items if not item.claimed and item.item not in self._released]
        self._released.update(fresh)
        await store.release(fresh, self._crew.now())
        return len(items) < RELEASE_AT_ONCE
