"""How all cells are: home's standing with the servers, the queues and the troubles of the others."""

import asyncio
from collections.abc import Sequence

import msgspec

from posthouse.storage.cells.opened import OpenCells
from posthouse.storage.cells.places import HOME
from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.engine import PostgresStore
from posthouse.storage.standing import Backlog, CellRow, Standing

NOT_OPEN = "it was not open when this node started, and is not yet"


async def read_standing(cells: OpenCells) -> Standing:
    """Of every cell, also of those that do not answer."""
    opened = dict(cells.all)
    seen = dict(zip(opened, await asyncio.gather(*map(_ask, opened.values())), strict=True))
    rows = []
    for number, cell in sorted(cells.places.cells.items()):
        trouble = seen[number].trouble if number in seen else NOT_OPEN
        rows.append(CellRow(number, cell.engine.rpartition("@")[2] or "home", trouble, cell.draining))
    return msgspec.structs.replace(
        seen[HOME],
        backlog=_sum([one.backlog for one in seen.values()]),
        servers=tuple(server for one in seen.values() for server in one.servers),
        cells=tuple(rows),
    )


async def _ask(store: PostgresStore) -> Standing:
    try:
        return await store.standing()
    except StorageError as error:
        return Standing("", 0, Backlog(), trouble=str(error))


def _sum(queues: Sequence[Backlog]) -> Backlog:
    oldest = [one.oldest_due for one in queues if one.oldest_due]
    owners: dict[str, int] = {}
    for one in queues:
        for owner, count in one.owners:
            owners[owner] = owners.get(owner, 0) + count
    return Backlog(
        sum(one.waiting for one in queues), sum(one.due for one in queues), sum(one.claimed for one in queues),
        sum(one.held for one in queues), min(oldest, default=0), tuple(sorted(owners.items())),
    )  # fmt: skip
