"""How far one look for due mail goes: a million items that are avoided must hold up nobody, neither the rest of the
queue nor whoever commits meanwhile.

The queue is walked in the order of its index, a slice in a transaction and some
slices a look; where a look ends, the next begins, and behind the last item it
begins anew.
"""

from collections.abc import Awaitable, Callable

from posthouse.storage.errors import StorageError
from posthouse.storage.queue import Item

Place = tuple[int, str]
"""Behind all that is due at one time for one domain."""

START: Place = (-(2**62), "")
SLICE = 5000
"""Items that are avoided are passed over in one transaction: two milliseconds."""
SLICES = 20
"""In one look; a million avoided items are past in ten seconds, without the processor being at it for half of one."""


Step = Callable[[Place, int], Awaitable[tuple[list[Item], Place | None]]]
"""Claims up to so many behind a place: they, and where the slice ended; None if nothing is due behind it."""


class Walk:
    """Of one process."""

    __slots__ = ("_place",)

    def __init__(self) -> None:
        self._place = START

    async def claim(self, limit: int, step: Step) -> list[Item]:
        """Up to ``limit``. Whatever was claimed is told, even if the walk cannot go on."""
        claimed: list[Item] = []
        is_whole = self._place == START
        for _ in range(SLICES):
            try:
                items, ended = await step(self._place, limit - len(claimed))
            except StorageError:
                if claimed:
                    break
                raise
            claimed += items
            if len(claimed) >= limit:
                break
            self._place = START if ended is None else ended
            if ended is None:
                if is_whole:
                    break
                is_whole = True
        return claimed
