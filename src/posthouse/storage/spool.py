"""A file that grows in the background: pieces are hashed and written by a thread, in the order they were given.

The loop reads sockets; a disk that is busy makes a plain ``write`` wait, and
then everybody would. So the pieces of a large content queue up here, at most
``FULL_OCTETS`` before the giver is asked to pause.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from posthouse.storage.direct import Areas, HashedFile
from posthouse.storage.errors import StorageError

FULL_OCTETS = 2 * 1024 * 1024
"""What may wait for the disk before the giver should pause: with twenty contents at once, 40 MiB."""


class Scribes:
    """The threads that write all spools, and the memory they do it with."""

    __slots__ = ("areas", "pool")

    def __init__(self, threads: int, name: str) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.areas = Areas()

    def shutdown(self) -> None:
        self.pool.shutdown()


class Spool:
    """Belongs to the loop it was made in; only ``_write`` and what it is lent to run in a thread."""

    __slots__ = ("_backlog", "_digest", "_error", "_file", "_is_over", "_is_whole", "_loop", "_scribes", "_waiters",
                 "_waiting", "_writing", "path")  # fmt: skip

    def __init__(self, scribes: Scribes, path: Path) -> None:
        self.path = path
        self._file: HashedFile | None = None
        self._scribes = scribes
        self._loop = asyncio.get_running_loop()
        self._is_whole = False
        self._digest = ""
        self._waiting: list[bytes] = []
        self._backlog = 0
        self._writing = False
        self._is_over = False
        self._error: OSError | None = None
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def is_full(self) -> bool:
        """Whether the giver should wait for ``drained``."""
        return self._backlog >= FULL_OCTETS

    def add(self, pieces: list[bytes], octets: int) -> None:
        """Write ``pieces``, ``octets`` long together, soon. Raises ``StorageError`` if the disk has refused before."""
        self._check()
        if not octets:
            return  # or a piece of nothing would still be on its way to the thread when all seems settled
        self._waiting += pieces
        self._backlog += octets
        if not self._writing:
            self._start()

    async def drained(self) -> None:
        """Returns when there is room again, or nothing will ever be written any more."""
        await self._wait_below(FULL_OCTETS // 2)

    async def settled(self) -> str:
        """The SHA-256 of all that was written (not synced); nothing can be added any more. Raises ``StorageError``."""
        await self._wait_below(0)
        self._check()
        if not self._is_whole:
            self._is_whole = self._writing = True
            self._backlog = 1  # the end of it
            self._scribes.pool.submit(self._write, [], 1)
            await self._wait_below(0)
            self._check()
        return self._digest

    @property
    def descriptor(self) -> int:
        """Of the file, open for writing; -1 while there is none."""
        return self._file.descriptor if self._file is not None else -1

    def lend(self, pool: ThreadPoolExecutor, work: Callable[[], None]) -> asyncio.Future[None]:
        """Do ``work`` with the ``settled`` file in a thread: whoever abandons it meanwhile closes nothing under it."""
        lent = self._loop.run_in_executor(pool, work)
        self._writing = True
        lent.add_done_callback(self._returned)
        return lent

    def _returned(self, _lent: asyncio.Future[None]) -> None:
        self._writing = False
        if self._is_over:
            self._remove()

    def kept(self) -> None:
        """The file has its final name: nothing here is to be removed any more."""
        self._close()
        self._is_over = True

    def abandon(self) -> None:
        """Close and remove the file, once the thread lets go of it."""
        if not self._is_over:
            self._is_over = True
            self._waiting.clear()
            if not self._writing:
                self._remove()

    def _check(self) -> None:
        if self._error is not None:
            raise StorageError(f"the blob cannot be written: {self._error}") from self._error
        if self._is_over:
            raise StorageError("the blob was discarded")

    def _start(self) -> None:
        pieces, self._waiting = self._waiting, []
        self._writing = True
        self._scribes.pool.submit(self._write, pieces, sum(map(len, pieces)))

    def _write(self, pieces: list[bytes], octets: int) -> None:
        """In a thread: ``pieces`` to the file, or the end of it when there are none."""
        error: OSError | None = None
        try:
            file = self._file
            if file is None:
                file = self._file = HashedFile(self.path)
            if pieces:
                with self._scribes.areas.borrow() as area:
                    file.append(pieces, area)
            else:
                file.finish()
                self._digest = file.hexdigest()
        except OSError as refused:
            error = refused
        except Exception as failed:  # noqa: BLE001 - memory may run out as well as the disk: who waits must hear of it
            error = OSError(f"{type(failed).__name__}: {failed}")
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everybody who waits
            self._loop.call_soon_threadsafe(self._written, octets, error)

    def _written(self, octets: int, error: OSError | None) -> None:
        self._writing = False
        self._backlog -= octets
        if self._is_over:
            self._remove()
        elif error is not None:
            self._error = error
            self._waiting.clear()
        elif self._waiting:
            self._start()
        self._tell()

    def _tell(self) -> None:
        done = self._is_over or self._error is not None
        left = []
        for below, waiter in self._waiters:
            if not done and self._backlog > below:
                left.append((below, waiter))
            elif not waiter.done():
                waiter.set_result(None)
        self._waiters = left

    async def _wait_below(self, octets: int) -> None:
        if self._backlog > octets and self._error is None and not self._is_over:
            waiter = self._loop.create_future()
            self._waiters.append((octets, waiter))
            await waiter

    def _remove(self) -> None:
        self._close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file is not None and self._file.descriptor >= 0:
            os.close(self._file.descriptor)
            self._file.descriptor = -1
