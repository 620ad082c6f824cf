"""Who we are: which unit runs where."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Unpack

from posthouse.mail.ids import AccountId
from posthouse.storage.directory import (
    AccountChange,
    AccountRow,
    AliasRow,
    Directory,
    DirectoryDelta,
    DomainRow,
    Population,
)
from posthouse.storage.postgresql import directory
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql.paging import BY_DOMAIN, BY_NUMBER, walk


class People:
    """Domains, accounts, aliases."""

    def __init__(self, units: Units, now: Callable[[], int]) -> None:
        self._units = units
        self._now = now

    async def directory(self) -> Directory:
        return await self._units.read(directory.read_directory, consistent=True)

    def directory_pages(self, *, by_domain: bool = False, accounts: bool = True) -> AsyncIterator[Directory]:
        order, read = BY_DOMAIN if by_domain else BY_NUMBER, self._units.read
        return walk(
            order,
            (lambda place: read(lambda tx: directory.read_page(tx, order, place))) if accounts else None,
            lambda place: read(lambda tx: directory.read_alias_page(tx, order, place)),
        )

    async def population(self) -> Mapping[str, Population]:
        return await self._units.read(directory.read_population)

    async def aliases_to(self, address: str) -> Sequence[AliasRow]:
        return await self._units.read(lambda tx: directory.read_aliases_to(tx, address))

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        return await self._units.read(lambda tx: directory.read_since(tx, epoch), consistent=True)

    async def accounts(self, numbers: Sequence[AccountId]) -> Sequence[AccountRow]:
        return await self._units.read(lambda tx: directory.read_accounts(tx, numbers))

    async def put_domain(self, domain: DomainRow) -> None:
        await self._units.write(lambda tx: directory.put_domain(tx, domain))

    async def remove_domain(self, name: str) -> None:
        await self._units.write(lambda tx: directory.remove_domain(tx, name), repeatable=False)

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        when = at or self._now()
        return await self._units.write(
            lambda tx: directory.create_account(tx, address, name, verifiers, quota, admin, when), repeatable=False
        )

    async def change_account(self, account: AccountId, **change: Unpack[AccountChange]) -> None:
        await self._units.write(lambda tx: directory.change_account(tx, account, change))

    async def remove_account(self, account: AccountId) -> None:
        await self._units.write(lambda tx: directory.remove_account(tx, account), repeatable=False)

    async def put_alias(self, alias: AliasRow) -> None:
        await self._units.write(lambda tx: directory.put_alias(tx, alias))

    async def remove_alias(self, address: str) -> None:
        await self._units.write(lambda tx: directory.remove_alias(tx, address), repeatable=False)
