"""What a reload changes, and what only a restart does."""

from typing import Any

from posthouse.supervisor.config import Configuration

AFTER_RESTART = ("hostname", "store", "listener", "privileges", "process", "dns", "relay", "keys", "dkim")
"""What a reload does not change."""

LATE_LIMITS = (
    "queue_seconds",
    "report_queue_seconds",
    "retry_first_seconds",
    "retry_most_seconds",
    "delay_warning_seconds",
    "returned_octets",
    "hash_workers",
    "content_workers",
    "content_backlog",
    "worker_octets",
)
"""Of the limits, those that hold for what was made at the start."""


def kept_until_restart(configuration: Configuration) -> dict[str, Any]:
    """What stays as it is, whatever a new file says."""
    return {name: getattr(configuration, name) for name in AFTER_RESTART}


def waits_for_restart(before: Configuration, after: Configuration) -> list[str]:
    """What has changed in the file and does not hold yet."""
    later = [name for name in AFTER_RESTART if getattr(before, name) != getattr(after, name)]
    old, new = before.effective_limits, after.effective_limits
    return later + [f"limits.{name}" for name in LATE_LIMITS if getattr(old, name) != getattr(new, name)]
