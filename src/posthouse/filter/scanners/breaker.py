"""A circuit breaker: who fails again and again is left alone for a while, and asked whether it is back."""

from posthouse.lib.ports import Clock

OPENS_AFTER = 3
"""Failures in a row. One alone may be the message's doing."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


class Breaker:
    """Closed: everybody may try. Open: nobody may, until the pause is over; then one may, and decides for all."""

    __slots__ = ("_clock", "_failures", "_pause", "_until")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._until: float | None = None

    @property
    def is_open(self) -> bool:
        return self._until is not None

    @property
    def wants_probe(self) -> bool:
        """Whether the pause is over and nobody has tried since."""
        return self._until is not None and self._clock.monotonic() >= self._until

    def may_try(self) -> bool:
        """Whether to ask now. When the pause is over, who is told yes is the only one."""
        if self._until is None:
            return True
        if not self.wants_probe:
            return False
        self._begin_pause()
        return True

    def succeeded(self) -> None:
        self._failures, self._until, self._pause = 0, None, FIRST_PAUSE_SECONDS

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= OPENS_AFTER and self._until is None:
            self._begin_pause()

    def _begin_pause(self) -> None:
        self._until = self._clock.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
