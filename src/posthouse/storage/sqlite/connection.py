"""Connections to the database file, with every pragma asserted after it was set.

A peer shipped ``journal_mode=wal`` for years that "didn't actually do
anything" (THREATS.md section 0): so we look.
"""

import os
from pathlib import Path

import apsw

from posthouse.storage.errors import StorageError

APPLICATION_ID = 0x506F7374  # "Post"
OLDEST_SQLITE = (3, 51, 3)
"""Earlier releases can corrupt a database when the write-ahead log is reset (sqlite.org/wal.html, fixed 3.51.3)."""
PAGE_OCTETS = 8192
"""Holds a 4-KiB body with its row; measured in docs/adr/0004-group-commit.md."""
CACHE_KIB = 16384
"""Each commit walks the hash table of a larger cache; beyond this the kernel's page cache is cheaper."""
CHECKPOINT_PAGES = 4000
"""32 MiB of log between checkpoints: hot pages are copied home once for many changes."""

_SYNCHRONOUS = {"OFF": 0, "NORMAL": 1, "FULL": 2}


def require_sqlite(version: str) -> None:
    """Raise ``StorageError`` if ``version`` is older than the floor."""
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        raise StorageError(f"SQLite {version} is too old: {'.'.join(map(str, OLDEST_SQLITE))} or newer is needed")


def open_writer(path: Path, synchronous: str) -> apsw.Connection:
    """The one connection that writes."""
    connection = apsw.Connection(str(path), statementcachesize=200)
    _set(connection, "locking_mode", "NORMAL", "normal")
    connection.execute(f"PRAGMA page_size = {PAGE_OCTETS}")  # of a new file; an old one keeps its own
    _claim(connection, path)
    _set(connection, "journal_mode", "WAL", "wal")
    _set(connection, "synchronous", synchronous, _SYNCHRONOUS[synchronous])
    _set(connection, "foreign_keys", "ON", 1)
    _set(connection, "cache_size", str(-CACHE_KIB), -CACHE_KIB)
    _set(connection, "temp_store", "MEMORY", 2)  # savepoints copy pages; a file for that costs 300 us a message
    _set(connection, "wal_autocheckpoint", str(CHECKPOINT_PAGES), CHECKPOINT_PAGES)
    _set(connection, "trusted_schema", "OFF", 0)
    _keep_plans(connection)
    return connection


def keep_private(path: Path) -> None:
    """Ours alone, whatever the umask; what SQLite puts beside it gets the same mode (threat O01).

    An existing file is not opened: closing it would give up the locks that SQLite has on it.
    """
    if path.exists():
        path.chmod(0o600)
    else:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def open_reader(path: Path) -> apsw.Connection:
    """A connection that cannot write."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=100)
    connection.set_busy_timeout(5000)
    _set(connection, "query_only", "ON", 1)
    _set(connection, "cache_size", "-8192", -8192)
    _set(connection, "temp_store", "MEMORY", 2)
    _set(connection, "trusted_schema", "OFF", 0)
    _keep_plans(connection)
    return connection


def _set(connection: apsw.Connection, name: str, value: str, expected: object) -> None:
    connection.execute(f"PRAGMA {name} = {value}").fetchall()
    actual = connection.pragma(name)
    if actual != expected:
        raise StorageError(f"PRAGMA {name} is {actual!r} after it was set to {value}: the data would not be safe")


def _keep_plans(connection: apsw.Connection) -> None:
    """What a statement is bound to does not change its plan.

    Where SQLite may keep statistics of values (``STAT4``), it parses and plans a statement with a join or an ORDER BY
    again for each new value otherwise: 12 microseconds instead of 3, though there are no statistics.
    """
    if connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1) != 1:
        raise StorageError("this SQLite plans statements anew for each value: QPSG cannot be switched on")


def _claim(connection: apsw.Connection, path: Path) -> None:
    """Mark a new file as ours, refuse somebody else's."""
    found = connection.pragma("application_id")
    if found == APPLICATION_ID:
        return
    if found != 0 or connection.execute("SELECT count(*) FROM sqlite_schema").get:
        raise StorageError(f"{path} is a database of another program")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
