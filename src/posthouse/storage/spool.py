"""A file that grows in the background: pieces are hashed and written by a thread, in the order they were given.

The loop reads sockets; a disk that is busy makes a plain ``write`` wait, and
then everybody would. So the pieces of a large content queue up here, at most
``FULL_OCTETS`` before the giver is asked to pause.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from posthouse.storage.ports import StorageError

FULL_OCTETS = 2 * 1024 * 1024
"""What may wait for the disk before the giver should pause: with twenty contents at once, 40 MiB."""


class Spool:
    """Belongs to the loop it was made in; only ``_write`` and what it is lent to run in a thread."""

    __slots__ = ("_backlog", "_digest", "_error", "_is_over", "_loop", "_pool", "_waiters", "_waiting", "_writing",
                 "descriptor", "path")  # fmt: skip

    def __init__(self, pool: ThreadPoolExecutor, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._digest = hashlib.sha256()
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

    async def settled(self) -> None:
        """Returns when everything is written (not synced). Raises ``StorageError``."""
        await self._wait_below(0)
        self._check()

    def hexdigest(self) -> str:
        """The SHA-256 of all that was written; ask once it is ``settled``."""
        return self._digest.hexdigest()

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
        os.close(self.descriptor)
        self.descriptor = -1
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
        self._pool.submit(self._write, pieces)

    def _write(self, pieces: list[bytes]) -> None:
        error: OSError | None = None
        # One piece for one hash and one write: each of them gives the interpreter lock up and must get it back.
        octets = b"".join(pieces)
        try:
            if self.descriptor < 0:
                self.descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._digest.update(octets)
            _write_whole(self.descriptor, octets)
        except OSError as refused:
            error = refused
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everybody who waits
            self._loop.call_soon_threadsafe(self._written, len(octets), error)

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
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def _write_whole(descriptor: int, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
