"""How the engine, its nodes and the queue are, as metrics: asked now and then, beside the road."""

import asyncio
from collections import Counter

from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level, Meter
from posthouse.ops.cluster import findings, node_state
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.standing import Standing

ASK_SECONDS = 30.0
"""It counts the queue, which takes a tenth of a second for a million."""

ROLES = ("leader", "standby", "away")


async def watch_standing(store: Store, clock: Clock, journal: Journal, meter: Meter) -> None:
    """For ever; whatever is wrong is told once, until it is over."""
    told: frozenset[str] = frozenset()
    while True:
        try:
            seen = await store.standing()
        except StorageError as error:
            journal.note("cluster.unseen", Level.WARNING, reason=str(error))
        else:
            now = int(clock.now() * 1000)
            measure(seen, now, meter)
            told = tell_news(seen, now, told, journal)
        await asyncio.sleep(ASK_SECONDS)


def measure(seen: Standing, now: int, meter: Meter) -> None:
    _measure_servers(seen, meter)
    if seen.trouble:  # the rest is as it was when somebody knew
        return
    queue = seen.backlog
    for state, count in (("waiting", queue.waiting), ("due", queue.due), ("claimed", queue.claimed),
                         ("held", queue.held)):  # fmt: skip
        meter.gauge("queue_backlog", count, state=state)
    meter.gauge("queue_late_seconds", (now - queue.oldest_due) / 1000 if queue.oldest_due else 0)
    states = Counter(node_state(node, now) for node in seen.nodes)
    for state in ("alive", "silent", "dead"):
        meter.gauge("cluster_nodes", states[state], state=state)
    if seen.servers:
        meter.gauge("cluster_skew_seconds", seen.skew_ms / 1000)
        meter.gauge("cluster_sessions", seen.sessions)


def _measure_servers(seen: Standing, meter: Meter) -> None:
    if seen.cells:
        away = sum(bool(cell.trouble) for cell in seen.cells)
        meter.gauge("cluster_cells", len(seen.cells) - away, state="open")
        meter.gauge("cluster_cells", away, state="away")
    if not seen.servers:
        return
    roles = Counter(server.role for server in seen.servers)
    for role in ROLES:
        meter.gauge("cluster_servers", roles[role], role=role)
    meter.gauge("cluster_synchronous", sum(server.sync in {"sync", "quorum"} for server in seen.servers))
    meter.gauge("cluster_lag_octets", max((server.lag_octets or 0 for server in seen.servers), default=0))


def tell_news(seen: Standing, now: int, told: frozenset[str], journal: Journal) -> frozenset[str]:
    """What is wrong now; said in the journal where it was not before."""
    troubles = dict(_troubles(seen, now))
    for kind in troubles.keys() - told:
        journal.note("cluster.trouble", Level.WARNING, what=troubles[kind])
    for _ in told - troubles.keys():
        journal.note("cluster.better", left=len(troubles))
    return frozenset(troubles)


def _troubles(seen: Standing, now: int) -> list[tuple[str, str]]:
    """The first words of a trouble name it: numbers in it change."""
    found = [text for level, text, _ in findings(seen, now) if level == "trouble"]
    return [(" ".join(word for word in text.split() if not word[:1].isdigit()), text) for text in found]
