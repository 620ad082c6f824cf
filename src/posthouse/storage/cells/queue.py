"""The queue: any cell's; an item's number says whose."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from posthouse.storage.acceptance import Acceptance
from posthouse.storage.cells.accepting import Acceptor
from posthouse.storage.cells.content import CellBlobs
from posthouse.storage.cells.opened import OpenCells, joined
from posthouse.storage.cells.places import HOME, cell_of_number
from posthouse.storage.cells.transit import Carrier
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Queue
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement

ANSWER_SECONDS: Final = 5.0
"""How long a cell is waited for while the results and leases of others wait too."""

T = TypeVar("T")


class CellQueue:
    """What waits in all cells that answer."""

    def __init__(self, cells: OpenCells, blobs: CellBlobs, acceptor: Acceptor, carrier: Carrier) -> None:
        self._cells = cells
        self._blobs = blobs
        self._acceptor = acceptor
        self._carrier = carrier
        self._turn = 0
        self.accept = acceptor.accept

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        """Each cell is the first in its turn: where much is due it would leave no room for the others."""
        items: list[Item] = []
        cells = self._cells.usable()
        self._turn += 1
        for place in range(len(cells)):
            cell, room = cells[(place + self._turn) % len(cells)], limit - len(items)
            if room > 0:
                claim = partial(_claim, owner=owner, now=now, lease_until=lease_until, limit=room, avoid=avoid)
                found = await self._ask(cell, claim)
                items += () if isinstance(found, StorageError) else found
        for item in items:
            self._blobs.saw(item.content.blob, cell_of_number(item.item))
        return items

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool | None]:
        groups = _by_cell(items, lambda one: one[0])
        answers = await self._ask_each(groups, lambda store, own: store.renew(own, lease_until))
        still = dict(_joined(groups, answers))
        return [still.get(item) for item in items]

    async def settle(
        self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()
    ) -> Sequence[bool | None]:
        """In one cell it is one transaction. Of several, reports come first: a death repeats them, never loses them."""
        groups = _by_cell(settlements, lambda one: one.item) or {HOME: []}
        if len(groups) > 1:
            for report in reports:
                await self._acceptor.accept(report)
            reports = ()
        seen = [self._acceptor.seen_from(cell, report) for cell in groups for report in reports]
        answers = await self._ask_each(groups, lambda store, own: store.settle(own, seen))
        self._carrier.wake()
        results = {one.item: done for one, done in _joined(groups, answers)}
        return [results.get(one.item) for one in settlements]

    async def _ask_each(
        self, groups: dict[int, list[T]], ask: Callable[[Queue, list[T]], Awaitable[Sequence[bool | None]]]
    ) -> list[Sequence[bool | None] | StorageError]:
        """What the cells say of what is theirs, all at once: none waits for one that is away. An error if all are."""
        asked = (self._ask(cell, lambda store, own=own: ask(store, own)) for cell, own in groups.items())  # type: ignore[misc]  # the default binds the loop's value
        answers = await asyncio.gather(*asked)
        errors = [one for one in answers if isinstance(one, StorageError)]
        if errors and len(errors) == len(answers):
            raise errors[0]
        return answers

    async def _ask(self, cell: int, ask: Callable[[Queue], Awaitable[T]]) -> T | StorageError:
        """What ``cell`` says, if it answers soon. It may do what it was asked all the same."""
        if cell not in self._cells.usable():
            return StorageError(f"cell {cell} is away")
        asking = asyncio.ensure_future(ask(self._cells.store(cell)))
        asking.add_done_callback(_heard)
        done, _ = await asyncio.wait([asking], timeout=ANSWER_SECONDS)
        if not done:
            return StorageError(f"cell {cell} has not answered for {ANSWER_SECONDS:.0f} seconds")
        try:
            return asking.result()
        except StorageError as error:
            return error

    async def next_due(self) -> int | None:
        answers = await asyncio.gather(*(self._ask(cell, _next_due) for cell in self._cells.usable()))
        errors = [one for one in answers if isinstance(one, StorageError)]
        if errors and len(errors) == len(answers):
            raise errors[0]
        return min((due for due in answers if isinstance(due, int)), default=None)

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


async def _claim(store: Queue, **wanted: Any) -> Sequence[Item]:
    return await store.claim(**wanted)


async def _next_due(store: Queue) -> int | None:
    return await store.next_due()


def _heard(asked: "asyncio.Future[Any]") -> None:
    if not asked.cancelled():
        asked.exception()  # whoever asked may have gone on


def _joined(
    groups: dict[int, list[T]], answers: Iterable[Sequence[bool | None] | StorageError]
) -> Iterator[tuple[T, bool | None]]:
    """What was said of each; nothing of those whose cell did not answer."""
    for own, answer in zip(groups.values(), answers, strict=True):
        if not isinstance(answer, StorageError):
            yield from zip(own, answer, strict=True)


def _by_cell(values: Iterable[T], number: Callable[[T], int]) -> dict[int, list[T]]:
    groups: dict[int, list[T]] = {}
    for value in values:
        groups.setdefault(cell_of_number(number(value)), []).append(value)
    return groups
