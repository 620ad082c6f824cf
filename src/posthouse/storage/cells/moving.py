"""An account moves to another cell: frozen, copied, and at home there; whoever asks the old cell is sent away.

The counters of an account that left, or is leaving, say so (their quota is
negative): they are the row that every change of the account locks, so nothing
is written behind the copy, whatever an old map on some node says. What comes
meanwhile waits in transit. A move that was interrupted is begun again; rows
that are there already stay.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, Final, Protocol

from posthouse.lib.ports import Ids
from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, BlobId, TraceId
from posthouse.storage.acceptance import Filing
from posthouse.storage.cells.places import HOME, Place, Places
from posthouse.storage.cells.transit import accept_content
from posthouse.storage.copy import TABLES, Table
from posthouse.storage.errors import Conflict, Missing, StorageError
from posthouse.storage.mailbox import Mailbox
from posthouse.storage.postgresql.engine import PostgresStore
from posthouse.storage.postgresql.tx import Row, Tx
from posthouse.storage.sql import statements as sql

MOVED: Final = ("account", "mailbox", "subscription", "letter", "message", "change", "delivered", "thread")
"""Parents before children; the counters come last, and with them the account is there."""
AT_ONCE: Final = 40

FREEZE = "UPDATE tally SET quota = -quota - 1 WHERE account_id = $1 AND quota >= 0"
UNFREEZE = "UPDATE tally SET quota = -quota - 1 WHERE account_id = $1 AND quota < 0"
THAW = "UPDATE tally SET quota = 0 WHERE account_id = $1 AND quota < 0"
COUNTERS = "SELECT modseq, used, quota, mailboxes, uidvalidity FROM tally WHERE account_id = $1"
SETTLE = """INSERT INTO tally (account_id, modseq, used, quota, mailboxes, uidvalidity) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (account_id) DO UPDATE SET modseq = excluded.modseq, used = excluded.used, quota = excluded.quota,
    mailboxes = excluded.mailboxes, uidvalidity = excluded.uidvalidity"""
CONTENTS = """SELECT DISTINCT b.hash, b.size FROM message m JOIN letter l ON l.letter_no = m.letter_no
    JOIN blob b ON b.blob_no = l.blob_no WHERE m.account_id = $1 ORDER BY b.hash"""
LISTED = {
    "letter": "SELECT DISTINCT letter_no FROM message WHERE account_id = $1 ORDER BY letter_no",
    "delivered": "SELECT delivery FROM delivered WHERE account_id = $1 ORDER BY delivery",
}
"""First columns of the keys of what has no index by account. Letters are found by the messages, which lie together;
what was delivered in the last fortnight by one look at all of the cell's: 2.6 million rows a second with two processes.
An index would cost each delivery 70 to 160 octets more of the log, a move is a thousand times as seldom."""
HASHES = "SELECT blob_no, hash FROM blob WHERE blob_no = ANY($1::bigint[])"
NUMBERS = "SELECT hash, blob_no FROM blob WHERE hash = ANY($1::bytea[]) FOR KEY SHARE"


class Cells(Protocol):
    """The cells that are open here, and the map of them."""

    @property
    def places(self) -> Places: ...

    def store(self, cell: int) -> PostgresStore: ...

    async def refresh(self) -> None: ...


async def move(cells: Cells, account: AccountId, target: int, ids: Ids) -> int:
    """``account`` with all its mail to the cell ``target``; how many rows. An interrupted move is begun again."""
    place = cells.places.of(account)
    source = place.cell if place.source is None else place.source
    if target not in cells.places.cells:
        raise Missing(f"cell {target}")
    if place.source is not None and place.cell != target:
        raise Conflict(f"account {account} is on its way to cell {place.cell}: finish that first")
    if source == target:
        return 0
    here, there = cells.store(source), cells.store(target)
    await cells.places.put(account, Place(target, source))
    if not await here.units.write(lambda tx: _freeze(tx, account)):
        raise Missing(f"account {account} in cell {source}")
    rows = await _copy(here, there, account, cells.places.transit(target), ids)
    await there.units.write(lambda tx: _settle(tx, here, account))
    await cells.places.put(account, Place(target))
    await here.units.write(lambda tx: _clear(tx, account))
    await cells.refresh()
    return rows


async def _freeze(tx: Tx, account: AccountId) -> bool:
    tx.finds_done = not await tx.run(FREEZE, account)
    tx.changed.add(account)
    return await tx.row(COUNTERS, account) is not None


async def _settle(tx: Tx, here: PostgresStore, account: AccountId) -> None:
    counters = await here.units.read(lambda other: other.row(COUNTERS, account))
    if counters is None:
        raise Missing(f"account {account}")
    modseq, used, quota, mailboxes, uidvalidity = counters
    await tx.run(SETTLE, account, modseq, used, -quota - 1, mailboxes, uidvalidity)


async def stay(cells: Cells, account: AccountId) -> None:
    """A new account, whose move failed before it was there, stays at home: nobody has seen it elsewhere."""
    await cells.store(HOME).units.write(lambda tx: tx.run(UNFREEZE, account))
    await cells.places.forget(account)


async def thaw(home: PostgresStore, account: AccountId) -> None:
    """What is left at home of an account that lived elsewhere may be removed."""
    await home.units.write(lambda tx: tx.run(THAW, account))


async def _clear(tx: Tx, account: AccountId) -> None:
    """All but the row and the counters, which send people away."""
    await tx.run(sql.ACCOUNT_BLOBS_MAY_BE_ORPHANS, account)
    for statement in sql.REMOVE_ACCOUNT[:-2]:
        await tx.run(statement, account)


# -- rows and contents


async def _copy(here: PostgresStore, there: PostgresStore, account: AccountId, transit: AccountId, ids: Ids) -> int:
    """Contents first, held by a mailbox of the transit account until the letters that need them are there."""
    held = await _make_holder(there, transit, f"moving/{account}")
    await _bring_contents(here, there, account, transit, held, ids)
    rows = 0
    tables = {table.name: table for table in TABLES}
    for name in MOVED:
        pages = _listed if name in LISTED else _pages
        async for page in pages(here, tables[name], account):
            await there.units.write(lambda tx, table=tables[name], page=page: _put(tx, here, table, page))  # type: ignore[misc]  # defaults bind the loop's values
            rows += len(page)
    await there.delete_mailbox(transit, held.mailbox)
    return rows


async def _make_holder(there: PostgresStore, transit: AccountId, name: str) -> Mailbox:
    for one in await there.mailboxes(transit):
        if one.name == name:  # of a move that was interrupted
            await there.delete_mailbox(transit, one.mailbox)
    return await there.create_mailbox(transit, name)


async def _bring_contents(
    here: PostgresStore, there: PostgresStore, account: AccountId, transit: AccountId, held: Mailbox, ids: Ids
) -> None:
    contents = await here.units.read(lambda tx: tx.rows(CONTENTS, account))

    async def bring(name: bytes, size: int) -> None:
        blob = Blob(BlobId(name.hex()), size)
        filing = Filing(transit, held.mailbox, b"", obey_quota=False)
        await accept_content(here, there, blob, TraceId(f"#move>{ids.token(12)}"), filing, 0)

    for start in range(0, len(contents), AT_ONCE):
        await asyncio.gather(*(bring(bytes(name), size) for name, size in contents[start : start + AT_ONCE]))


async def _pages(here: PostgresStore, table: Table, account: AccountId) -> AsyncIterator[list[Row]]:
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    after: Sequence[Any] | None = None
    while True:
        places = ", ".join(f"${number}" for number in range(2, len(table.key) + 2))
        behind = f"AND ({key}) > ({places})" if after is not None else ""
        statement = (
            f"SELECT {columns} FROM {table.name} WHERE account_id = $1 {behind} ORDER BY {key} LIMIT {table.at_once}"  # noqa: S608  our names
        )
        rows = await here.units.read(partial(_rows, statement=statement, arguments=(account, *(after or ()))))
        if not rows:
            return
        after = rows[-1][: len(table.key)]
        yield rows


async def _listed(here: PostgresStore, table: Table, account: AccountId) -> AsyncIterator[list[Row]]:
    """The same by a list of keys, made once."""
    keys = [row[0] for row in await here.units.read(lambda tx: tx.rows(LISTED[table.name], account))]
    columns = ", ".join(table.columns)
    statement = f"SELECT {columns} FROM {table.name} WHERE {table.key[0]} = ANY($1) AND account_id = $2 ORDER BY 1"  # noqa: S608  our names
    for start in range(0, len(keys), table.at_once):
        some = keys[start : start + table.at_once]
        yield await here.units.read(partial(_rows, statement=statement, arguments=(some, account)))


async def _rows(tx: Tx, statement: str, arguments: Sequence[Any]) -> list[Row]:
    return [tuple(row) for row in await tx.rows(statement, *arguments)]


async def _put(tx: Tx, here: PostgresStore, table: Table, rows: Sequence[Row]) -> None:
    if table.name == "letter":
        rows = await _with_contents_there(tx, here, table, rows)
    names = ", ".join(f"${number}" for number in range(1, len(table.columns) + 1))
    statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({names}) ON CONFLICT DO NOTHING"  # noqa: S608  our names
    for row in rows:
        await tx.run(statement, *row)


async def _with_contents_there(tx: Tx, here: PostgresStore, table: Table, rows: Sequence[Row]) -> list[Row]:
    """The same letters, with the numbers that their contents have in the other cell."""
    place = table.columns.index("blob_no")
    ours = await here.units.read(lambda other: other.rows(HASHES, [row[place] for row in rows]))
    theirs = {bytes(name): number for name, number in await tx.rows(NUMBERS, [name for _, name in ours])}
    numbers = {number: theirs.get(bytes(name)) for number, name in ours}
    if None in numbers.values():
        raise StorageError("content went away while its account moved: begin the move again")
    return [(*row[:place], numbers[row[place]], *row[place + 1 :]) for row in rows]
