"""What operators do with cells."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from posthouse.mail.ids import AccountId
from posthouse.storage.cells.opening import drain, found
from posthouse.storage.cells.places import HOME, Cell, Places
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Role
from posthouse.storage.postgresql.engine import PostgresStore


class Mover(Protocol):
    """A store of several cells."""

    def store(self, cell: int) -> PostgresStore: ...

    async def move_account(self, account: AccountId, target: int) -> int: ...


class Desk:
    """``cells`` is None as long as no cell was founded beside home (or the node does not know it yet)."""

    def __init__(
        self, home: PostgresStore, cells: Mover | None, open_one: Callable[[str, int], Awaitable[PostgresStore]]
    ) -> None:
        self._home = home
        self._cells = cells
        self._open_one = open_one
        self._places = Places(home)

    async def list_cells(self) -> list[dict[str, Any]]:
        await self._places.refresh()
        counts = self._places.counts()
        if not self._places.cells:
            return [_row(Cell(HOME, "", AccountId(0)), counts[HOME], "open", 0)]
        return [await self._described(cell, counts[cell.number]) for cell in self._places.cells.values()]

    async def _described(self, cell: Cell, accounts: int) -> dict[str, Any]:
        try:
            store = self._home if self._cells is None and cell.number == HOME else self._store(cell.number)
            if store.is_held:
                return _row(cell, accounts, "away", None)
            boxes = await store.mailboxes(cell.transit)
        except StorageError:
            return _row(cell, accounts, "away" if self._cells is not None else "after restart", None)
        return _row(cell, accounts, "open", sum(box.messages for box in boxes if box.role is Role.INBOX))

    def _store(self, number: int) -> PostgresStore:
        if self._cells is None:
            raise StorageError("this node knows one cell")
        return self._cells.store(number)

    async def found_cell(self, engine: str) -> int:
        return (await found(self._home, engine, self._open_one)).number

    async def drain_cell(self, number: int, *, draining: bool) -> None:
        await self._places.refresh()
        await drain(self._places, number, draining=draining)

    async def move_account(self, account: AccountId, target: int) -> int:
        if self._cells is None:
            raise StorageError("this node knows one cell: found another one, and restart the node")
        return await self._cells.move_account(account, target)


def _row(cell: Cell, accounts: int, state: str, transit: int | None) -> dict[str, Any]:
    return {
        "cell": cell.number,
        "state": state,
        "accounts": accounts,
        "transit": transit,
        "draining": cell.draining,
        "engine": cell.engine.rpartition("@")[2] or "home",
    }
