"""The cells that are open on this node: which of them answer, and where an account's calls go."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.cells.places import CHANGED, HOME, Cell, Place, Places
from posthouse.storage.errors import Missing, Moved, StorageError
from posthouse.storage.postgresql.engine import PostgresStore

PROBE_SECONDS: Final = 1.0
REFRESH_SECONDS: Final = 30.0
WHOLE_EVERY: Final = 20
"""So often nothing is taken to be known of the map: what a release wrote that tells nobody is found then."""

T = TypeVar("T")


class OpenCells:
    """``stores`` are the cells by number; home is among them."""

    def __init__(
        self,
        stores: dict[int, PostgresStore],
        places: Places,
        journal: Journal,
        open_one: Callable[[Cell], Awaitable[PostgresStore]],
    ) -> None:
        self.home = stores[HOME]
        self.places = places
        self._stores = stores
        self._journal = journal
        self._open_one = open_one
        self._watched: dict[object, tuple[AccountId, Callable[[], None], int, Callable[[], None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.home.listen(CHANGED, lambda _text: self.spawn(self.refresh()))
        self.spawn(self._probe())
        self.spawn(self._refresh_now_and_then())

    def spawn(self, run: Coroutine[Any, Any, None]) -> None:
        """Let it run until the cells are closed."""
        task = asyncio.get_running_loop().create_task(run)
        self._tasks = [one for one in self._tasks if not one.done()] + [task]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(store.close() for store in self._stores.values()))

    # -- which there are

    @property
    def all(self) -> Sequence[tuple[int, PostgresStore]]:
        return list(self._stores.items())

    def store(self, cell: int) -> PostgresStore:
        try:
            return self._stores[cell]
        except KeyError:
            raise StorageError(f"cell {cell} is not open on this node: restart it, it may be new") from None

    def usable(self) -> list[int]:
        """Cells that answer, home first; all of them when none does: somebody has to wait."""
        return [cell for cell, store in self._stores.items() if not store.is_held] or list(self._stores)

    async def ask_all(self, ask: Callable[[PostgresStore], Awaitable[T]]) -> list[T]:
        """What the cells say that answer; an error if none does."""
        answers = await asyncio.gather(*(ask(self.store(cell)) for cell in self.usable()), return_exceptions=True)
        good: list[T] = [one for one in answers if not isinstance(one, BaseException)]
        bad = [one for one in answers if isinstance(one, BaseException)]
        if bad and not good:
            raise bad[0]
        return good

    async def _probe(self) -> None:
        """Who is away is asked until he is back."""
        asking: dict[int, asyncio.Task[None]] = {}
        while True:
            for cell, store in self._stores.items():
                if store.is_held and (cell not in asking or asking[cell].done()):
                    asking[cell] = asyncio.ensure_future(_quietly(store.next_due()))
            for cell in self.places.cells.keys() - self._stores.keys():
                with suppress(StorageError):
                    self._stores[cell] = await self._open_one(self.places.cells[cell])
            await asyncio.sleep(PROBE_SECONDS)

    # -- where an account is

    async def place(self, account: AccountId) -> Place:
        """Raises ``Moved`` while it is on its way, asked anew: it may have arrived."""
        place = self.places.of(account)
        if place.source is not None:
            place = await self.places.look(account)
        if place.source is not None:
            raise Moved(f"account {account} is on its way to another cell")
        return place

    async def at(self, account: AccountId, ask: Callable[[PostgresStore], Awaitable[T]]) -> T:
        """What the cell of ``account`` says; asked again where it lives now, if it has moved.

        A cell that it has left refuses what would change something, and knows nothing to read.
        """
        place = await self.place(account)
        try:
            return await ask(self.store(place.cell))
        except (Moved, Missing):
            await self.places.look(account)
            now = await self.place(account)
            if now.cell == place.cell:
                raise
            return await ask(self.store(now.cell))

    async def some(self, account: AccountId, ask: Callable[[PostgresStore], Awaitable[Sequence[T]]]) -> Sequence[T]:
        """The same for what is seldom nothing: where nothing is found, it is looked where the account lives now."""
        place = await self.place(account)
        found = await ask(self.store(place.cell))
        if not found and (await self.places.look(account)).cell != place.cell:
            found = await ask(self.store((await self.place(account)).cell))
        return found

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        """Wherever it lives."""
        token, cell = object(), self.places.of(account).cell
        self._watched[token] = (account, hint, cell, self.store(cell).watch(account, hint))

        def end() -> None:
            watched = self._watched.pop(token, None)
            if watched is not None:
                watched[3]()

        return end

    async def _refresh_now_and_then(self) -> None:
        times = 0
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            times += 1
            await self.refresh(whole=times % WHOLE_EVERY == 0)

    async def refresh(self, *, whole: bool = False) -> None:
        """Read of the map what was changed, or all of it, and let everybody know who has moved."""
        try:
            await (self.places.refresh() if whole else self.places.follow())
        except StorageError as error:
            self._journal.note("cells.unread", Level.WARNING, reason=str(error))
            return
        for token, (account, hint, cell, end) in list(self._watched.items()):
            now = self.places.of(account).cell
            if now != cell and now in self._stores:
                end()
                self._watched[token] = (account, hint, now, self.store(now).watch(account, hint))
                hint()


def joined(parts: Iterable[Sequence[T]]) -> list[T]:
    return [one for part in parts for one in part]


async def _quietly(ask: Awaitable[object]) -> None:
    with suppress(StorageError):
        await ask
