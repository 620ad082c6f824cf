"""Aliases: addresses that stand for others, changed."""

from collections.abc import AsyncIterator, Sequence

from posthouse.admd.directory import Alias, Directory, Local
from posthouse.mail.address import Address
from posthouse.ops.arguments import Arguments, to_address
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.people import known, no_domain
from posthouse.ops.targets import find_circle, find_unknown
from posthouse.storage.directory import AliasRow

Rows = AsyncIterator[Row]


async def add_alias(house: House, arguments: Arguments) -> Rows:
    """``force`` allows targets here that do not exist (yet); a circle is never allowed."""
    address = arguments.address("address")
    targets = [to_address(target) for target in arguments.texts("targets")]
    force = arguments.flag("force")
    arguments.finish()
    if not targets:
        raise CannotDo("an alias needs at least one target")
    if len(targets) > house.limits.alias_expansion:
        raise CannotDo(f"more than {house.limits.alias_expansion} targets (L23)")
    people = await known(house)
    if address.domain not in people.domains:
        raise no_domain(address)
    holder = people.holder(address)
    if isinstance(holder, Local):
        raise CannotDo(f"{address} is an account")
    row = AliasRow(str(address), tuple(map(str, targets)), house.now)
    _demand_arrival(people.supposing(row), address, () if force else targets)
    await house.store.put_alias(row)
    yield {"address": row.address, "targets": list(row.targets), "changed": holder is not None}


async def list_aliases(house: House, arguments: Arguments) -> Rows:
    arguments.finish()
    async for page in house.store.directory_pages(by_domain=True, accounts=False):
        for alias in page.aliases:
            yield {"address": alias.address, "targets": list(alias.targets), "created_at": alias.created_at}


async def remove_alias(house: House, arguments: Arguments) -> Rows:
    address = arguments.address("address")
    arguments.finish()
    if not isinstance((await known(house)).holder(address), Alias):
        raise CannotDo(f"there is no alias {address}", "posthouse alias list shows those there are")
    await house.store.remove_alias(str(address))
    yield {"address": str(address), "removed": True}


def _demand_arrival(directory: Directory, address: Address, targets: Sequence[Address]) -> None:
    """Mail for the new alias ``address`` must come to an end, and somebody must have each of ``targets``."""
    circle = find_circle(directory, address)
    if circle:
        way = f": {', '.join(map(str, circle))}" if len(circle) > 2 else ""
        raise CannotDo(f"{address} would lead back to itself{way}", "name somebody whose mailbox it is in the end")
    unknown = list(map(str, find_unknown(directory, targets)))
    if unknown:
        verb = "are addresses" if len(unknown) > 1 else "is an address"
        raise CannotDo(
            f"{' and '.join(unknown)} {verb} of ours that nobody has", "make the account first, or say --force"
        )
