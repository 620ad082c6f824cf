"""What is written beside the road: gathered for a moment, so a busy hour costs few writings and no message waits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError

GATHER_SECONDS: Final = 0.5


class Gathering:
    """Calls ``flush`` a moment after ``soon``. What the engine refused is tried again when ``soon`` is said again."""

    __slots__ = ("_event", "_flush", "_is_wanted", "_journal", "_task")

    def __init__(self, flush: Callable[[], Awaitable[None]], journal: Journal, event: str) -> None:
        self._flush = flush
        self._journal = journal
        self._event = event
        self._is_wanted = False
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        self._is_wanted = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._is_wanted:
                await asyncio.sleep(GATHER_SECONDS)
                self._is_wanted = False
                await self._flush()
        except StorageError as error:
            self._journal.note(self._event, Level.WARNING, reason=str(error))
        finally:
            self._task = None
