"""Which account lives where: two kinds of notes in cell 0, known to every node.

What a node knows may be old. So a cell itself refuses an account that has left
it or is leaving (``Moved``); whoever hears that asks again.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from posthouse.mail.ids import AccountId
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

CELLS: Final = "cell"
ACCOUNTS: Final = "cell.account"
CHANGED: Final = "cells"
"""What is broadcast when a note of these changed."""
PAGE: Final = 10_000

TRANSIT_DOMAIN: Final = "cells.invalid"
"""Where the accounts are that hold mail on its way: a domain that never is."""
HOME: Final = 0
SHIFT: Final = 48
"""The numbers of a cell's rows begin with its own number: nothing is called the same in two of them."""


class Cell(msgspec.Struct, frozen=True):
    """One database. ``transit`` is the account that holds what others are to have; draining: takes no new ones."""

    number: int
    engine: str
    transit: AccountId
    draining: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where an account lives; ``source`` is where it comes from while it moves."""

    cell: int
    source: int | None = None


def cell_of_number(number: int) -> int:
    """The cell that a row of this number was made in."""
    return number >> SHIFT


class Places:
    """The notes, as they were when somebody last looked. Whoever has none lives at home."""

    def __init__(self, home: Store) -> None:
        self._home = home
        self.cells: dict[int, Cell] = {}
        self._places: dict[AccountId, Place] = {}

    async def refresh(self) -> None:
        cells = [msgspec.json.decode(note.value, type=Cell) for note in await self._home.list_notes(CELLS)]
        places: dict[AccountId, Place] = {}
        after = ""
        while notes := await self._home.list_notes(ACCOUNTS, after=after, limit=PAGE):
            places |= {AccountId(int(note.key)): msgspec.json.decode(note.value, type=Place) for note in notes}
            after = notes[-1].key
        self.cells, self._places = {cell.number: cell for cell in cells}, places

    async def look(self, account: AccountId) -> Place:
        """Where one account lives now, whatever the map says."""
        notes = await self._home.notes(ACCOUNTS, (str(account),))
        self._places.pop(account, None)
        if notes:
            self._places[account] = msgspec.json.decode(notes[0].value, type=Place)
        return self.of(account)

    def of(self, account: AccountId) -> Place:
        return self._places.get(account) or Place(HOME)

    def transit(self, cell: int) -> AccountId:
        return self.cells[cell].transit

    @property
    def transits(self) -> frozenset[AccountId]:
        return frozenset(cell.transit for cell in self.cells.values())

    def count(self, accounts: Sequence[AccountId]) -> dict[int, int]:
        """How many of ``accounts`` live in each cell."""
        counts = dict.fromkeys(self.cells, 0)
        for account in accounts:
            if account not in self.transits:
                counts[self.of(account).cell] += 1
        return counts

    async def put_cell(self, cell: Cell) -> None:
        await self._home.put_notes((Note(CELLS, f"{cell.number:04d}", msgspec.json.encode(cell)),))
        self.cells[cell.number] = cell
        self._home.broadcast(CHANGED, "")

    async def put(self, account: AccountId, place: Place) -> None:
        """**Durable.**"""
        await self._home.put_notes((Note(ACCOUNTS, str(account), msgspec.json.encode(place)),))
        self._places[account] = place
        self._home.broadcast(CHANGED, "")

    async def forget(self, account: AccountId) -> None:
        await self._home.drop_notes(ACCOUNTS, (str(account),))
        self._places.pop(account, None)
        self._home.broadcast(CHANGED, "")
