"""Which account lives where: two kinds of notes in cell 0, known to every node.

A place that changes turns the epoch of the directory, so a node reads the
places of the accounts that were changed since, and all only when it starts and
now and then. What a node knows may be old all the same. So a cell itself
refuses an account that has left it or is leaving (``Moved``); whoever hears
that asks again.
"""

from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import Final

import msgspec

from posthouse.mail.ids import AccountId
from posthouse.storage.errors import Missing
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note
from posthouse.storage.sql.turns import EPOCH

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


AT_HOME: Final = Place(HOME)


def cell_of_number(number: int) -> int:
    """The cell that a row of this number was made in."""
    return number >> SHIFT


class Places:
    """The notes, as they were when somebody last looked. Whoever has none lives at home."""

    def __init__(self, home: Store) -> None:
        self._home = home
        self.cells: dict[int, Cell] = {}
        self.people = 0
        """How many accounts there are in all cells, more or less: it is counted with ``refresh``."""
        self._places: dict[AccountId, Place] = {}
        self._shared: dict[Place, Place] = {}
        """A million accounts live in a few places."""
        self._counts: Counter[int] = Counter()
        self._epoch = -1

    async def refresh(self) -> None:
        """Read everything, page by page; then what was changed meanwhile."""
        epoch = int(await self._home.get(EPOCH) or 0)
        places: dict[AccountId, Place] = {}
        after = ""
        while notes := await self._home.list_notes(ACCOUNTS, after=after, limit=PAGE):
            places.update(map(self._read, notes))
            after = notes[-1].key
        population = await self._home.population()
        self.people = sum(count.accounts for domain, count in population.items() if domain != TRANSIT_DOMAIN)
        self._places, self._counts = places, Counter(place.cell for place in places.values())
        self._epoch = epoch
        await self._read_cells()
        await self._catch_up()

    async def follow(self) -> None:
        """Read what was changed since somebody last looked; everything if nobody knows that any more."""
        if self._epoch < 0 or not await self._catch_up():
            await self.refresh()
        else:
            await self._read_cells()

    async def _catch_up(self) -> bool:
        """Whether it is still known what was changed."""
        delta = await self._home.directory_since(self._epoch)
        if delta is not None:
            await self.look_at([*delta.closed, *(row.account for row in delta.news.accounts)])
            self._epoch = max(self._epoch, delta.news.epoch)
        return delta is not None

    async def _read_cells(self) -> None:
        cells = [msgspec.json.decode(note.value, type=Cell) for note in await self._home.list_notes(CELLS)]
        self.cells = {cell.number: cell for cell in cells}

    async def look(self, account: AccountId) -> Place:
        """Where one account lives now, whatever the map says."""
        await self.look_at((account,))
        return self.of(account)

    async def look_at(self, accounts: Collection[AccountId]) -> None:
        """The same of several."""
        if accounts:
            notes = await self._home.notes(ACCOUNTS, [str(account) for account in accounts])
            there = dict(map(self._read, notes))
            for account in accounts:
                self._set(account, there.get(account))

    def _read(self, note: Note) -> tuple[AccountId, Place]:
        place = msgspec.json.decode(note.value, type=Place)
        return AccountId(int(note.key)), self._shared.setdefault(place, place)

    def _set(self, account: AccountId, place: Place | None) -> None:
        before = self._places.pop(account, None)
        if before is not None:
            self._counts[before.cell] -= 1
        if place is not None:
            self._places[account] = place
            self._counts[place.cell] += 1

    def of(self, account: AccountId) -> Place:
        return self._places.get(account, AT_HOME)

    def transit(self, cell: int) -> AccountId:
        return self.cells[cell].transit

    @property
    def transits(self) -> frozenset[AccountId]:
        return frozenset(cell.transit for cell in self.cells.values())

    def counts(self) -> dict[int, int]:
        """How many people live in each cell, more or less. Who has a place may live at home as well."""
        counts = {cell: self._counts[cell] for cell in self.cells}
        counts[HOME] = self.people - sum(count for cell, count in self._counts.items() if cell != HOME)
        return counts

    async def put_cell(self, cell: Cell) -> None:
        await self._home.put_notes((Note(CELLS, f"{cell.number:04d}", msgspec.json.encode(cell)),))
        self.cells[cell.number] = cell
        self._home.broadcast(CHANGED, "")

    async def put(self, account: AccountId, place: Place) -> None:
        """**Durable.**"""
        await self._home.put_notes((Note(ACCOUNTS, str(account), msgspec.json.encode(place)),))
        self._set(account, place)
        await self._tell(account)

    async def forget(self, account: AccountId) -> None:
        """**Durable.** It lives at home, or nowhere."""
        await self._home.drop_notes(ACCOUNTS, (str(account),))
        self._set(account, None)
        await self._tell(account)

    async def _tell(self, account: AccountId) -> None:
        with suppress(Missing):  # it is gone, and that was a change as well
            await self._home.change_account(account)
        self._home.broadcast(CHANGED, "")
