"""Who we are: at home; and how much each account uses, from the cell where it lives."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Unpack

import msgspec

from posthouse.lib.ports import Ids
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.cells.moving import move, stay, thaw
from posthouse.storage.cells.opened import OpenCells
from posthouse.storage.cells.places import HOME, TRANSIT_DOMAIN, Place
from posthouse.storage.directory import AccountChange, AccountRow, Directory, DirectoryDelta, Population
from posthouse.storage.errors import Missing, StorageError


class CellPeople:
    """The directory, and which cell a new account lives in."""

    def __init__(self, cells: OpenCells, journal: Journal, ids: Ids) -> None:
        self._cells = cells
        self._home = cells.home
        self._places = cells.places
        self._journal = journal
        self._ids = ids
        self.put_domain, self.remove_domain = cells.home.put_domain, cells.home.remove_domain
        self.put_alias, self.remove_alias = cells.home.put_alias, cells.home.remove_alias
        self.aliases_to = cells.home.aliases_to

    async def directory(self) -> Directory:
        whole = await self._home.directory()
        return msgspec.structs.replace(whole, accounts=await self._counted(whole.accounts))

    async def directory_pages(self, *, by_domain: bool = False, accounts: bool = True) -> AsyncIterator[Directory]:
        async for page in self._home.directory_pages(by_domain=by_domain, accounts=accounts):
            yield msgspec.structs.replace(page, accounts=await self._counted(page.accounts))

    async def population(self) -> Mapping[str, Population]:
        return {name: count for name, count in (await self._home.population()).items() if name != TRANSIT_DOMAIN}

    async def accounts(self, numbers: Sequence[AccountId]) -> Sequence[AccountRow]:
        return await self._counted(await self._home.accounts(numbers))

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        delta = await self._home.directory_since(epoch)
        if delta is None:
            return None
        news = msgspec.structs.replace(delta.news, accounts=await self._counted(delta.news.accounts))
        return msgspec.structs.replace(delta, news=news)

    async def _counted(self, rows: Sequence[AccountRow]) -> tuple[AccountRow, ...]:
        """Accounts of people, each with what is used as its cell says."""
        used: dict[AccountId, tuple[int, int]] = {}
        for cell, store in self._cells.all:
            if rows and cell != HOME and not store.is_held:
                with suppress(StorageError):
                    there = await store.accounts([row.account for row in rows])
                    used |= {row.account: (row.used, row.quota) for row in there if row.quota >= 0}
        transits = self._places.transits
        return tuple(
            msgspec.structs.replace(row, used=used[row.account][0], quota=used[row.account][1])
            if row.account in used
            else msgspec.structs.replace(row, quota=max(row.quota, -row.quota - 1))
            for row in rows
            if row.account not in transits
        )

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        """In the cell with the fewest accounts that takes new ones."""
        account = await self._home.create_account(address, name, verifiers, quota=quota, admin=admin, at=at)
        target = self._emptiest()
        self._places.people += 1
        if target != HOME:
            try:
                await self.move_account(account, target)
            except StorageError as error:
                self._journal.note("cell.not-filled", Level.WARNING, cell=target, reason=str(error))
                if self._places.of(account) != Place(target):
                    await stay(self._cells, account)
        return account

    def _emptiest(self) -> int:
        cells, usable = self._places.cells, set(self._cells.usable())
        counts = {
            cell: count for cell, count in self._places.counts().items() if cell in usable and not cells[cell].draining
        }
        return min(counts, key=lambda one: (counts[one], one), default=HOME)

    async def move_account(self, account: AccountId, target: int) -> int:
        """**Durable.** With all its mail; how many rows that were."""
        return await move(self._cells, account, target, self._ids)

    async def change_account(self, account: AccountId, **change: Unpack[AccountChange]) -> None:
        cell = (await self._cells.place(account)).cell
        if cell != HOME and "quota" in change:
            await self._cells.store(cell).change_account(account, quota=change.pop("quota"))
        await self._home.change_account(account, **change)

    async def remove_account(self, account: AccountId) -> None:
        cell = (await self._cells.place(account)).cell
        if cell != HOME:
            with suppress(Missing):  # of a removal that was interrupted
                await self._cells.store(cell).remove_account(account)
            await thaw(self._home, account)
        await self._home.remove_account(account)
        await self._places.forget(account)
        self._places.people -= 1
