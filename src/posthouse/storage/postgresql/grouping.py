"""Group commit in the node: what many sessions want at once shares one transaction, worth five times the throughput.

A unit that comes alone does not wait. While lanes are busy, units gather: at
most ``MAX_BATCH`` or until ``GATHER_SECONDS`` have passed. When a batch is
refused (one of its units asks for something that does not exist), each unit is
run again in a transaction of its own: then the one fails alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")

MAX_BATCH = 50
GATHER_SECONDS = 0.005
LANES = 3
"""Batches on their way at once: while one waits for its commit, another one talks to the server."""

RunBatch = Callable[[Tx, Sequence[Wish]], Awaitable[Sequence[Answer]]]


class _Order(Generic[Wish, Answer]):
    __slots__ = ("deadline", "future", "wish")

    def __init__(self, wish: Wish, future: "asyncio.Future[Answer]", deadline: float) -> None:
        self.wish = wish
        self.future = future
        self.deadline = deadline


class Group(Generic[Wish, Answer]):
    """Batches of one kind of unit, in the order in which they came. ``key`` keeps two that collide out of one batch."""

    def __init__(self, units: Units, run: RunBatch[Wish, Answer], key: Callable[[Wish], object]) -> None:
        self._units = units
        self._run = run
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Order[Wish, Answer]] = []
        self._timer: asyncio.Handle | None = None
        self._lanes: set[asyncio.Task[None]] = set()

    def submit(self, wish: Wish) -> "asyncio.Future[Answer]":
        """Its answer, once it is durable."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.append(_Order(wish, future, self._loop.time() + self._units.hold_seconds))
        if not self._lanes:
            self._timer = self._timer or self._loop.call_soon(self._start)  # whoever is ready in this turn joins
        elif len(self._waiting) >= MAX_BATCH:
            self._start()
        elif self._timer is None:
            self._timer = self._loop.call_later(GATHER_SECONDS, self._start)
        return future

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and len(self._lanes) < LANES:
            lane = self._loop.create_task(self._carry(self._next_batch()))
            self._lanes.add(lane)
            lane.add_done_callback(self._arrived)

    def _arrived(self, lane: "asyncio.Task[None]") -> None:
        self._lanes.discard(lane)
        if self._waiting and self._timer is None:
            self._start()

    def _next_batch(self) -> list[_Order[Wish, Answer]]:
        chosen: list[_Order[Wish, Answer]] = []
        later: list[_Order[Wish, Answer]] = []
        keys: set[object] = set()
        seen = 0
        for order in self._waiting:
            if len(chosen) == MAX_BATCH:
                break
            seen += 1
            key = self._key(order.wish)
            if key in keys:
                later.append(order)
            else:
                keys.add(key)
                chosen.append(order)
        later += self._waiting[seen:]
        self._waiting = later
        return chosen

    async def _carry(self, batch: list[_Order[Wish, Answer]]) -> None:
        try:
            answers = await self._write(batch)
        except StorageError as error:
            await self._carry_singly(batch, error)
        except BaseException as error:  # noqa: BLE001  whatever it was, every waiter must hear of it
            for order in batch:
                _refuse(order, _as_storage_error(error))
        else:
            for order, answer in zip(batch, answers, strict=True):
                if not order.future.done():  # the waiter was cancelled: it happened all the same
                    order.future.set_result(answer)

    async def _write(self, batch: Sequence[_Order[Wish, Answer]]) -> Sequence[Answer]:
        wishes = [order.wish for order in batch]
        deadline = min(order.deadline for order in batch)
        return await self._units.write(lambda tx: self._run(tx, wishes), deadline=deadline)

    async def _carry_singly(self, batch: list[_Order[Wish, Answer]], error: StorageError) -> None:
        """One by one; but a batch that waited in vain for the engine has waited for all."""
        if len(batch) == 1 or batch[0].deadline <= self._loop.time() + GATHER_SECONDS:
            for order in batch:
                _refuse(order, error)
            return
        for order in batch:
            await self._carry([order])

    async def close(self) -> None:
        """Finish what was submitted."""
        while self._waiting or self._lanes:
            self._start()
            await asyncio.wait(list(self._lanes))


def _refuse(order: "_Order[Wish, Answer]", error: StorageError) -> None:
    if not order.future.done():
        order.future.set_exception(error)


def _as_storage_error(error: BaseException) -> StorageError:
    final = StorageError(f"{type(error).__name__}: {error}")
    final.__cause__ = error
    return final
