"""The queue: any cell's; an item's number says whose."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from posthouse.storage.acceptance import Acceptance
from posthouse.storage.cells.accepting import Acceptor
from posthouse.storage.cells.content import CellBlobs
from posthouse.storage.cells.opened import OpenCells, joined
from posthouse.storage.cells.places import HOME, cell_of_number
from posthouse.storage.cells.transit import Carrier
from posthouse.storage.errors import StorageError
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement

T = TypeVar("T")


class CellQueue:
    """What waits in all cells that answer."""

    def __init__(self, cells: OpenCells, blobs: CellBlobs, acceptor: Acceptor, carrier: Carrier) -> None:
        self._cells = cells
        self._blobs = blobs
        self._acceptor = acceptor
        self._carrier = carrier
        self.accept = acceptor.accept

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        items: list[Item] = []
        for cell in self._cells.usable():
            if len(items) < limit:
                with suppress(StorageError):
                    items += await self._cells.store(cell).claim(
                        owner=owner, now=now, lease_until=lease_until, limit=limit - len(items), avoid=avoid
                    )
        for item in items:
            self._blobs.saw(item.content.blob, cell_of_number(item.item))
        return items

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool]:
        still: dict[tuple[int, int], bool] = {}
        for cell, own in _by_cell(items, lambda one: one[0]).items():
            with suppress(StorageError):
                still |= dict(zip(own, await self._cells.store(cell).renew(own, lease_until), strict=True))
        return [still.get(item, True) for item in items]  # nobody has said that it is not; its time runs out here

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()) -> Sequence[bool]:
        """In one cell it is one transaction. Of several, reports come first: a death repeats them, never loses them."""
        groups = _by_cell(settlements, lambda one: one.item)
        if not settlements or len(groups) == 1:
            cell = next(iter(groups), HOME)
            seen = [self._acceptor.seen_from(cell, report) for report in reports]
            settled = await self._cells.store(cell).settle(settlements, seen)
            self._carrier.wake()
            return settled
        for report in reports:
            await self._acceptor.accept(report)
        results: dict[int, bool] = {}
        for cell, own in groups.items():
            results |= {
                one.item: done for one, done in zip(own, await self._cells.store(cell).settle(own), strict=True)
            }
        return [results[one.item] for one in settlements]

    async def next_due(self) -> int | None:
        return min(
            (due for due in await self._cells.ask_all(lambda one: one.next_due()) if due is not None), default=None
        )

    async def queued(self, which: QueueFilter) -> Sequence[Item]:
        return joined(await self._cells.ask_all(lambda one: one.queued(which)))[: which.limit]

    async def hold(self, items: Sequence[int]) -> int:
        return sum([await self._cells.store(cell).hold(own) for cell, own in _by_cell(items, int).items()])

    async def release(self, items: Sequence[int], due_at: int) -> int:
        return sum([await self._cells.store(cell).release(own, due_at) for cell, own in _by_cell(items, int).items()])

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        for report in reports:
            await self._acceptor.accept(report)
        dropped = 0
        for cell, own in _by_cell(items, int).items():
            dropped += await self._cells.store(cell).drop(own, (), [fate for fate in fates if fate.item in own])
        return dropped

    async def reclaim(self, owner: str) -> int:
        return sum(await self._cells.ask_all(lambda one: one.reclaim(owner)))


def _by_cell(values: Iterable[T], number: Callable[[T], int]) -> dict[int, list[T]]:
    groups: dict[int, list[T]] = {}
    for value in values:
        groups.setdefault(cell_of_number(number(value)), []).append(value)
    return groups
