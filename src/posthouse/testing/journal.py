"""A journal and a meter that remember, and ones that do not care."""

from dataclasses import dataclass, field

from posthouse.observe.ports import Journal, Level


@dataclass(frozen=True)
class Entry:
    event: str
    level: Level
    values: dict[str, object]
    error: BaseException | None = None


@dataclass
class KeptJournal:
    """Implements ``observe.ports.Journal``; ``entries`` has everything, bound values included."""

    entries: list[Entry] = field(default_factory=list)
    bound: dict[str, object] = field(default_factory=dict)

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None:
        self.entries.append(Entry(event, level, {**self.bound, **values}))

    def bug(self, event: str, error: BaseException, /, **values: object) -> None:
        self.entries.append(Entry(event, Level.ALARM, {**self.bound, **values}, error))

    def bind(self, **values: object) -> Journal:
        return KeptJournal(self.entries, {**self.bound, **values})

    @property
    def bugs(self) -> list[BaseException]:
        """What a test hopes to find empty."""
        return [entry.error for entry in self.entries if entry.error is not None]


@dataclass
class KeptMeter:
    """Implements ``observe.ports.Meter``; sums by name and labels."""

    counts: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)
    gauges: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        key = (name, tuple(sorted(labels.items())))
        self.counts[key] = self.counts.get(key, 0) + amount

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        self.gauges[name, tuple(sorted(labels.items()))] = value

    def observe(self, name: str, _seconds: float, /, **labels: str) -> None:
        self.count(name, 1, **labels)
