"""Metrics: the names, what they mean, and a meter over a Prometheus registry.

The table is the documentation (``docs/reference/metrics.md`` is printed from
it) and the only way to a name: counting something that is not listed is a bug.
Labels are words from short lists of ours; never an address, never a domain.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from posthouse.observe.board import add_up

Collector = TypeVar("Collector", Counter, Gauge, Histogram)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Kind(Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, labels, meaning)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, labels, meaning)


def _histogram(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, labels, meaning)


METRICS = (
    _gauge("build_info", "Always 1; the version is in the label", "version"),
    _gauge("start_seconds", "When this process was ready, seconds since 1970"),
    _counter("connections", "Connections let in", "door"),
    _counter("connections_refused", "Connections turned away before a word was said (L14, L15)", "door"),
    _gauge("sessions", "Sessions now", "door"),
    _counter("messages", "Messages accepted", "door", "result"),
    _counter("refusals", "Refusals of any kind, each with an id and a record", "door"),
    _counter("auth", "Logins", "result"),
    _counter("tls", "TLS handshakes that failed", "door", "result"),
    _counter("broken_off", "Sessions that broke the protocol beyond repair", "door"),
    _counter("limits_hit", "A limit of the loop did its work", "limit"),
    _counter("queue_results", "What became of a recipient in the queue", "outcome"),
    _gauge(
        "queue_backlog", "Recipients in the queue, of all nodes; due and claimed are among those that wait", "state"
    ),
    _gauge("queue_late_seconds", "How long the oldest recipient that is due has waited for a worker"),
    _gauge("cluster_cells", "Databases of this office, where there are several", "state"),
    _gauge("cluster_nodes", "Nodes that serve the same data", "state"),
    _gauge("cluster_servers", "Servers of the engine", "role"),
    _gauge("cluster_synchronous", "Standbys that a commit waits for"),
    _gauge("cluster_lag_octets", "How far the slowest standby is behind"),
    _gauge("cluster_skew_seconds", "How far our clock is ahead of the engine's"),
    _gauge("cluster_sessions", "Sessions with the leader, of all nodes"),
    _histogram("dns_seconds", "Questions to the DNS", "kind"),
    _counter("dns", "Questions to the DNS", "kind", "result"),
    _gauge("scanner_up", "Whether a scanner answered when it was last asked", "scanner"),
    _counter("scans", "Messages shown to a scanner: scanned, found, failed", "scanner", "result"),
    _histogram("scan_seconds", "How long a scanner took for a message, waiting for its turn included", "scanner"),
    _gauge("free_octets", "Free space where the store is"),
    _gauge("loop_lag_seconds", "How late the event loop was at its last check"),
    _gauge("resident_octets", "Resident memory"),
    _gauge("open_files", "Open file descriptors"),
    _gauge("confined", "Whether a measure of confinement is in force (docs/explanation/isolation.md)", "measure"),
    _counter("alarms", "Entries of the journal that a person should look at", "event"),
    _counter("bugs", "Exceptions that should not have been", "event"),
    _counter("swept", "Things housekeeping has freed"),
)
"""Every metric; on the wire each begins with ``posthouse_`` and counters end with ``_total``."""


class PrometheusMeter:
    """Implements ``observe.ports.Meter``. A call costs one dictionary look-up and one addition."""

    __slots__ = ("_adders", "_collectors", "_observers", "_setters", "others", "registry", "unknown")

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.unknown: set[str] = set()
        """Names that somebody counted and that are not in the table; a test expects none."""
        self.others: Callable[[], Sequence[bytes]] = tuple
        """What the other workers of this node have to say."""
        self._collectors: dict[str, Counter | Gauge | Histogram] = {m.name: self._collector(m) for m in METRICS}
        self._adders: dict[object, Callable[[float], None]] = {}
        self._setters: dict[object, Callable[[float], None]] = {}
        self._observers: dict[object, Callable[[float], None]] = {}

    def _collector(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind is Kind.COUNTER:
            return Counter(metric.name, metric.meaning, metric.labels, "posthouse", registry=self.registry)
        if metric.kind is Kind.GAUGE:
            return Gauge(metric.name, metric.meaning, metric.labels, "posthouse", registry=self.registry)
        return Histogram(
            metric.name, metric.meaning, metric.labels, "posthouse", registry=self.registry, buckets=SECONDS
        )

    def count(self, name: str, amount: float = 1, /, **labels: str) -> None:
        key = (name, *labels.values()) if labels else name
        add = self._adders.get(key)
        if add is None:
            add = self._adders[key] = self._find(name, labels, Counter, "inc")
        add(amount)

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        key = (name, *labels.values()) if labels else name
        put = self._setters.get(key)
        if put is None:
            put = self._setters[key] = self._find(name, labels, Gauge, "set")
        put(value)

    def observe(self, name: str, seconds: float, /, **labels: str) -> None:
        key = (name, *labels.values()) if labels else name
        watch = self._observers.get(key)
        if watch is None:
            watch = self._observers[key] = self._find(name, labels, Histogram, "observe")
        watch(seconds)

    def _find(self, name: str, labels: dict[str, str], kind: type[Collector], verb: str) -> Callable[[float], None]:
        """What counts there. A metric that is not in the table is a bug, but never one that costs a message."""
        try:
            found: Callable[[float], None] = getattr(self._child(name, labels, kind), verb)
        except (LookupError, ValueError):
            self.unknown.add(name)
            return _ignore
        return found

    def _child(self, name: str, labels: dict[str, str], kind: type[Collector]) -> Collector:
        collector = self._collectors.get(name)
        if not isinstance(collector, kind):
            raise LookupError(f"{name} is not a {kind.__name__.lower()} of observe.metrics")  # noqa: TRY004 - a name, not a type
        return collector.labels(**labels) if labels else collector

    def render(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)

    def render_all(self) -> bytes:
        """The same of all workers of this node together."""
        return add_up((self.render(), *self.others()))


def _ignore(_amount: float) -> None: ...


def format_table() -> str:
    """``METRICS`` for people: ``docs/reference/metrics.md``."""
    rows = [
        "# Metrics\n",
        (
            "Served at `/metrics` of the metrics listener; with several workers each has its own port, and\n"
            "`/metrics/all` of any of them adds all up. Labels are words of ours, never addresses or domains.\n"
        ),
        "| name | kind | labels | meaning |\n|---|---|---|---|",
    ]
    for metric in METRICS:
        name = f"posthouse_{metric.name}" + ("_total" if metric.kind is Kind.COUNTER else "")
        rows.append(f"| `{name}` | {metric.kind.value} | {', '.join(metric.labels)} | {metric.meaning} |")
    return "\n".join(rows) + "\n"
