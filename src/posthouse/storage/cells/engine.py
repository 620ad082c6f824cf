"""Several databases as one ``Store``: an account's calls go to its cell, mail is taken by any cell that writes.

Cell 0 is home: it has the directory, the shelves, leases, allotments and the
map of the cells. An acceptance whose recipients all live in one cell is one
transaction there. Otherwise, or when that cell does not answer for
``PATIENCE_SECONDS`` (``accepting``), another cell takes it whole, also in one
transaction, and what is for others is carried to them (``transit``).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from posthouse.lib.ports import Ids
from posthouse.mail.ids import TraceId
from posthouse.observe.ports import Journal
from posthouse.storage.cells.accepting import Acceptor
from posthouse.storage.cells.content import CellBlobs
from posthouse.storage.cells.mailboxes import CellMailboxes
from posthouse.storage.cells.opened import OpenCells, joined
from posthouse.storage.cells.people import CellPeople
from posthouse.storage.cells.places import Cell, Places
from posthouse.storage.cells.queue import CellQueue
from posthouse.storage.cells.standing import read_standing
from posthouse.storage.cells.transit import Carrier
from posthouse.storage.offices import Offices
from posthouse.storage.postgresql.engine import PostgresStore
from posthouse.storage.standing import Standing


class CellStore(Offices):
    """The offices of all cells; ``stores`` are the cells by number. What only home has, home's offices answer."""

    def __init__(
        self,
        stores: dict[int, PostgresStore],
        places: Places,
        journal: Journal,
        ids: Ids,
        open_one: Callable[[Cell], Awaitable[PostgresStore]],
    ) -> None:
        cells = self.cells = OpenCells(stores, places, journal, open_one)
        self.places, self.store = places, cells.store
        self.blobs = CellBlobs(cells.store, cells.usable)
        self.carrier = Carrier(cells, places, journal)
        self.acceptor = Acceptor(cells, self.blobs, self.carrier)
        people = CellPeople(cells, journal, ids)
        self.move_account = people.move_account
        super().__init__(
            queue=CellQueue(cells, self.blobs, self.acceptor, self.carrier),
            mailboxes=CellMailboxes(cells, self.blobs),
            people=people,
            ledger=CellLedger(cells),
            shelves=cells.home,
            hints=CellHints(cells),
        )

    def start(self) -> None:
        self.cells.start()
        self.cells.spawn(self.carrier.run())

    @property
    def node(self) -> str:
        return self.cells.home.node

    async def standing(self) -> Standing:
        """Home's, with the servers and the queues of all."""
        return await read_standing(self.cells)

    async def sweep(self, now: int) -> AsyncIterator[str]:
        for cell in self.cells.usable():
            async for done in self.store(cell).sweep(now):
                yield done

    async def close(self) -> None:
        await self.cells.close()


class CellLedger:
    """What the cells know together."""

    def __init__(self, cells: OpenCells) -> None:
        self._cells = cells
        self.note = cells.home.note

    async def record(self, trace: str) -> bytes | None:
        return next((found for found in await self._cells.ask_all(lambda one: one.record(trace)) if found), None)

    async def fates(self, trace: str) -> Sequence[bytes]:
        return joined(await self._cells.ask_all(lambda one: one.fates(trace)))

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        found = joined(await self._cells.ask_all(lambda one: one.records(since=since, limit=limit)))
        ours = [row for row in found if ">" not in row[0]]
        return sorted(ours, key=lambda row: (row[1], row[0]), reverse=True)[:limit]

    async def latest_trace(self) -> str:
        return max(await self._cells.ask_all(lambda one: one.latest_trace()), default="").partition(">")[0]


class CellHints:
    """An account's come from its cell, what is due from each cell that is open now, all else from home."""

    def __init__(self, cells: OpenCells) -> None:
        self._cells = cells
        self.watch, self.watch_directory = cells.watch, cells.home.watch_directory
        self.broadcast, self.listen = cells.home.broadcast, cells.home.listen

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:
        """What is due in a cell that comes back later is found by asking."""
        ends = [store.watch_queue(hint) for _, store in self._cells.all]

        def end() -> None:
            for one in ends:
                one()

        return end
