"""Reading: one hop to a small pool of threads for each unit, each thread with a connection of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from posthouse.storage.errors import StorageError
from posthouse.storage.sqlite.connection import open_reader

T = TypeVar("T")

THREADS = 3


class Snapshot:
    """The database at one instant."""

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, arguments).fetchall()

    def row(self, statement: str, *arguments: object) -> tuple[Any, ...] | None:
        rows = self.rows(statement, *arguments)
        return rows[0] if rows else None

    def gather(self, packed: str, decoder: msgspec.json.Decoder[list[T]], *arguments: object) -> list[T]:
        """Many rows in one step: ``packed`` is ``pack`` of a statement, ``decoder`` knows the shape of a row.

        Each step of a statement lets go of the interpreter lock, and a busy
        loop gives it back only after 5 ms; so a mailbox is read in one step.
        """
        return decoder.decode(self.rows(packed, *arguments)[0][0])


def pack(statement: str, columns: int, *, octets: frozenset[int] = frozenset()) -> str:
    """``statement`` as one JSON array of arrays; the columns whose index is in ``octets`` come in hexadecimal."""
    names = [f"c{index}" for index in range(columns)]
    packed = ", ".join(f"hex({name})" if index in octets else name for index, name in enumerate(names))
    return (
        f"WITH packed({', '.join(names)}) AS ({statement}) "  # noqa: S608  our own statement
        f"SELECT json_group_array(json_array({packed})) FROM packed"
    )


class Readers:
    """The pool."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._connections: list[apsw.Connection] = []
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="posthouse-read")

    async def read(self, unit: Callable[[Snapshot], T]) -> T:
        """What ``unit`` makes of one consistent snapshot."""
        try:
            answer = asyncio.get_running_loop().run_in_executor(self._pool, self._run, unit)
        except RuntimeError as error:  # the pool takes no more work
            raise StorageError("the store is closed") from error
        try:
            return await answer
        except apsw.Error as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error

    def _run(self, unit: Callable[[Snapshot], T]) -> T:
        connection = self._connection()
        connection.execute("BEGIN")
        try:
            return unit(Snapshot(connection))
        finally:
            connection.execute("COMMIT")

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_reader(self._path)
            self._connections.append(connection)
        return connection

    def close(self) -> None:
        self._pool.shutdown()
        for connection in self._connections:
            connection.close()
