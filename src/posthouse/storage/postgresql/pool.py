"""A thin pool: a few sessions, made when needed, thrown away at the first trouble.

asyncpg's own pool was seen to deadlock and to hand out poisoned sessions
after a failover (docs/adr/0009-postgresql.md), so a session that raised
anything unexpected is never used again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from posthouse.storage.postgresql.connecting import Connection

Connect = Callable[[], Awaitable[Connection]]


class Pool:
    """At most ``size`` sessions at once; who comes later waits for one."""

    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._places = asyncio.Semaphore(size)
        self._idle: list[tuple[int, Connection]] = []
        self._life = 0

    @asynccontextmanager
    async def session(self, deadline: float) -> AsyncIterator[Connection]:
        """A session until the block ends; the loop's time ``deadline`` bounds the wait for it (``TimeoutError``).

        The block must not be left with a transaction open unless it raises: then the session is closed.
        """
        async with asyncio.timeout_at(deadline):
            await self._places.acquire()
        try:
            life = self._life
            connection = self._take() or await self._connect()
            try:
                yield connection
            except BaseException:
                connection.terminate()
                raise
            if connection.is_closed or life != self._life:
                connection.terminate()
            else:
                self._idle.append((life, connection))
        finally:
            self._places.release()

    def _take(self) -> Connection | None:
        """The one that was used last: its caches are warm."""
        while self._idle:
            life, connection = self._idle.pop()
            if life == self._life and not connection.is_closed:
                return connection
            connection.terminate()
        return None

    def renew(self) -> None:
        """The server went away: no session made before is trusted any more."""
        self._life += 1
        while self._idle:
            self._idle.pop()[1].terminate()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop()[1].close()
