"""Quarantine in the operator's hands: list, show, release, drop, digest (``posthouse.mta.quarantine``)."""

from collections.abc import AsyncIterator

from posthouse.mail.ids import AccountId
from posthouse.mta.quarantine import Entry, Quarantine
from posthouse.ops.arguments import Arguments, to_address
from posthouse.ops.house import CannotDo, House, Row
from posthouse.ops.people import find_account, known
from posthouse.storage.errors import Missing

MAX_LISTED = 1000

Rows = AsyncIterator[Row]


async def list_quarantine(house: House, arguments: Arguments) -> Rows:
    account = await _account(house, arguments.text("account", ""))
    most = arguments.number("limit", MAX_LISTED)
    arguments.finish()
    if most:
        async for entry in (await _office(house)).entries(account):
            yield entry_row(entry, house.now)
            most -= 1
            if not most:
                return


async def show_quarantined(house: House, arguments: Arguments) -> Rows:
    """One message, with the beginning of its header as it came."""
    ident = arguments.text("id")
    arguments.finish()
    entry = await _found(house, ident)
    yield {**entry_row(entry, house.now), "at": entry.at, "trace": entry.trace}


async def release(house: House, arguments: Arguments) -> Rows:
    """Copies go to the inbox of their account, held messages on their way."""
    entries = await _chosen(house, arguments)
    office, released = await _office(house), 0
    for entry in entries:
        try:
            await office.release(entry)
        except Missing:
            continue
        released += 1
    if any(entry.is_held for entry in entries):
        house.wake()
    yield {"changed": released}


async def drop(house: House, arguments: Arguments) -> Rows:
    """Out of quarantine for good; nobody is told."""
    entries = await _chosen(house, arguments)
    for entry in entries:
        await (await _office(house)).drop(entry)
    yield {"changed": len(entries)}


async def digest(house: House, arguments: Arguments) -> Rows:
    """Write to everybody who has something new in quarantine now, whenever the last letter was."""
    arguments.finish()
    if house.digests is None:
        raise CannotDo("letters are written by a running server", "start it")
    yield {"sent": await house.digests.send(at_once=True)}


def entry_row(entry: Entry, now: int) -> Row:
    """One message in quarantine, as lists show it."""
    return {
        "id": entry.id,
        "kind": "held" if entry.is_held else "copy",
        "from": entry.sender,
        "author": entry.author,
        "to": ", ".join(entry.recipients),
        "subject": entry.subject,
        "size": entry.size,
        "age": max(0, now - entry.at) // 1000,
        "reason": entry.reason,
    }


async def _office(house: House) -> Quarantine:
    if house.quarantine is not None:
        return house.quarantine
    return Quarantine(house.store, await known(house), house.clock)


async def _account(house: House, address: str) -> AccountId | None:
    if not address:
        return None
    return (await find_account(house, to_address(address))).account


async def _found(house: House, ident: str) -> Entry:
    entry = await (await _office(house)).find(ident)
    if entry is None:
        raise CannotDo(f"there is no {ident} in quarantine", "posthouse quarantine list shows what is there")
    return entry


async def _chosen(house: House, arguments: Arguments) -> list[Entry]:
    """The messages the operator means. Nothing named means nothing, unless he says all."""
    ident, address = arguments.text("id", ""), arguments.text("account", "")
    everything = arguments.flag("all")
    arguments.finish()
    if ident:
        return [await _found(house, ident)]
    account = await _account(house, address)
    if account is None and not everything:
        raise CannotDo("which messages?", "name an id or --account, or say --all")
    return [entry async for entry in (await _office(house)).entries(account)]
