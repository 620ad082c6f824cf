"""Works that mostly need not wait: each is begun at once, and only those that do wait become tasks.

With every answer of the DNS in the cache, a message costs no task and no turn
of the loop. (Python 3.12 has eager tasks; this is as much of them as we need.)
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class Begun(Generic[Result]):
    """A coroutine that has run to its first wait, or to its end (``is_done``); await it for the result."""

    __slots__ = ("_awaited", "_work", "is_done", "result")

    result: Result

    def __init__(self, work: Coroutine[Any, Any, Result]) -> None:
        """Runs ``work`` as far as it goes; what it raises on the way comes out here."""
        self._work = work
        self.is_done = False
        try:
            self._awaited = work.send(None)
        except StopIteration as end:
            self.result = end.value
            self.is_done = True

    def __await__(self) -> Generator[Any, Any, Result]:
        if self.is_done:
            return self.result
        awaited, work = self._awaited, self._work
        while True:
            try:
                sent = yield awaited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - it belongs to the work, cancellation above all
                sent = thrown
            try:
                awaited = work.throw(sent) if isinstance(sent, BaseException) else work.send(sent)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration knows no type


async def within(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The result of ``work``; raises ``TimeoutError`` when it takes longer than ``seconds``.

    Unlike ``asyncio.timeout`` it may be begun in one task and go on in another.
    """
    begun = Begun(work)
    if begun.is_done:
        return begun.result
    task = asyncio.ensure_future(_finish(begun))
    try:
        await asyncio.wait((task,), timeout=max(seconds, 0))
    except BaseException:
        task.cancel()
        raise
    if not task.done():
        task.cancel()
        raise TimeoutError
    return task.result()


async def together(*works: Coroutine[Any, Any, Any] | None) -> list[Any]:
    """The results of all works in order, which wait at the same time; None for None. If one fails, the others end."""
    begun = [None if work is None else Begun(work) for work in works]
    waiting = [asyncio.ensure_future(_finish(one)) for one in begun if one is not None and not one.is_done]
    try:
        late = iter([await task for task in waiting])
    except BaseException:
        for task in waiting:
            task.cancel()
        raise
    return [None if one is None else one.result if one.is_done else next(late) for one in begun]


async def _finish(begun: Begun[Result]) -> Result:
    return await begun
