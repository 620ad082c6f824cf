"""Cells in the operator's hands: founded, listed, drained; accounts moved from one to another."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from posthouse.mail.ids import AccountId
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.people import find_account

Rows = AsyncIterator[Row]


class Desk(Protocol):
    """What a store of PostgreSQL can do beyond the port (``storage.cells.desk``)."""

    async def list_cells(self) -> list[dict[str, Any]]: ...

    async def found_cell(self, engine: str) -> int: ...

    async def drain_cell(self, number: int, *, draining: bool) -> None: ...

    async def move_account(self, account: AccountId, target: int) -> int: ...


def _desk(house: House) -> Desk:
    desk: Desk | None = getattr(house.store, "desk", None)
    if desk is None:
        raise CannotDo("the embedded engine has no cells", "cells are databases of PostgreSQL: [store] engine")
    return desk


async def list_cells(house: House, arguments: Arguments) -> Rows:
    arguments.finish()
    for row in await _desk(house).list_cells():
        yield row


async def add(house: House, arguments: Arguments) -> Rows:
    engine = arguments.text("engine", "")
    arguments.finish()
    number = await _desk(house).found_cell(engine)
    yield {"cell": number, "engine": engine.rpartition("@")[2]}


async def drain(house: House, arguments: Arguments) -> Rows:
    number, draining = arguments.number("cell", 0), not arguments.flag("undo")
    arguments.finish()
    await _desk(house).drain_cell(number, draining=draining)
    yield {"cell": number, "draining": draining}


async def move(house: House, arguments: Arguments) -> Rows:
    desk = _desk(house)
    address, number = arguments.address("address"), arguments.number("cell", 0)
    arguments.finish()
    account = await find_account(house, address)
    rows = await desk.move_account(account.account, number)
    yield {"address": account.address, "cell": number, "rows": rows}
