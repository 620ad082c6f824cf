"""How the servers of a database and the nodes on it are: asked of each, for operators."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.address import EngineAddress
from posthouse.storage.postgresql.troubles import told
from posthouse.storage.postgresql.tx import Row, Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql import statements as sql
from posthouse.storage.standing import NO_ANSWER, NO_LEADER, STUCK, Backlog, LeaseRow, NodeRow, ServerRow, Standing

ASKING_SECONDS = 3.0
"""For one server; a dead one is away after that."""
LOOKING_SECONDS = 5.0
"""For the leader, wherever it is: a busy one counts a queue of a million in less."""
MOST_OWNERS = 1000

SCHEMA = "SELECT max(number) FROM migration"
CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
SESSIONS = "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity"
SYNCHRONOUS = "SELECT current_setting('synchronous_standby_names') <> ''"
NODES = "SELECT name, slot, version, joined_at, seen FROM node ORDER BY joined_at, name"
FOLLOWERS = """SELECT host(r.client_addr), r.sync_state, pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)::bigint,
    (extract(epoch FROM r.replay_lag) * 1000)::bigint, s.slot_name FROM pg_stat_replication r
    LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE r.state = 'streaming'"""
WHO = """SELECT pg_is_in_recovery(), current_setting('server_version'), host(inet_server_addr()),
    current_setting('primary_slot_name')"""


async def look(address: EngineAddress, units: Units, clock: Callable[[], int]) -> Standing:
    """What can be known within a few seconds: an operator asks when something is wrong."""
    servers, seen = await asyncio.gather(
        ask_servers(address), _within_time(units.read(lambda tx: read_standing(tx, address.shown, clock)), address)
    )
    trouble = STUCK if units.is_held and not seen.trouble else seen.trouble and _told(seen.trouble, servers)
    return msgspec.structs.replace(seen, servers=servers, trouble=trouble)


async def _within_time(asked: Awaitable[Standing], address: EngineAddress) -> Standing:
    try:
        async with asyncio.timeout(LOOKING_SECONDS):
            return await asked
    except TimeoutError:
        trouble = f"no answer within {LOOKING_SECONDS:.0f} seconds"
    except StorageError as error:
        trouble = str(error)
    return Standing(address.shown, 0, Backlog(), trouble=trouble)


def _told(trouble: str, servers: Sequence[ServerRow]) -> str:
    """What its servers say explains more than what we heard."""
    roles = {server.role for server in servers}
    return trouble if "leader" in roles else NO_LEADER if "standby" in roles else NO_ANSWER


async def read_standing(tx: Tx, engine: str, clock: Callable[[], int]) -> Standing:
    """What the leader knows, without its servers."""
    counts = (await tx.rows(sql.BACKLOG, clock()))[0]
    oldest = (await tx.rows(sql.OLDEST_DUE, clock()))[0]
    owners = await tx.rows(sql.OWNERS, clock(), MOST_OWNERS)
    before, theirs, after = clock(), int((await tx.rows(CLOCK))[0][0]), clock()
    sessions, most = (await tx.rows(SESSIONS))[0]
    return Standing(
        engine,
        int((await tx.rows(SCHEMA))[0][0] or 0),
        _backlog(counts, oldest, owners),
        nodes=tuple(NodeRow(*row) for row in await tx.rows(NODES)),
        leases=tuple(LeaseRow(*row) for row in await tx.rows(sql.LEASES)),
        synchronous=bool((await tx.rows(SYNCHRONOUS))[0][0]),
        skew_ms=(before + after) // 2 - theirs,
        sessions=sessions,
        most_sessions=most,
    )


def _backlog(counts: Row, oldest: Row, owners: list[Row]) -> Backlog:
    waiting, due, claimed, held = map(int, counts)
    return Backlog(waiting, due, claimed, held, oldest[0] or 0, tuple((row[0], row[1]) for row in owners))


async def ask_servers(address: EngineAddress) -> tuple[ServerRow, ...]:
    """Each server of ``address``, as it sees itself and as the leader sees it."""
    answers = await asyncio.gather(*map(_ask_one, address.dsns))
    rows = [row for answer in answers for row in answer.followers]
    by_slot, by_ip = {row[4]: row for row in rows if row[4]}, {row[0]: row for row in rows}
    return tuple(_with_lag(one.server, by_slot.get(one.slot) or by_ip.get(one.ip)) for one in answers)


@dataclass(frozen=True, slots=True)
class _Answer:
    """``ip`` and ``slot`` are how the leader may know it; ``followers`` are rows of ``FOLLOWERS``."""

    server: ServerRow
    ip: str | None = None
    slot: str = ""
    followers: Sequence[Row] = ()


def _with_lag(server: ServerRow, row: Row | None) -> ServerRow:
    if server.role != "standby" or row is None:
        return server
    return ServerRow(server.address, server.role, server.version, row[1] or "", row[2], row[3])


def _why(error: Exception) -> str:
    """In a few words: nobody needs to be told three times which class of error it was."""
    if isinstance(error, TimeoutError):
        return f"no answer within {ASKING_SECONDS:.0f} seconds"
    return (isinstance(error, OSError) and error.strerror) or told(error)


async def _ask_one(dsn: str) -> _Answer:
    where = dsn.rpartition("@")[2].removeprefix("postgresql://").partition("/")[0] or "the local socket"
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            session = await asyncpg.connect(dsn, statement_cache_size=0)
            try:
                is_standby, version, ip, slot = await session.fetchrow(WHO)
                rows = [] if is_standby else await session.fetch(FOLLOWERS)
            finally:
                session.terminate()
    except Exception as error:  # noqa: BLE001  whatever it was, this server cannot be asked
        return _Answer(ServerRow(where, "away", trouble=_why(error)))
    return _Answer(ServerRow(where, "standby" if is_standby else "leader", version.split()[0]), ip, slot, rows)
