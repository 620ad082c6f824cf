"""Whether what is kept is what was kept: content by its name, which is its SHA-256, the database by its own check.

A disk may give back other octets than it took, and say nothing (threats P04,
P05). Content in the database is compared each time it is read, a file the
first time after a start; ``check`` looks at everything.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from posthouse.storage.errors import StorageError
from posthouse.storage.sqlite.connection import open_reader

MOST_REMEMBERED: Final = 4096
"""Names of files that were compared; the oldest go first."""
PIECE: Final = 1024 * 1024
MOST_TOLD: Final = 100
"""Findings about the structure of a database."""

_CONTENT = "SELECT blob_no, hash, octets FROM blob WHERE octets IS NOT NULL AND blob_no > ? ORDER BY blob_no LIMIT 200"
_FILES = """SELECT b.hash FROM blob b LEFT JOIN body o ON o.blob_no = b.blob_no
    WHERE b.octets IS NULL AND o.object IS NULL"""

_SAYS_IT_TWICE = "SELECT 1 FROM pragma_table_info('mailbox') WHERE name = 'account_modseq'"
_SAID_OTHERWISE = """SELECT t.account_id FROM tally t JOIN mailbox m ON m.account_id = t.account_id AND m.mailbox_id = 1
    WHERE (t.modseq, t.used, t.quota, t.mailboxes, t.uidvalidity)
    <> (m.account_modseq, m.account_used, m.account_quota, m.account_mailboxes, m.account_uidvalidity)"""
"""Not where nothing is said: NULL is unlike nothing."""


def sound(blob: str, octets: bytes) -> bytes:
    """The octets; raises ``StorageError`` if they are not those that were stored."""
    if hashlib.sha256(octets).hexdigest() != blob:
        raise StorageError(f"blob {blob} is damaged: the disk gave back other octets than it took")
    return octets


class Known:
    """Files whose content was compared with their name in this life of the process."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, blob: str) -> None:
        self._names[blob] = None
        while len(self._names) > MOST_REMEMBERED:
            del self._names[next(iter(self._names))]

    def compare(self, blob: str, path: Path) -> None:
        """Once. Raises ``OSError``, ``StorageError``."""
        if blob not in self._names:
            if _digest(path) != blob:
                raise StorageError(f"blob {blob} is damaged: the disk gave back other octets than it took")
            self.add(blob)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def check(directory: Path) -> Iterator[tuple[str, str]]:
    """All of an embedded engine: what is damaged, and how. A server may use it meanwhile."""
    connection: Any = open_reader(directory / "posthouse.db")  # rows are what the schema says
    try:
        for (told,) in connection.execute(f"PRAGMA integrity_check({MOST_TOLD})"):
            if told != "ok":
                yield "database", str(told)
        for child, number, parent, _ in connection.execute("PRAGMA foreign_key_check"):
            yield "database", f"row {number} of {child} names one of {parent} that is not there"
        if connection.execute(_SAYS_IT_TWICE).fetchall():  # data that this release served
            for (account,) in connection.execute(f"{_SAID_OTHERWISE} LIMIT {MOST_TOLD}").fetchall():
                yield f"account {account}", "its counters are not those beside its INBOX"
        last = -(2**63)
        while rows := connection.execute(_CONTENT, (last,)).fetchall():
            last = rows[-1][0]
            for _, name, octets in rows:
                if hashlib.sha256(octets).digest() != name:
                    yield f"blob {name.hex()}", "other octets than were stored"
        for (name,) in connection.execute(_FILES).fetchall():
            yield from _look(directory / "blobs" / name.hex()[:2] / name.hex(), name.hex())
    finally:
        connection.close()


def _look(path: Path, blob: str) -> Iterator[tuple[str, str]]:
    try:
        if _digest(path) != blob:
            yield f"blob {blob}", "other octets than were stored"
    except OSError as error:
        yield f"blob {blob}", error.strerror or str(error)
