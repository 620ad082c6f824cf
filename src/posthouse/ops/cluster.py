"""Many machines in the operator's hands: who serves, how the engine is, and what should be looked at."""

from collections.abc import AsyncIterator, Iterator

from posthouse import __version__
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import House, Row
from posthouse.storage.sql.migrations import MIGRATIONS
from posthouse.storage.standing import NodeRow, Standing

Rows = AsyncIterator[Row]

DEAD_SECONDS = 60.0
"""A node that was not seen for so long is dead, or cut off: a lease in the queue has ended by then."""
LAG_OCTETS = 64 * 1024 * 1024
LAG_MS = 10_000
"""A standby further behind would make a failover long."""
SKEW_MS = 2_000
"""Leases last 60 seconds and are written by the clock of whoever takes them."""
LATE_SECONDS = 300.0
"""Mail that is due for longer than this waits for workers, not for its next hop."""
SESSIONS_SHARE = 0.9


async def status(house: House, arguments: Arguments) -> Rows:
    """A row for the engine, each server of it, each node, each job and the queue; ``what`` says which."""
    arguments.finish()
    seen, now = await house.store.standing(), house.now
    yield {"what": "engine", "name": seen.engine, "schema": seen.schema, "synchronous": seen.synchronous,
           "skew_ms": seen.skew_ms, "sessions": seen.sessions, "most_sessions": seen.most_sessions}  # fmt: skip
    for server in seen.servers:
        yield {"what": "server", "name": server.address, "role": server.role, "version": server.version,
               "sync": server.sync, "lag_octets": server.lag_octets, "lag_ms": server.lag_ms,
               "trouble": server.trouble}  # fmt: skip
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
    return "dead" if now - node.seen > DEAD_SECONDS * 1000 else "alive"


async def doctor(house: House, arguments: Arguments) -> Rows:
    """What should be looked at: ``trouble`` is wrong now, ``advice`` would be wrong when something else happens."""
    arguments.finish()
    for level, text, hint in findings(await house.store.standing(), house.now):
        yield {"level": level, "text": text, "hint": hint}


Finding = tuple[str, str, str]


def findings(seen: Standing, now: int) -> Iterator[Finding]:
    yield from _of_servers(seen)
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


def _of_servers(seen: Standing) -> Iterator[Finding]:
    for server in seen.servers:
        if server.role == "away":
            yield ("trouble", f"{server.address} does not answer: {server.trouble}",
                   "start it; while it is away the next fault may stop the mail")  # fmt: skip
        if (server.lag_octets or 0) > LAG_OCTETS or (server.lag_ms or 0) > LAG_MS:
            yield ("trouble", f"{server.address} is {server.lag_octets} octets and {server.lag_ms} ms behind",
                   "look at its disk and its network")  # fmt: skip
        if server.role == "standby" and not server.sync:
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
