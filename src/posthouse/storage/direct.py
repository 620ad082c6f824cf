"""A file written past the page cache, where the file system lets us (``O_DIRECT``).

A large content is written once and read once or never: to copy it into pages
of the kernel costs more than all else that is done with it, and drives out
what readers want. ``bench/road/run.py large`` shows the difference. Whole blocks go from
aligned memory straight to the disk; the last octets go the ordinary way.
"""

import errno
import fcntl
import hashlib
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

BLOCK_OCTETS = 4096
AREA_OCTETS = 1024 * 1024
"""Of one write: larger ones are no faster."""


class Areas:
    """Aligned memory, one area for each thread that writes at the time."""

    __slots__ = ("_free",)

    def __init__(self) -> None:
        self._free: SimpleQueue[mmap.mmap] = SimpleQueue()

    @contextmanager
    def borrow(self) -> Iterator[mmap.mmap]:
        try:
            area = self._free.get_nowait()
        except Empty:
            area = mmap.mmap(-1, AREA_OCTETS)
        try:
            yield area
        finally:
            self._free.put(area)


class HashedFile:
    """A new file that grows at its end, with the SHA-256 of its octets. Every method may raise ``OSError``."""

    __slots__ = ("_block", "_digest", "_tail", "descriptor")

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._digest = hashlib.sha256()
        self._tail = b""
        """What does not fill a block yet."""
        self._block = BLOCK_OCTETS
        try:
            self.descriptor = os.open(path, flags | os.O_DIRECT, 0o600)
        except OSError as error:
            if error.errno != errno.EINVAL:  # the file system has no such thing
                raise
            path.unlink(missing_ok=True)  # Linux makes the file before it says so
            self._block = 1
            self.descriptor = os.open(path, flags, 0o600)

    def append(self, pieces: Sequence[bytes], area: mmap.mmap) -> None:
        """Hash and write ``pieces``, by way of ``area``; less than a block may wait for ``finish``."""
        with memoryview(area) as view:
            filled = fresh = len(self._tail)
            view[:filled] = self._tail
            for piece in pieces:
                start, left = 0, len(piece)
                while left:
                    count = min(left, AREA_OCTETS - filled)
                    view[filled : filled + count] = piece if count == len(piece) else piece[start : start + count]
                    start, left, filled = start + count, left - count, filled + count
                    if filled == AREA_OCTETS:
                        filled = fresh = self._give(view, fresh, filled)
            self._give(view, fresh, filled)

    def _give(self, view: memoryview, fresh: int, filled: int) -> int:
        """The whole blocks of ``view[:filled]`` to the file; how much of it, now at the beginning, waits for more."""
        self._digest.update(view[fresh:filled])
        whole = filled - filled % self._block
        self._write(view[:whole])
        self._tail = bytes(view[whole:filled])
        view[: len(self._tail)] = self._tail
        return len(self._tail)

    def _write(self, octets: memoryview) -> None:
        while octets:
            try:
                octets = octets[os.write(self.descriptor, octets) :]
            except OSError as error:
                if error.errno != errno.EINVAL or self._block == 1:
                    raise
                self._go_the_ordinary_way()  # a file system that wants other blocks than these

    def finish(self) -> None:
        """Write what waits, in the ordinary way; nothing is synced yet."""
        if self._tail:
            self._go_the_ordinary_way()
            tail, self._tail = self._tail, b""
            self._write(memoryview(tail))

    def _go_the_ordinary_way(self) -> None:
        self._block = 1
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, fcntl.fcntl(self.descriptor, fcntl.F_GETFL) & ~os.O_DIRECT)

    def hexdigest(self) -> str:
        """Of all that was appended."""
        return self._digest.hexdigest()
