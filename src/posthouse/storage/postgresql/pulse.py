"""The engine's pulse: commits come all the time, if only because a node says every ten seconds that it lives.

Who is asked and does not answer is away for those who can go elsewhere. And
when an engine stood still or was away for long, leases ended meanwhile that
nobody could lengthen: those who hold them say first what became of their mail,
and only then is it claimed by others. What was sent would be sent again.
"""

import time
from collections.abc import Callable
from typing import Final

SILENT_SECONDS: Final = 5.0
"""Longer than a disk is ever slow."""
MISSED_SECONDS: Final = 25.0
"""Two times that we said that we live, and a slow machine. No lease ends so soon for want of an engine."""
GRACE_SECONDS: Final = 15.0
"""For whoever could settle nothing: he tries every second."""


class Pulse:
    """Told of each transaction that is begun, and how it ended."""

    __slots__ = ("_back", "_beat", "_now", "_waiting")

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._waiting: dict[object, float] = {}
        self._beat = now()
        self._back = self._beat - GRACE_SECONDS

    def begun(self) -> object:
        """A token for ``ended``."""
        token = object()
        self._waiting[token] = self._now()
        return token

    def committed(self) -> None:
        now = self._now()
        if now - self._beat > MISSED_SECONDS:
            self._back = now
        self._beat = now

    def ended(self, token: object) -> None:
        del self._waiting[token]

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def is_silent(self) -> bool:
        """Whether somebody waits, and nobody has been answered for a while."""
        if not self._waiting:
            return False
        return self._now() - max(self._beat, next(iter(self._waiting.values()))) > SILENT_SECONDS

    @property
    def is_steady(self) -> bool:
        """Whether commits come, and have come for so long that whoever holds something was heard."""
        now = self._now()
        return now - self._beat <= MISSED_SECONDS and now - self._back >= GRACE_SECONDS
