"""Cells in the operator's hands: founded, listed, drained; accounts moved from one to another."""

from collections.abc import AsyncIterator

from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.people import find_account
from posthouse.storage.ports import CellDesk

Rows = AsyncIterator[Row]


def _desk(house: House) -> CellDesk:
    desk = house.store.desk
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
