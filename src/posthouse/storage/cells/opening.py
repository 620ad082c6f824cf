"""Cells are founded, opened when a node starts, and opened later when they were away then."""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from posthouse.lib.ports import Ids
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.cells.engine import CellStore
from posthouse.storage.cells.places import HOME, SHIFT, TRANSIT_DOMAIN, Cell, Places
from posthouse.storage.errors import Conflict, StorageError
from posthouse.storage.postgresql.engine import PostgresStore
from posthouse.storage.postgresql.numbers import FIRST

TRANSIT: Final = f"transit-{{}}@{TRANSIT_DOMAIN}"
"""Nobody logs in there."""
ROOM: Final = 1 << 60
MOST_CELLS: Final = 1000

Open = Callable[[str, int], Awaitable[PostgresStore]]
"""The store at an address whose numbers begin there."""


def first_number(cell: int) -> int:
    return FIRST + (cell << SHIFT)


async def open_cells(home: PostgresStore, open_one: Open, journal: Journal, ids: Ids) -> PostgresStore | CellStore:
    """``home`` alone where no cells were founded, else all of them; one that is away is opened when it is back."""
    places = Places(home)
    await places.refresh()
    if not places.cells:
        return home
    stores = {HOME: home}
    for cell in places.cells.values():
        if cell.number != HOME:
            try:
                stores[cell.number] = await open_one(cell.engine, first_number(cell.number))
            except StorageError as error:
                journal.note("cell.away", Level.ALARM, cell=cell.number, reason=str(error))
    store = CellStore(stores, places, journal, ids, lambda cell: open_one(cell.engine, first_number(cell.number)))
    store.start()
    return store


async def found(home: PostgresStore, engine: str, open_one: Open) -> Cell:
    """A new cell at ``engine``, an empty database. Nodes know it once they are started again."""
    places = Places(home)
    await places.refresh()
    if any(cell.engine == engine for cell in places.cells.values()):
        raise Conflict(f"{engine} is a cell already")
    number = max(places.cells, default=HOME) + 1
    if number >= MOST_CELLS:
        raise StorageError(f"there are {MOST_CELLS} cells")
    store = await open_one(engine, first_number(number))
    try:
        if await store.population():
            raise Conflict(f"{engine} has accounts already: a cell begins as an empty database")
        if not places.cells:
            transit = await home.create_account(TRANSIT.format(HOME), "", (), quota=ROOM)
            await places.put_cell(Cell(HOME, "", transit))
        transit = await store.create_account(TRANSIT.format(number), "", (), quota=ROOM)
        cell = Cell(number, engine, AccountId(transit))
        await places.put_cell(cell)
    finally:
        await store.close()
    return cell


async def drain(places: Places, number: int, *, draining: bool) -> Cell:
    """Whether the cell takes new accounts from now on."""
    if number not in places.cells:
        raise StorageError(f"there is no cell {number}")
    cell = msgspec.structs.replace(places.cells[number], draining=draining)
    await places.put_cell(cell)
    return cell
