"""When a message is tried again, when its sender is warned, and when we give up (RFC 5321 section 4.5.4.1). Pure."""

from dataclasses import dataclass

from posthouse.admd.limits import Limits
from posthouse.lib.backoff import Backoff

FEWEST = 12
"""Tries before anything is given up."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times are milliseconds since 1970 as in the store, spans are seconds."""

    backoff: Backoff
    queue_seconds: float
    report_queue_seconds: float
    warning_seconds: float

    @classmethod
    def of(cls, limits: Limits) -> "Schedule":
        return cls(
            Backoff(limits.retry_first_seconds, limits.retry_most_seconds),
            limits.queue_seconds,
            limits.report_queue_seconds,
            limits.delay_warning_seconds,
        )

    def next_try(self, attempts: int, now: int, chance: float) -> int:
        """When to try again after the ``attempts``-th try (1 and up) failed at ``now``."""
        return now + int(self.backoff.pause(attempts, chance) * 1000)

    def expires(self, created_at: int, *, is_report: bool) -> int:
        """When a message that came at ``created_at`` is given up; reports of ours are given less time."""
        return created_at + int((self.report_queue_seconds if is_report else self.queue_seconds) * 1000)

    def is_over(self, attempts: int, created_at: int, expires_at: int, now: int) -> bool:
        """Whether what was tried ``attempts`` times, with this try, is given up.

        A clock that was set, or a server that was away for a week, makes everything old at once: so it must have
        been tried, too, as often as half its time would have had tries, or a dozen times (threat R10).
        """
        return now >= expires_at and attempts >= self._fewest(expires_at - created_at)

    def _fewest(self, milliseconds: int) -> int:
        tries, at = 1, self.backoff.pause(1, 0.5)
        while tries < FEWEST and at * 2000 <= milliseconds:
            tries += 1
            at += self.backoff.pause(tries, 0.5)
        return tries

    def is_late(self, created_at: int, now: int) -> bool:
        """Whether the sender should hear that it is still waiting."""
        return now - created_at >= self.warning_seconds * 1000
