"""Whether the disk has room for more mail (L28), asked of the machine at most once a second.

Strangers are deferred first. Mail of our own people and mail to postmaster is taken a while longer, from a
reserve: who is to mend a full disk must be reached (DM7).
"""

from collections.abc import Callable

from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock
from posthouse.mail.reply import Reply

NO_SPACE = Reply(452, "4.3.1", ("not enough room on our disk, try later",))

REFRESH_SECONDS = 1.0

RESERVED = 0.25
"""The share of the floor that our own people and postmaster may use up."""

Measure = Callable[[], tuple[int, int]]
"""Free octets and free inodes where the mail is kept; raises ``OSError`` when nobody knows."""


class Space:
    __slots__ = ("_clock", "_limits", "_measure", "_short", "_spent", "_until")

    def __init__(self, measure: Measure, limits: Limits, clock: Clock) -> None:
        self._measure = measure
        self._limits = limits
        self._clock = clock
        self._until = -REFRESH_SECONDS
        self._short = self._spent = False

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on."""
        self._limits = limits
        self._until = -REFRESH_SECONDS

    @property
    def is_short(self) -> bool:
        """Below the floor for strangers; unknown is short."""
        self._refresh()
        return self._short

    @property
    def is_spent(self) -> bool:
        """The reserve is used up too: nobody's mail is taken."""
        self._refresh()
        return self._spent

    def _refresh(self) -> None:
        now = self._clock.monotonic()
        if now >= self._until:
            self._until = now + REFRESH_SECONDS
            self._short, self._spent = self._ask()

    def _ask(self) -> tuple[bool, bool]:
        try:
            octets, inodes = self._measure()
        except OSError:
            return True, True
        most = (self._limits.free_octets, self._limits.free_inodes)
        return (
            octets < most[0] or inodes < most[1],
            octets < most[0] * RESERVED or inodes < most[1] * RESERVED,
        )
