"""The embedded engine as a side of a copy: no server has it open."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import apsw

from posthouse.lib.ports import Ids
from posthouse.storage.copy import PROGRESS, Content, Row, Table
from posthouse.storage.errors import Missing
from posthouse.storage.sqlite.blobs import BlobFiles
from posthouse.storage.sqlite.engine import lock_directory, open_database
from posthouse.storage.sqlite.faults import NoFaults
from posthouse.storage.sqlite.late import LATE_ACCOUNTS
from posthouse.storage.sqlite.tx import Tx

READ_OCTETS = 1024 * 1024
ACCOUNTS_AT_ONCE = 1000
MARK = "INSERT INTO thing (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


async def open_side(path: Path, *, ids: Ids, at: int) -> "SqliteSide":
    """Raises ``StorageError``: a server has it open, or its schema is newer than ours."""
    lock = await asyncio.to_thread(lock_directory, path)
    try:
        connection = await asyncio.to_thread(open_database, path / "posthouse.db", at, NoFaults())
        await asyncio.to_thread(count_late, connection)
        files = BlobFiles(path / "blobs", ids=ids, faults=NoFaults())
        await asyncio.to_thread(files.prepare)
    except BaseException:
        os.close(lock)
        raise
    return SqliteSide(connection, files, lock)


def count_late(connection: apsw.Connection) -> None:
    """Rows say themselves what is true: other engines count nothing late."""
    tx = Tx(connection)
    late = tx.rows(LATE_ACCOUNTS)
    for start in range(0, len(late), ACCOUNTS_AT_ONCE):
        tx.execute("BEGIN IMMEDIATE")
        for (account,) in late[start : start + ACCOUNTS_AT_ONCE]:
            tx.tally(account)
        tx.flush()
        tx.execute("COMMIT")


class SqliteSide:
    """Implements ``copy.Side``; made by ``open_side``."""

    def __init__(self, connection: apsw.Connection, files: BlobFiles, lock: int) -> None:
        self._connection = connection
        self._files = files
        self._lock = lock

    async def page(self, table: Table, after: Row | None) -> list[Row]:
        columns, key = ", ".join(table.columns), ", ".join(table.key)
        behind = f"WHERE ({key}) > ({', '.join('?' * len(table.key))})" if after is not None else ""
        statement = f"SELECT {columns} FROM {table.name} {behind} ORDER BY {key} LIMIT {table.at_once}"  # noqa: S608  our names
        return await asyncio.to_thread(lambda: self._connection.execute(statement, after or ()).fetchall())

    async def content(self, number: int, name: bytes) -> AsyncIterator[bytes] | None:
        if self._connection.execute("SELECT 1 FROM body WHERE blob_no = ?1", (number,)).fetchall():
            return None
        return self._read(name.hex())

    async def _read(self, blob: str) -> AsyncIterator[bytes]:
        try:
            file = await asyncio.to_thread(self._files.path(blob).open, "rb")
        except FileNotFoundError:
            raise Missing(f"blob {blob}: its file") from None
        with file:
            while octets := await asyncio.to_thread(file.read, READ_OCTETS):
                yield octets

    async def put(self, table: Table, rows: Sequence[Row], contents: Callable[[Row], Content], progress: bytes) -> None:
        if table.name == "blob":
            for row in rows:
                if row[3] is None:
                    await self._keep_file(row, await contents(row))
        await asyncio.to_thread(self._put, table, rows, progress)

    async def _keep_file(self, row: Row, pieces: AsyncIterator[bytes] | None) -> None:
        """Files first, as when they came in; then the row may name them."""
        if pieces is None:
            return
        temporary = self._files.temporary()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            async for octets in pieces:
                await asyncio.to_thread(file.write, octets)
            await asyncio.to_thread(file.flush)
            await asyncio.to_thread(partial(self._files.keep, file.fileno(), temporary, row[1].hex()))

    def _put(self, table: Table, rows: Sequence[Row], progress: bytes) -> None:
        places = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608  our names
        with self._connection:
            self._connection.executemany(statement, rows)
            self._connection.execute(MARK, (PROGRESS, progress))

    async def read_progress(self) -> bytes | None:
        rows: list[Row] = self._connection.execute("SELECT value FROM thing WHERE name = ?1", (PROGRESS,)).fetchall()
        return bytes(rows[0][0]) if rows else None

    async def is_empty(self) -> bool:
        return not self._connection.execute("SELECT 1 FROM domain UNION ALL SELECT 1 FROM ledger LIMIT 1").fetchall()

    async def finish(self) -> None:
        self._connection.execute("DELETE FROM thing WHERE name = ?1", (PROGRESS,))

    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)
        self._files.close()
        os.close(self._lock)
