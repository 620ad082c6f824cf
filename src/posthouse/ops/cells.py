"""Cells in the operator's hands: founded, listed, drained; accounts moved from one to another."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from posthouse.mail.ids import AccountId
from posthouse.ops.arguments import Arguments
from posthouse.ops.house import CannotDo, House, Row

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
    address, number = arguments.text("address", ""), arguments.number("cell", 0)
    arguments.finish()
    rows = (await house.store.directory()).accounts
    account = next((row.account for row in rows if row.address == address), None)
    if account is None:
        raise CannotDo(f"there is no account {address}", "posthouse account list shows them")
    yield {"address": address, "cell": number, "rows": await _desk(house).move_account(account, number)}
