"""Numbers for rows, without a sequence: a node takes a block of them in a transaction of its own.

Numbers of one node ascend, so that new rows lie at the end of their trees;
blocks of several nodes lie side by side. What a node leaves of a block when
it ends is never used.
"""

import asyncio
from collections.abc import Awaitable, Callable

BLOCK = 100_000
"""Enough for half a minute of a busy node, and 10^14 restarts."""

TAKE_BLOCK = """INSERT INTO counter (name, value) VALUES ('number', $1::bigint + $2::bigint)
    ON CONFLICT (name) DO UPDATE SET value = counter.value + $2 RETURNING value - $2"""
FIRST = 10_000


class Numbers:
    """``take_block`` gives the first number of a new block, once that is durable."""

    def __init__(self, take_block: Callable[[int], Awaitable[int]]) -> None:
        self._take_block = take_block
        self._next = 0
        self._end = 0
        self._lock = asyncio.Lock()

    async def take(self, count: int) -> range:
        """``count`` numbers in a row."""
        if self._end - self._next < count:
            async with self._lock:
                if self._end - self._next < count:
                    size = max(BLOCK, count)
                    first = await self._take_block(size)
                    self._next, self._end = first, first + size
        first = self._next
        self._next = first + count
        return range(first, first + count)
