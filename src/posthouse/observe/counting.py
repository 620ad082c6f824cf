"""What is worth an entry is worth a count: metrics read off the journal's events, so that no office counts twice."""

from collections.abc import Mapping

from posthouse.observe.metrics import METRICS
from posthouse.observe.ports import Journal, Level, Meter

EVENTS: Mapping[str, tuple[str, Mapping[str, str], tuple[str, ...]]] = {
    "mail.accepted": ("messages", {"result": "accepted"}, ("door",)),
    "mail.refused": ("refusals", {}, ("door",)),
    "auth.failed": ("auth", {"result": "failed"}, ()),
    "auth.blocked": ("auth", {"result": "blocked"}, ()),
    "auth.passed": ("auth", {"result": "passed"}, ()),
    "imap.login": ("auth", {"result": "passed"}, ()),
    "net.slow_sender": ("limits_hit", {"limit": "L18"}, ()),
    "net.slow_reader": ("limits_hit", {"limit": "L18"}, ()),
    "net.tls_failed": ("tls", {"result": "failed"}, ("door",)),
    "net.broken_off": ("broken_off", {}, ("door",)),
}
"""An event, its counter, labels that are always the same, and values of the event that are labels."""


class CountingJournal:
    """Implements ``Journal``: counts, then passes on. Bugs and alarms are counted by their event."""

    __slots__ = ("_bound", "_journal", "_meter")

    def __init__(self, journal: Journal, meter: Meter, bound: Mapping[str, object] | None = None) -> None:
        self._journal = journal
        self._meter = meter
        self._bound = bound or {}

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None:
        found = EVENTS.get(event)
        if found is not None:
            name, fixed, labels = found
            said = dict(fixed)
            for label in labels:
                said[label] = str(values.get(label) or self._bound.get(label, ""))
            self._meter.count(name, 1, **said)
        if level >= Level.ALARM:
            self._meter.count("alarms", event=event)
        self._journal.note(event, level, **values)

    def bug(self, event: str, error: BaseException, /, **values: object) -> None:
        self._meter.count("bugs", event=event)
        self._journal.bug(event, error, **values)

    def bind(self, **values: object) -> Journal:
        return CountingJournal(self._journal.bind(**values), self._meter, {**self._bound, **values})


def unlisted() -> list[str]:
    """Counters named in ``EVENTS`` that ``observe.metrics`` does not know: none."""
    known = {metric.name for metric in METRICS}
    return sorted({name for name, _, _ in EVENTS.values()} - known)
