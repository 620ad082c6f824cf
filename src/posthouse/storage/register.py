"""What must be looked up at once and is too much to hold in memory: octets by name or by number, in a file of ours.

The file belongs to this process and has no name, so nothing of it outlives the
process and nothing in it needs to be safe: what it holds is a copy. A look
that finds its pages in the kernel's cache costs about 8 microseconds.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from posthouse.storage.errors import StorageError

CACHE_KIB = 4096
FILLING_KIB = 32768

_TABLE = "CREATE TABLE entry (place INTEGER PRIMARY KEY, name TEXT NOT NULL, number INTEGER, mark INTEGER, octets BLOB)"
_INDEXES = (
    "CREATE INDEX entry_name ON entry (name)",
    "CREATE UNIQUE INDEX entry_number ON entry (number) WHERE number IS NOT NULL",
    "CREATE INDEX entry_mark ON entry (mark, number) WHERE mark > 0",
)


class RegisterFull(StorageError):
    """There is no room for it on its disk: what was in it before still is, and another one may be made in memory."""


class Entry(NamedTuple):
    """``number`` None: it is known by its name alone. ``mark`` above 0: it is among the few that are asked for all."""

    name: str
    number: int | None
    octets: bytes
    mark: int = 0


class Register:
    """Entries. Without ``path`` they are in memory. First filled, then ``seal``ed, then asked and changed."""

    def __init__(self, path: Path | None = None) -> None:
        """In memory also where ``path`` cannot be made."""
        self._path = path
        try:
            self._open(path)
        except (apsw.Error, OSError):
            if path is None:
                raise
            self._open(None)

    def _open(self, path: Path | None) -> None:
        if path is not None:
            path.unlink(missing_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            self._database = apsw.Connection(":memory:" if path is None else str(path))
            # A change that fails must leave what was there: without a journal it would be left half done.
            for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "locking_mode = EXCLUSIVE",
                           "temp_store = MEMORY", f"cache_size = -{FILLING_KIB}"):  # fmt: skip
                self._database.execute(f"PRAGMA {pragma}").fetchall()
            self._execute = self._database.cursor().execute
            self._execute(_TABLE)
        finally:
            if path is not None:
                with suppress(OSError):
                    path.unlink()

    @contextmanager
    def _written(self) -> Iterator[None]:
        """All or nothing. Raises ``RegisterFull``."""
        try:
            with self._database:
                yield
        except (apsw.FullError, apsw.IOError) as error:
            raise RegisterFull(f"the register of the directory: {error}") from error

    def fresh(self) -> "Register":
        """An empty one, to be filled while this one still answers."""
        return Register(self._path)

    def seal(self) -> None:
        """All is in: from now on it can be found. An index of what is there is made faster than one that grows."""
        with self._written():
            for statement in _INDEXES:
                self._execute(statement)
        self._execute(f"PRAGMA cache_size = -{CACHE_KIB}; PRAGMA shrink_memory").fetchall()

    def fill(self, entries: Iterable[Entry]) -> None:
        with self._written():
            self._add(entries)

    def _add(self, entries: Iterable[Entry]) -> None:
        self._database.executemany("INSERT INTO entry (name, number, octets, mark) VALUES (?, ?, ?, ?)", entries)

    def change(self, entries: Sequence[Entry], numbers: Iterable[int] = (), names: Iterable[str] = ()) -> None:
        """``entries`` replace those of their number, or of their name; ``numbers`` and ``names`` go."""
        gone = [*numbers, *(one.number for one in entries if one.number is not None)]
        nameless = [*names, *(one.name for one in entries if one.number is None)]
        with self._written():
            self._database.executemany("DELETE FROM entry WHERE number = ?", [(number,) for number in gone])
            self._database.executemany(
                "DELETE FROM entry WHERE name = ? AND number IS NULL", [(name,) for name in nameless]
            )
            self._add(entries)

    def named(self, name: str) -> bytes | None:
        """One with a number comes before one without."""
        return self._first("SELECT octets FROM entry WHERE name = ? ORDER BY number DESC LIMIT 1", name)

    def numbered(self, number: int) -> bytes | None:
        return self._first("SELECT octets FROM entry WHERE number = ?", number)

    def _first(self, question: str, key: str | int) -> bytes | None:
        rows: list[tuple[Any, ...]] = self._execute(question, (key,)).fetchall()
        return rows[0][0] if rows else None

    def marked(self) -> list[bytes]:
        """By number."""
        rows: list[tuple[Any, ...]] = self._execute(
            "SELECT octets FROM entry WHERE mark > 0 ORDER BY mark, number"
        ).fetchall()
        return [row[0] for row in rows]

    def close(self) -> None:
        self._database.close()
