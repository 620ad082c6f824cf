"""The directory page by page, in one order or another: the same walk in both engines."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from posthouse.storage.directory import AccountRow, AliasRow, Directory, Population
from posthouse.storage.sql import statements as sql

Place = tuple[Any, ...]
"""Behind which a page begins."""


def _domain_and_address(row: AccountRow | AliasRow) -> Place:
    return row.address.rpartition("@")[2], row.address


@dataclass(frozen=True, slots=True)
class Order:
    """Two statements that give a page behind a place, the first places, and the place of a row."""

    accounts: str
    aliases: str
    first: Place
    first_alias: Place
    place: Callable[[AccountRow], Place]
    place_of_alias: Callable[[AliasRow], Place]


BY_NUMBER: Final = Order(
    sql.ACCOUNT_PAGE, sql.ALIAS_PAGE, (0,), ("",), lambda row: (row.account,), lambda row: (row.address,)
)
BY_DOMAIN: Final = Order(
    sql.ACCOUNTS_BY_DOMAIN, sql.ALIASES_BY_DOMAIN, ("", ""), ("", ""), _domain_and_address, _domain_and_address
)


async def walk(
    order: Order,
    read_accounts: Callable[[Place], Awaitable[Directory]] | None,
    read_aliases: Callable[[Place], Awaitable[Directory]],
) -> AsyncIterator[Directory]:
    """Accounts, then aliases, each behind the last one. With accounts there is a first page even where nobody lives."""
    place = order.first
    while read_accounts is not None:
        page = await read_accounts(place)
        yield page
        if not page.accounts:
            break
        place = order.place(page.accounts[-1])
    place = order.first_alias
    while (page := await read_aliases(place)).aliases:
        yield page
        place = order.place_of_alias(page.aliases[-1])


def population(accounts: Sequence[Sequence[Any]], aliases: Sequence[Sequence[Any]]) -> Mapping[str, Population]:
    """From rows of domain and number."""
    people, others = {row[0]: row[1] for row in accounts}, {row[0]: row[1] for row in aliases}
    return {name: Population(people.get(name, 0), others.get(name, 0)) for name in people.keys() | others.keys()}


def target_pattern(address: str) -> str:
    """What targets are LIKE, more or less, that ``address`` is one of: LIKE minds no case in one engine."""
    written = msgspec.json.encode(address).decode()
    return "%" + written.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
