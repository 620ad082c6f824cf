"""Whether the disk has room for more mail (L28), asked of the machine at most once a second."""

from collections.abc import Callable

from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock

REFRESH_SECONDS = 1.0

Measure = Callable[[], tuple[int, int]]
"""Free octets and free inodes where the mail is kept; raises ``OSError`` when nobody knows."""


class Space:
    __slots__ = ("_clock", "_limits", "_measure", "_short", "_until")

    def __init__(self, measure: Measure, limits: Limits, clock: Clock) -> None:
        self._measure = measure
        self._limits = limits
        self._clock = clock
        self._until = -REFRESH_SECONDS
        self._short = False

    @property
    def is_short(self) -> bool:
        """Below the floor; unknown is short."""
        now = self._clock.monotonic()
        if now >= self._until:
            self._until = now + REFRESH_SECONDS
            self._short = self._ask()
        return self._short

    def _ask(self) -> bool:
        try:
            octets, inodes = self._measure()
        except OSError:
            return True
        return octets < self._limits.free_octets or inodes < self._limits.free_inodes
