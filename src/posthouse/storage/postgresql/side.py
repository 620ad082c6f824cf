"""The distributed engine as a side of a copy: no node serves it."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

from posthouse.observe.ports import Journal
from posthouse.storage.copy import NUMBERED, PROGRESS, Content, Row, Table
from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.address import parse_engine
from posthouse.storage.postgresql.blobs import ADD_PIECE, PIECE_OCTETS
from posthouse.storage.postgresql.connecting import connect
from posthouse.storage.postgresql.directory import EPOCH
from posthouse.storage.postgresql.migrate import migrate
from posthouse.storage.postgresql.nodes import DEAD_MILLISECONDS, read_nodes
from posthouse.storage.postgresql.numbers import FIRST, Numbers
from posthouse.storage.postgresql.pool import Pool
from posthouse.storage.postgresql.text import keep_text, plain_text
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql import statements as sql

PUT_EPOCH_AWAY = "DELETE FROM thing WHERE name = 'directory.epoch' AND value = '0'"
NO_EPOCH = (EPOCH, b"0")
"""What a new database has, and a new house of the embedded engine has not."""
RAISE_NUMBERS = """INSERT INTO counter (name, value) VALUES ('number', $1)
    ON CONFLICT (name) DO UPDATE SET value = greatest(counter.value, excluded.value)"""


async def open_side(engine: str, *, at: int, journal: Journal) -> "PostgresSide":
    """Raises ``StorageError``: it cannot be reached, a node serves it, or its schema is newer than ours."""
    address = parse_engine(engine)
    await (await connect(address)).close()  # what is wrong is told at once
    units = Units(Pool(partial(connect, address), 1), Numbers(_no_block), node="copy", journal=journal)
    await migrate(units, at)
    alive = [node.name for node in await units.read(read_nodes) if node.seen > at - DEAD_MILLISECONDS]
    if alive:
        await units.close()
        raise StorageError(
            f"{address.shown} is served by {', '.join(alive)}: stop them, and wait a minute if they died"
        )
    return PostgresSide(units)


async def _no_block(_size: int) -> int:
    raise StorageError("a copy brings its numbers along")


class PostgresSide:
    """Implements ``copy.Side``; made by ``open_side``."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._types: dict[str, list[str]] = {}

    async def page(self, table: Table, after: Row | None) -> list[Row]:
        columns, key = ", ".join(table.columns), ", ".join(table.key)
        places = ", ".join(f"${number}" for number in range(1, len(table.key) + 1))
        behind = f"WHERE ({key}) > ({places})" if after is not None else ""
        statement = f"SELECT {columns} FROM {table.name} {behind} ORDER BY {key} LIMIT {table.at_once}"  # noqa: S608  our names
        rows = await self._units.read(lambda tx: tx.rows(statement, *map(_kept, after or ())))
        return [tuple(map(_plain, row)) for row in rows if tuple(row) != NO_EPOCH]

    async def content(self, number: int, name: bytes) -> AsyncIterator[bytes] | None:
        del name
        if await self._units.read(lambda tx: tx.row(sql.BODY_OF, number)) is not None:
            return None
        return self._read(number)

    async def _read(self, number: int) -> AsyncIterator[bytes]:
        statement, start = "SELECT octets FROM piece WHERE blob_no = $1 AND start = $2", 0
        while row := await self._units.read(lambda tx, at=start: tx.row(statement, number, at)):  # type: ignore[misc]  # a default binds the loop's value
            yield row[0]
            start += len(row[0])

    async def put(self, table: Table, rows: Sequence[Row], contents: Callable[[Row], Content], progress: bytes) -> None:
        types = await self._types_of(table)
        names = [f"${number}::{kind}[]" for number, kind in enumerate(types, 1)]
        statement = (
            f"INSERT INTO {table.name} ({', '.join(table.columns)}) SELECT * FROM unnest({', '.join(names)}) "  # noqa: S608  our names
            "ON CONFLICT DO NOTHING"
        )
        arguments = [list(map(_kept, column)) for column in zip(*rows, strict=True)]

        async def unit(tx: Tx) -> None:
            await tx.run(PUT_EPOCH_AWAY)  # a new database has one
            await tx.run(statement, *arguments)
            if table.name == "blob":
                for row in rows:
                    if row[3] is None:
                        await _keep_pieces(tx, row[0], await contents(row))
            await tx.run(sql.PUT_THING, PROGRESS, progress)

        await self._units.write(unit)

    async def _types_of(self, table: Table) -> list[str]:
        """``bigint``, ``text`` or ``bytea``, for each column."""
        if table.name not in self._types:
            question = """SELECT column_name, data_type FROM information_schema.columns
                WHERE table_schema = current_schema() AND table_name = $1"""
            kinds = {row[0]: row[1] for row in await self._units.read(lambda tx: tx.rows(question, table.name))}
            self._types[table.name] = [kinds[column] for column in table.columns]
        return self._types[table.name]

    async def read_progress(self) -> bytes | None:
        row = await self._units.read(lambda tx: tx.row(sql.GET_THING, PROGRESS))
        return None if row is None else row[0]

    async def is_empty(self) -> bool:
        question = "SELECT 1 FROM domain UNION ALL SELECT 1 FROM ledger LIMIT 1"
        return await self._units.read(lambda tx: tx.row(question)) is None

    async def finish(self) -> None:
        async def unit(tx: Tx) -> None:
            highest = FIRST
            for table, column in NUMBERED.items():
                row = await tx.row(f"SELECT coalesce(max({column}), 0) FROM {table}")  # noqa: S608  our names
                highest = max(highest, row[0] + 1 if row else 0)
            made = await tx.row(sql.GET_THING, sql.ACCOUNTS_MADE)
            await tx.run(RAISE_NUMBERS, highest if made is None else max(highest, int(made[0]) + 1))
            await tx.run("DELETE FROM thing WHERE name = $1", PROGRESS)

        await self._units.write(unit)

    async def close(self) -> None:
        await self._units.close()


async def _keep_pieces(tx: Tx, number: int, pieces: AsyncIterator[bytes] | None) -> None:
    """Content in pieces of the size that reading expects, however it comes."""
    if pieces is None:
        return
    await tx.run("DELETE FROM piece WHERE blob_no = $1", number)
    waiting, start = b"", 0
    async for octets in pieces:
        waiting += octets
        while len(waiting) >= PIECE_OCTETS:
            await tx.run(ADD_PIECE, number, start, waiting[:PIECE_OCTETS])
            start, waiting = start + PIECE_OCTETS, waiting[PIECE_OCTETS:]
    if waiting:
        await tx.run(ADD_PIECE, number, start, waiting)


def _kept(value: Any) -> Any:
    return keep_text(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    return plain_text(value) if isinstance(value, str) else value
