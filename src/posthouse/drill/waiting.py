"""Asking again until the answer is true."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PAUSE = 0.1


async def wait_for(found: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Whether ``found`` becomes true in time; it is asked at least once."""
    end = time.monotonic() + seconds
    while not await found():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(PAUSE)
    return True
