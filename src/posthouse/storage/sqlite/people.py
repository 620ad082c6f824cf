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
from posthouse.storage.sql.paging import BY_DOMAIN, BY_NUMBER, walk
from posthouse.storage.sqlite import directory
from posthouse.storage.sqlite.readers import Readers
from posthouse.storage.sqlite.writer import Writer


class People:
    """Domains, accounts, aliases."""

    def __init__(self, writer: Writer, readers: Readers, now: Callable[[], int]) -> None:
        self._writer = writer
        self._readers = readers
        self._now = now

    async def directory(self) -> Directory:
        return await self._readers.read(directory.read_directory)

    def directory_pages(self, *, by_domain: bool = False, accounts: bool = True) -> AsyncIterator[Directory]:
        order, read = BY_DOMAIN if by_domain else BY_NUMBER, self._readers.read
        return walk(
            order,
            (lambda place: read(lambda snapshot: directory.read_page(snapshot, order, place))) if accounts else None,
            lambda place: read(lambda snapshot: directory.read_alias_page(snapshot, order, place)),
        )

    async def population(self) -> Mapping[str, Population]:
        return await self._readers.read(directory.read_population)

    async def accounts(self, numbers: Sequence[AccountId]) -> Sequence[AccountRow]:
        return await self._readers.read(lambda snapshot: directory.read_accounts(snapshot, numbers))

    async def aliases_to(self, address: str) -> Sequence[AliasRow]:
        return await self._readers.read(lambda snapshot: directory.read_aliases_to(snapshot, address))

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        return await self._readers.read(lambda snapshot: directory.read_since(snapshot, epoch))

    async def put_domain(self, domain: DomainRow) -> None:
        await self._writer.submit(lambda tx: directory.put_domain(tx, domain))

    async def remove_domain(self, name: str) -> None:
        await self._writer.submit(lambda tx: directory.remove_domain(tx, name))

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        when = at or self._now()
        return await self._writer.submit(
            lambda tx: directory.create_account(tx, address, name, verifiers, quota, admin, when)
        )

    async def change_account(self, account: AccountId, **change: Unpack[AccountChange]) -> None:
        await self._writer.submit(lambda tx: directory.change_account(tx, account, change))

    async def remove_account(self, account: AccountId) -> None:
        await self._writer.submit(lambda tx: directory.remove_account(tx, account), heavy=True)

    async def put_alias(self, alias: AliasRow) -> None:
        await self._writer.submit(lambda tx: directory.put_alias(tx, alias))

    async def remove_alias(self, address: str) -> None:
        await self._writer.submit(lambda tx: directory.remove_alias(tx, address))
