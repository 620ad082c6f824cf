"""Units of work on PostgreSQL: one transaction each, repeated through a failover, never acknowledged too early.

A unit may run more than once, so it is a function of its arguments and the
database. Whoever waits for it may be cancelled; the unit goes on, because a
COMMIT is never cancelled: a driver that gives up on it asks the server to
cancel it, and a server that waits for its standby then says "committed" when
only it has the data.

Repeating has a trap of its own. When an outcome is unknown and the repetition
finds all done, it has written nothing, and a commit that wrote nothing waits
for no standby. So whoever repeats writes something (the row of his node): its
commit is acknowledged only when everything before it is safe too. The same
goes for a unit that finds done what somebody else tried (``Tx.finds_done``):
a batch taken apart, a report or a transit that is sent again, another node.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncpg

from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.connecting import Connection, Unreachable, Unsuitable
from posthouse.storage.postgresql.numbers import Numbers
from posthouse.storage.postgresql.pool import Pool
from posthouse.storage.postgresql.pulse import SILENT_SECONDS, Pulse
from posthouse.storage.postgresql.troubles import Kind, classify, told
from posthouse.storage.postgresql.tx import Tx

T = TypeVar("T")
Work = Callable[[Tx], Awaitable[T]]

HOLD_SECONDS = 60.0
"""How long a unit is repeated through trouble of the engine. An SMTP client waits ten minutes after its final dot
(RFC 5321 section 4.5.3.2.6), and a failover takes at most half of this."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
MAX_RACES = 8
"""A unit that collides more often has a bug, or somebody is after a hot row."""

WRITE_SOMETHING = """INSERT INTO counter (name, value) VALUES ($1, 1)
    ON CONFLICT (name) DO UPDATE SET value = counter.value + 1"""


class _Passing(Exception):
    """An attempt failed; ``is_open``: whether it was committed is unknown."""

    def __init__(self, reason: str, *, is_open: bool, race: bool = False) -> None:
        super().__init__(reason)
        self.is_open = is_open
        self.race = race


class Units:
    """Runs units on the sessions of ``pool``."""

    def __init__(
        self,
        pool: Pool,
        numbers: Numbers,
        *,
        node: str,
        journal: Journal,
        committed: Callable[[Tx], None] = lambda _tx: None,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self._pool = pool
        self._numbers = numbers
        self._repeats = f"repeats.{node}"
        self._journal = journal
        self._committed = committed
        self.hold_seconds = hold_seconds
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._refusal: StorageError | None = None
        self._failing = False
        self._told = False
        """Whether the journal says that units are held."""
        self._look: asyncio.TimerHandle | None = None
        self._pulse = Pulse()

    @property
    def is_held(self) -> bool:
        """Whether units are being repeated, or wait for an engine that does not answer."""
        return self._failing or self._pulse.is_silent

    @property
    def is_steady(self) -> bool:
        """False for a while after the engine was away for long (``pulse``)."""
        return self._pulse.is_steady

    async def write(self, work: Work[T], *, repeatable: bool = True, deadline: float | None = None) -> T:
        """What ``work`` returned, once its transaction is durable.

        ``repeatable`` False: when it may have been committed, nobody tries again (a copy would be made twice).
        """
        return await self._shielded(self._persist(self._write_once, work, repeatable, deadline))

    async def read(self, work: Work[T], *, consistent: bool = False) -> T:
        """What ``work`` makes of committed data; ``consistent``: all its statements see one instant."""
        once = self._read_instant if consistent else self._read_once
        return await self._shielded(self._persist(once, work, True, None))

    def refuse(self, why: StorageError) -> None:
        """Do nothing any more: everybody hears ``why``."""
        self._refusal = why

    async def _shielded(self, attempt: Coroutine[Any, Any, T]) -> T:
        if self._closed:
            attempt.close()
            raise StorageError("the store is closed")
        if self._refusal is not None:
            attempt.close()
            raise self._refusal
        task = asyncio.get_running_loop().create_task(attempt)
        self._running.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited may be gone

    async def _persist(
        self,
        once: Callable[[Work[T], bool, float], Awaitable[T]],
        work: Work[T],
        repeatable: bool,
        deadline: float | None,
    ) -> T:
        """Try until it is done, final, or too late."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.hold_seconds if deadline is None else deadline
        pause, races, is_open = FIRST_PAUSE_SECONDS, 0, False
        while True:
            try:
                result = await once(work, is_open, end)
            except _Passing as trouble:
                is_open = is_open or trouble.is_open
                races += trouble.race
                if trouble.is_open and not repeatable:
                    raise self._final(f"it is not known whether this was done: {trouble}") from trouble
                if races > MAX_RACES or self._closed or loop.time() + pause >= end:
                    raise self._final(f"the engine could not do it: {trouble}") from trouble
                if not trouble.race:
                    self._hold(str(trouble))
                await asyncio.sleep(0 if trouble.race else pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                self._resume()
                return result

    def _final(self, reason: str) -> StorageError:
        self._journal.note("storage.failed", Level.ALARM, error=reason, units=1)
        return StorageError(reason)

    def _hold(self, reason: str) -> None:
        self._failing = True
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            self._journal.note("storage.held", Level.WARNING, reason=reason)

    def _resume(self) -> None:
        self._failing = False
        if self._told and not self._pulse.is_silent:
            self._told = False
            self._journal.note("storage.resumed")

    def _listen(self) -> None:
        """Now and then while somebody waits: an engine that stands still says nothing, so we do."""
        self._look = None
        if self._pulse.is_silent:
            self._tell(f"the engine has not answered for {SILENT_SECONDS:.0f} seconds")
        if self._pulse.is_waiting and not self._closed:
            self._look = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._listen)

    async def _write_once(self, work: Work[T], after_open: bool, end: float) -> T:
        is_sent = False

        async def within(tx: Tx, connection: Connection) -> T:
            nonlocal is_sent
            await connection.session.execute("BEGIN")
            try:
                result = await work(tx)
                await tx.flush()
            except StorageError:
                await connection.session.execute("ROLLBACK")
                raise
            if after_open or tx.finds_done:
                await tx.run(WRITE_SOMETHING, self._repeats)
            is_sent = True
            await self._commit(connection)
            self._pulse.committed()
            self._committed(tx)
            return result

        if self._look is None:
            self._look = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._listen)
        token = self._pulse.begun()
        try:
            return await self._in_session(within, end, is_second_look=after_open)
        except Exception as error:
            raise self._judged(error, is_open=is_sent) from error
        finally:
            self._pulse.ended(token)

    async def _in_session(
        self, within: Callable[[Tx, Connection], Awaitable[T]], end: float, *, is_second_look: bool = False
    ) -> T:
        """A refusal of ours leaves the session as good as it was; anything else closes it."""
        refusal: StorageError | None = None
        async with self._pool.session(end) as connection:
            guard = asyncio.get_running_loop().call_at(end, connection.terminate)
            try:
                return await within(Tx(connection.session, self._numbers, is_second_look=is_second_look), connection)
            except StorageError as error:
                refusal = error
            finally:
                guard.cancel()
        raise refusal

    async def _commit(self, connection: Connection) -> None:
        connection.is_unsynced = False
        status = await connection.session.execute("COMMIT")
        if connection.is_unsynced:
            raise ConnectionError("the wait for a standby was cancelled: it is on one server only")
        if status != "COMMIT":
            raise ConnectionError(f"the server answered {status} to COMMIT")

    async def _read_once(self, work: Work[T], _after_open: bool, end: float) -> T:
        try:
            return await self._in_session(lambda tx, _connection: work(tx), end)
        except Exception as error:
            raise self._judged(error, is_open=False) from error

    async def _read_instant(self, work: Work[T], _after_open: bool, end: float) -> T:
        async def within(tx: Tx, connection: Connection) -> T:
            await connection.session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            try:
                result = await work(tx)
            except StorageError:
                await connection.session.execute("ROLLBACK")
                raise
            await connection.session.execute("COMMIT")
            return result

        try:
            return await self._in_session(within, end)
        except Exception as error:
            raise self._judged(error, is_open=False) from error

    def _judged(self, error: Exception, *, is_open: bool) -> Exception:
        """What an attempt's failure means; a server that went away takes all its sessions along."""
        if isinstance(error, Unreachable):
            return _Passing(str(error), is_open=False)
        if isinstance(error, StorageError):
            if isinstance(error, Unsuitable):
                self._journal.note("storage.failed", Level.ALARM, error=str(error), units=1)
            return error
        kind = classify(error)
        if kind is Kind.FINAL:
            self._journal.note("storage.failed", Level.ALARM, error=told(error), units=1)
            return StorageError(told(error))
        if kind is Kind.TRANSIENT and not isinstance(error, asyncpg.TransactionRollbackError):
            self._pool.renew()
        is_known = isinstance(error, asyncpg.TransactionRollbackError | asyncpg.IntegrityConstraintViolationError)
        return _Passing(told(error), is_open=is_open and not is_known, race=kind is Kind.RACE)

    async def close(self) -> None:
        """Finish what runs; nothing is repeated any more."""
        self._closed = True
        while self._running:
            await asyncio.wait(list(self._running))
        if self._look is not None:
            self._look.cancel()
        await self._pool.close()
