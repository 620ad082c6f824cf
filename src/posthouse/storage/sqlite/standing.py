"""How the embedded engine is: one node, one file, and the queue in numbers."""

from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sqlite.readers import Snapshot
from posthouse.storage.standing import Backlog, LeaseRow, NodeRow, Standing

_render = SQLITE.render
BACKLOG = _render(sql.BACKLOG)
OLDEST_DUE = _render(sql.OLDEST_DUE)
OWNERS = _render(sql.OWNERS)
LEASES = _render(sql.LEASES)
SCHEMA = "SELECT max(number) FROM migration"


def read_standing(snapshot: Snapshot, engine: str, node: NodeRow, now: int) -> Standing:
    backlog, oldest, schema = snapshot.row(BACKLOG, now), snapshot.row(OLDEST_DUE, now), snapshot.row(SCHEMA)
    waiting, due, claimed, held = map(int, backlog or (0, 0, 0, 0))
    owners = tuple((row[0], row[1]) for row in snapshot.rows(OWNERS, now, 1))
    return Standing(
        engine,
        int(schema[0]) if schema is not None else 0,
        Backlog(waiting, due, claimed, held, (oldest[0] if oldest is not None else None) or 0, owners),
        nodes=(node,),
        leases=tuple(LeaseRow(*row) for row in snapshot.rows(LEASES)),
    )
