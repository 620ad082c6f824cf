"""Group commit: many units of work, one transaction, one fsync.

Statements of light units run on the loop's own thread: they touch memory,
and a thread that runs them would wait for the interpreter lock after each
one (docs/adr/0004-group-commit.md has the figures). What takes long, heavy
units, COMMIT and its fsync, goes to the writer's thread; units that arrive
meanwhile are the next batch.

A batch runs without savepoints first. When a unit raises, the batch is
rolled back and run again, each unit in a SAVEPOINT of its own: then the one
fails alone. A unit must therefore be a function of its arguments and the
database. When the commit itself fails, all units of the batch fail: nobody
retries it and calls it durable.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from time import sleep
from typing import Any, TypeVar

import apsw

from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.sqlite.faults import Faults
from posthouse.storage.sqlite.tx import Tx

T = TypeVar("T")
Unit = Callable[[Tx], Any]

MAX_BATCH = 200
"""Units in one transaction: bounds how long the loop is busy with one batch (about 8 ms)."""

HEAVY_MESSAGES = 300
"""A unit with more messages than this is heavy: it would keep the loop's thread for more than about 5 ms."""

GATHER_SECONDS = 0.008
"""How long a batch waits at most until as many units are there as were under way when the one before ended: fewer
commits, each for more units, fewer changes of threads. A unit that comes alone never waits. Measured with bench/road
at 20 sessions: a third of the wakes of threads, a quarter less written, 13 % less CPU a message than with 2 ms."""

SHORT_OF_MEMORY_SECONDS = 0.01
AGAIN_SECONDS = 1.0


class _Order:
    """A unit, who waits for it, and what came of it."""

    __slots__ = ("error", "future", "heavy", "result", "unit")

    def __init__(self, unit: Unit, future: asyncio.Future[Any], *, heavy: bool) -> None:
        self.unit = unit
        self.future = future
        self.heavy = heavy
        self.result: Any = None
        self.error: BaseException | None = None


Finish = Callable[[], BaseException | None]


class Writer:
    """Runs units, in the order in which they came (heavy ones last in their batch)."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        faults: Faults,
        journal: Journal,
        committed: Callable[[Tx], None],
    ) -> None:
        self._connection = connection
        self._faults = faults
        self._journal = journal
        self._committed = committed
        self._tx = Tx(connection)
        self._loop = asyncio.get_running_loop()
        self._batches: SimpleQueue[tuple[list[_Order], Finish] | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="posthouse-commit", daemon=True)
        self._thread.start()
        self._waiting: list[_Order] = []
        self._busy = False
        self._batch: list[_Order] = []
        """Under way, in the thread."""
        self._company = 1
        """As many as wait begin: those under way when the last batch ended, its own, whose senders are likely to come
        again, and the next."""
        self._gathering: asyncio.TimerHandle | None = None
        self._closed = False
        self._idle: asyncio.Future[None] | None = None
        self._broken: str | None = None
        self._speechless = StorageError("what came of it cannot be told")
        """Made while there is memory."""

    def submit(self, unit: Callable[[Tx], T], *, heavy: bool = False) -> asyncio.Future[T]:
        """What ``unit`` returned, once it would survive a power cut."""
        future: asyncio.Future[T] = self._loop.create_future()
        if self._closed or self._broken is not None:
            future.set_exception(StorageError(self._broken or "the store is closed"))
            return future
        self._waiting.append(_Order(unit, future, heavy=heavy))
        if not self._busy or len(self._waiting) >= self._company:
            self._hurry()
        return future

    async def close(self) -> None:
        """Finish what was submitted."""
        self._closed = True
        if self._busy or self._waiting:
            self._hurry()
            self._idle = self._loop.create_future()
            await self._idle
        self._batches.put(None)
        self._thread.join()
        self._connection.close()

    def _serve(self) -> None:
        """The thread: one batch after the other (an executor would make a future of each).

        It lives as long as the store. That a batch has ended it says again until the loop has heard it: without
        memory a call may get lost on its way.
        """
        batch: list[_Order] = []
        error: BaseException | None = None
        while True:
            try:
                item = self._batches.get(timeout=AGAIN_SECONDS if batch else None)
            except Empty:
                if batch:  # the loop has not heard of it: it clears what it has told
                    self._report(batch, error)
                continue
            except MemoryError:
                sleep(SHORT_OF_MEMORY_SECONDS)
                continue
            if item is None:
                return
            batch, finish = item
            try:
                error = finish()
            except MemoryError as short:
                error = short
            del item, finish  # they hold what was written
            self._report(batch, error)

    def _hurry(self) -> None:
        """Begin in this turn, unless a batch is under way: whoever else is ready in it joins.

        Without memory the call may be lost on its way, so who finds twice as many waiting makes it again.
        """
        if self._batch:
            return
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._loop.call_soon(self._start)
        self._busy = True
        self._company = 2 * len(self._waiting)

    def _start(self) -> None:
        self._gathering = None
        if self._batch:
            return
        if not self._waiting:
            self._rest()
            return
        self._busy = False  # if there is no memory to begin, whoever comes next does
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        self._batch, self._busy = batch, True
        try:
            heavy = [order for order in batch if order.heavy]
            light = [order for order in batch if not order.heavy]
            self._begin()
            failed = not self._fill(light)
            if not failed:
                self._tx.flush()
            self._batches.put((batch, partial(self._finish, light, heavy, again=failed)))
        except Exception as error:  # noqa: BLE001  whatever it was, every waiter must hear of it
            self._fail(batch, error)

    def _begin(self) -> None:
        self._faults.at("batch.open")
        self._tx.execute("BEGIN IMMEDIATE")

    def _fill(self, orders: list[_Order]) -> bool:
        """Run units one after the other; False, with everything rolled back, as soon as one fails."""
        tx = self._tx
        for order in orders:
            try:
                order.result = order.unit(tx)
            except Exception:  # noqa: BLE001  it will be raised again, alone, in the second run
                self._rollback()
                return False
        return True

    def _finish(self, light: list[_Order], heavy: list[_Order], *, again: bool) -> BaseException | None:
        """In the thread: the rest of the batch and the commit."""
        try:
            if again or not self._fill(heavy):
                self._begin()
                self._fill_carefully(light + heavy)
            self._tx.flush()
            self._faults.at("batch.filled")
            self._tx.execute("COMMIT")
            self._faults.at("batch.committed")
        except BaseException as error:  # noqa: BLE001  whatever it was, every waiter must hear of it
            return error
        return None

    def _report(self, batch: list[_Order], error: BaseException | None) -> None:
        """Tell the loop, which may hear it twice."""
        try:
            self._loop.call_soon_threadsafe(self._end, batch, error)
        except MemoryError:
            sleep(SHORT_OF_MEMORY_SECONDS)

    def _fill_carefully(self, orders: list[_Order]) -> None:
        """Each unit in a SAVEPOINT: it fails alone.

        Only the second run, because within a savepoint SQLite walks its whole
        journal after each statement: quadratic for a unit of 20,000 messages.
        """
        tx = self._tx
        for order in orders:
            tx.flush()
            changed, directory_changed = set(tx.changed), tx.directory_changed
            tx.execute("SAVEPOINT unit")
            try:
                order.result = order.unit(tx)
                tx.flush()
                tx.execute("RELEASE unit")
            except Exception as error:
                if self._connection.in_transaction:
                    tx.execute("ROLLBACK TO unit")
                    tx.execute("RELEASE unit")
                tx.undo()
                tx.changed, tx.directory_changed = changed, directory_changed
                order.error = error
                if not self._connection.in_transaction:
                    raise  # SQLite gave the whole transaction up (disk full, I/O error)

    def _rollback(self) -> None:
        self._tx.undo()
        if self._connection.in_transaction:
            self._tx.execute("ROLLBACK")

    def _end(self, batch: list[_Order], error: BaseException | None) -> None:
        """Back in the loop: tell everybody, start the next batch."""
        if not batch:  # told already
            return
        if error is not None:
            self._fail(batch, error)
            return
        try:
            self._committed(self._tx)
        finally:
            self._tell(batch)

    def _tell(self, batch: list[_Order]) -> None:
        """Everybody who waits hears what came of his unit, whatever goes wrong with telling another."""
        try:
            for order in batch:
                if order.future.done():  # the waiter was cancelled: it happened all the same
                    continue
                try:
                    if order.error is None:
                        order.future.set_result(order.result)
                    else:
                        order.future.set_exception(self._final(order.error))
                except Exception:  # noqa: BLE001  whatever it was, the others must hear of theirs
                    self._tell_shortly(order)
        finally:
            self._next(batch)

    def _tell_shortly(self, order: _Order) -> None:
        """The whole story cannot be told. Whose future was done when memory ran out is past help: nobody wakes it."""
        if not order.future.done():
            with suppress(MemoryError):
                order.future.set_exception(self._speechless)

    def _fail(self, batch: list[_Order], error: BaseException) -> None:
        """The disk or the database refused: final for the whole batch, and somebody should look."""
        final = self._speechless
        try:
            final = _as_storage_error(error)
            try:
                self._rollback()
            except apsw.Error as worse:
                self._broken = f"the database cannot be rolled back: {worse}"
            self._journal.note("storage.failed", Level.ALARM, error=str(error), units=len(batch))
        finally:
            for order in batch:
                order.error = final
            self._tell(batch)

    def _final(self, error: BaseException) -> StorageError:
        """What the waiter of a failed unit sees: our refusals as they are; all else alarms too."""
        if isinstance(error, (apsw.Error, OSError)):
            self._journal.note("storage.failed", Level.ALARM, error=str(error), units=1)
        elif not isinstance(error, StorageError):
            self._journal.bug("storage.bug", error)
        return _as_storage_error(error)

    def _next(self, batch: list[_Order]) -> None:
        self._company = len(batch) + len(self._waiting)
        batch.clear()
        self._busy = False  # see _start
        if self._company > 1 and not self._closed:
            self._gathering = self._loop.call_later(GATHER_SECONDS, self._start)
            self._busy = True
        else:
            self._start()

    def _rest(self) -> None:
        self._busy = False
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)


def _as_storage_error(error: BaseException) -> StorageError:
    if isinstance(error, StorageError):
        return error
    final = StorageError(f"{type(error).__name__}: {error}")
    final.__cause__ = error
    return final
