"""Leases: which items of the queue are in our hands, and until when (fenced in the store by their tokens)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from posthouse.lib.ports import Clock
from posthouse.mta.load import Load
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.queue import Item

MAX_IN_HAND: Final = 2000
"""Items in memory at once."""
LEASE_SECONDS: Final = 60.0
RENEW_SECONDS: Final = LEASE_SECONDS / 6
"""An engine that stands still renews nothing: what was sent meanwhile is settled in what is left of the lease."""
LEASE_MARGIN_SECONDS: Final = 5.0
"""No content is ended when less than this is left of the lease."""
BEGIN_SECONDS: Final = LEASE_SECONDS / 2
"""No transfer is begun with less: the store has not answered for longer than the rest then."""


@dataclass(slots=True)
class _Held:
    item: Item
    until: float
    """Monotonic seconds."""


class Leases:
    """What is held. Its clock is the monotonic one: nobody sets that."""

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._held: dict[int, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def room(self) -> int:
        """How many more items our hands can hold; what was committed meanwhile may be beyond it."""
        return MAX_IN_HAND - len(self._held)

    def end_at(self, at: int) -> int:
        """When a lease that begins at ``at`` ends, both in milliseconds since 1970."""
        return at + int(LEASE_SECONDS * 1000)

    def hold(self, items: Iterable[Item], until: float) -> None:
        """These are ours until the monotonic time ``until``."""
        for item in items:
            self._held[item.item] = _Held(item, until)

    def let_go(self, items: Iterable[Item]) -> None:
        """These are not ours any more, unless we hold them under a newer token."""
        for item in items:
            held = self._held.get(item.item)
            if held is not None and held.item.token == item.token:
                del self._held[item.item]

    def clear(self) -> None:
        self._held.clear()

    def may_send(self, load: Load) -> bool:
        """Whether all of ``load`` is ours for long enough to end its content now."""
        return self._are_ours(load, LEASE_MARGIN_SECONDS)

    def may_begin(self, load: Load) -> bool:
        """Whether all of ``load`` is ours for long enough to be sent and settled."""
        return self._are_ours(load, BEGIN_SECONDS)

    def _are_ours(self, load: Load, seconds: float) -> bool:
        limit = self._clock.monotonic() + seconds
        return all(
            (held := self._held.get(item.item)) is not None and held.item.token == item.token and held.until > limit
            for item in load.items
        )

    async def renew(self) -> None:
        """Lengthen all leases; what is not ours any more is let go. Where nobody answers nothing is begun."""
        held = list(self._held.values())
        if not held:
            return
        started, now = self._clock.monotonic(), int(self._clock.now() * 1000)
        try:
            ours = await self._store.renew([(one.item.item, one.item.token) for one in held], self.end_at(now))
        except StorageError as error:
            self._journal.note("queue.storage-trouble", Level.ALARM, error=str(error))
            ours = [None] * len(held)
        for one, still in zip(held, ours, strict=True):
            if still:
                one.until = started + LEASE_SECONDS
            elif still is None:
                one.until = min(one.until, self._clock.monotonic() + BEGIN_SECONDS)
            elif self._held.get(one.item.item) is one:
                del self._held[one.item.item]
