"""Many machines in the operator's hands: who serves, how the engine is, and what should be looked at."""

from collections.abc import AsyncIterator, Iterator

from posthouse import __version__
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import House, Row
from posthouse.storage.sql.migrations import MIGRATIONS
from posthouse.storage.standing import NO_ANSWER, NO_LEADER, STUCK, NodeRow, Standing

Rows = AsyncIterator[Row]

DEAD_SECONDS = 60.0
"""A node that was not seen for so long is dead, or cut off: a lease in the queue has ended by then."""
SILENT_SECONDS = 25.0
"""It says every ten that it lives."""
LAG_OCTETS = 64 * 1024 * 1024
LAG_MS = 10_000
"""A standby further behind would make a failover long."""
SKEW_MS = 2_000
"""Leases last 60 seconds and are written by the clock of whoever takes them."""
LATE_SECONDS = 300.0
"""Mail that is due for longer than this waits for workers, not for its next hop."""
SESSIONS_SHARE = 0.9


async def status(house: House, arguments: Arguments) -> Rows:
    """A row for the engine, each cell, server, node and job, and the queue; ``what`` says which.

    And one for each thing that is wrong now.
    """
    arguments.finish()
    seen, now = await house.store.standing(), house.now
    for level, text, hint in findings(seen, now):
        if level == "trouble":
            yield {"what": "trouble", "name": text, "hint": hint}
    yield {"what": "engine", "name": seen.engine, "schema": seen.schema, "synchronous": seen.synchronous,
           "skew_ms": seen.skew_ms, "sessions": seen.sessions, "most_sessions": seen.most_sessions,
           "trouble": seen.trouble}  # fmt: skip
    for cell in seen.cells:
        yield {"what": "cell", "name": cell.engine, "cell": cell.number, "state": "away" if cell.trouble else "open",
               "draining": cell.draining, "trouble": cell.trouble}  # fmt: skip
    for server in seen.servers:
        yield {"what": "server", "name": server.address, "role": server.role, "version": server.version,
               "sync": server.sync, "lag_octets": server.lag_octets, "lag_ms": server.lag_ms,
               "trouble": server.trouble}  # fmt: skip
    if seen.trouble:
        return
    holds = dict(seen.backlog.owners)
    for node in seen.nodes:
        silent = max(0.0, (now - node.seen) / 1000)
        yield {"what": "node", "name": node.name, "version": node.version, "state": node_state(node, now),
               "seen_seconds": round(silent, 1), "up_seconds": round((now - node.joined_at) / 1000),
               "slot": node.slot, "claimed": holds.get(node.name, 0), "me": node.name == house.store.node}  # fmt: skip
    for lease in seen.leases:
        yield {"what": "job", "name": lease.name, "owner": lease.owner, "token": lease.token,
               "left_seconds": round((lease.until - now) / 1000)}  # fmt: skip
    queue = seen.backlog
    late = round((now - queue.oldest_due) / 1000) if queue.oldest_due else 0
    yield {"what": "queue", "name": "queue", "waiting": queue.waiting, "due": queue.due, "claimed": queue.claimed,
           "held": queue.held, "late_seconds": late}  # fmt: skip


def node_state(node: NodeRow, now: int) -> str:
    silent = (now - node.seen) / 1000
    return "dead" if silent > DEAD_SECONDS else "silent" if silent > SILENT_SECONDS else "alive"


async def doctor(house: House, arguments: Arguments) -> Rows:
    """What should be looked at: ``trouble`` is wrong now, ``advice`` would be wrong when something else happens."""
    arguments.finish()
    for level, text, hint in findings(await house.store.standing(), house.now):
        yield {"level": level, "text": text, "hint": hint}


Finding = tuple[str, str, str]


def findings(seen: Standing, now: int) -> Iterator[Finding]:
    yield from _of_engine(seen)
    yield from _of_servers(seen)
    if seen.trouble:
        return
    yield from _of_nodes(seen, now)
    late = (now - seen.backlog.oldest_due) / 1000 if seen.backlog.oldest_due else 0
    if late > LATE_SECONDS:
        yield ("trouble", f"{seen.backlog.due} recipients are due, the oldest for {late:.0f} seconds",
               "no node takes them: is the queue of any node running? posthouse queue list shows them")  # fmt: skip
    if seen.schema < MIGRATIONS[-1].number:
        yield ("advice", f"the data has schema {seen.schema}, this release knows {MIGRATIONS[-1].number}",
               "the next node of this release that starts brings it up to date")  # fmt: skip
    if seen.most_sessions and seen.sessions > seen.most_sessions * SESSIONS_SHARE:
        yield ("trouble", f"{seen.sessions} of {seen.most_sessions} sessions of PostgreSQL are in use",
               "raise max_connections: each process of Posthouse uses up to eleven")  # fmt: skip


HINTS = {
    NO_LEADER: "a failover ends within half a minute by itself. If not: patronictl list on one of its machines says "
    "who might lead; it takes two of three etcds and a standby that was synchronous",
    NO_ANSWER: "look at this machine's network first; then start the machines of the engine: two of three are enough",
    STUCK: "the leader waits for a synchronous standby, or its disk stands still: see pg_stat_activity there",
}
"""What to do when mail stops."""
HINT = "its own log says more: journalctl -u patroni on its machines"


def _of_engine(seen: Standing) -> Iterator[Finding]:
    """What stops the mail comes first."""
    if seen.trouble:
        yield ("trouble", f"nothing is taken, senders are held and then asked to come again: {seen.trouble}",
               HINTS.get(seen.trouble, HINT))  # fmt: skip
    for cell in seen.cells[1:]:
        if cell.trouble:
            hint = HINTS.get(cell.trouble, HINT)
            yield ("trouble", f"cell {cell.number} ({cell.engine}) is away: {cell.trouble}",
                   f"mail for its people is taken, and read when it is back; {hint}")  # fmt: skip


def _of_servers(seen: Standing) -> Iterator[Finding]:
    stands = bool(seen.trouble) or any(cell.trouble for cell in seen.cells)
    for server in seen.servers:
        if server.role == "away":
            yield ("trouble", f"{server.address} does not answer: {server.trouble}",
                   "start it" if stands else "start it; while it is away the next fault may stop the mail")  # fmt: skip
        if (server.lag_octets or 0) > LAG_OCTETS or (server.lag_ms or 0) > LAG_MS:
            yield ("trouble", f"{server.address} is {server.lag_octets} octets and {server.lag_ms} ms behind",
                   "look at its disk and its network")  # fmt: skip
        if server.role == "standby" and not server.sync and not stands:  # else no leader knows it
            yield ("advice", f"it is not known how far {server.address} is behind",
                   "GRANT pg_monitor to our user; or it replicates from somewhere else, or not at all")  # fmt: skip
    if len({server.version for server in seen.servers if server.version}) > 1:
        yield ("advice", "the servers have different versions of PostgreSQL", "bring them all to the same")
    if seen.synchronous is False:
        yield ("advice", "commits wait for no second machine: what was acknowledged is on one disk",
               "set synchronous_standby_names (Patroni: synchronous_mode), or trust that disk")  # fmt: skip
    known = [server.sync for server in seen.servers if server.role == "standby" and server.sync]
    if known and seen.synchronous and not {"sync", "quorum"} & set(known):
        yield ("trouble", "no standby is synchronous now", "every commit waits for one: see why it is away")


def _of_nodes(seen: Standing, now: int) -> Iterator[Finding]:
    holds = dict(seen.backlog.owners)
    for node in seen.nodes:
        silent = (now - node.seen) / 1000
        if node_state(node, now) == "silent":
            yield ("advice", f"node {node.name} has not been heard for {silent:.0f} seconds",
                   "it was killed, is cut off or too busy; what it holds is taken over after 60 seconds")  # fmt: skip
        if node_state(node, now) == "dead":
            yield ("trouble", f"node {node.name} was not seen for {silent:.0f} seconds",
                   "if it is gone for good, nothing is to be done: its mail has been taken over")  # fmt: skip
        if node.version != __version__:
            yield ("advice", f"node {node.name} is release {node.version}, this one {__version__}",
                   "two adjacent releases work together during an upgrade; finish it")  # fmt: skip
    names = {node.name for node in seen.nodes}
    for owner in sorted(holds.keys() - names):
        yield ("advice", f"{holds[owner]} recipients are held by {owner}, which serves no more",
               "they are taken over when the lease ends, within 60 seconds")  # fmt: skip
    if abs(seen.skew_ms) > SKEW_MS:
        yield ("trouble", f"our clock is {seen.skew_ms} ms ahead of the engine's", "run NTP on all machines")
