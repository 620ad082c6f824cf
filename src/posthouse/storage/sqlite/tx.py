"""One open transaction as a unit of work sees it: statements, counters, numbers, and who should be told."""

from typing import Any

import apsw

from posthouse.mail.ids import AccountId
from posthouse.storage.errors import Missing
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.counters import Box, Tally
from posthouse.storage.sql.dialect import SQLITE

Row = tuple[Any, ...]

_rendered = SQLITE.render

READ_TALLY = _rendered(sql.READ_TALLY)
WRITE_TALLY = _rendered(sql.WRITE_TALLY)
READ_MAILBOX_COUNTERS = _rendered(sql.READ_MAILBOX_COUNTERS)
READ_ROLE_COUNTERS = _rendered(sql.READ_ROLE_COUNTERS)
WRITE_MAILBOX_COUNTERS = _rendered(sql.WRITE_MAILBOX_COUNTERS)
"""Each names the columns in the order of ``Box``."""

MAX_CACHED = 20_000
"""Accounts and mailboxes whose counters stay in memory, about 200 octets each."""


class Tx:
    """The writer's connection, shared by the units of a batch.

    UIDs, mod-sequences and quota are counted in memory and written once a
    batch (``flush``): this process is the only writer, and the counters are
    forgotten whenever a transaction is rolled back, so they are what the
    database will say once the batch has committed.
    """

    __slots__ = ("_boxes", "_connection", "_cursor", "_dirty_boxes", "_dirty_tallies", "_roles", "_tallies",
                 "changed", "changes", "directory_changed", "execute", "numbers")  # fmt: skip

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.execute = self._cursor.execute
        self.changes = connection.changes
        self.changed: set[AccountId] = set()
        self.directory_changed = False
        self.numbers: dict[str, int] = {}
        self._tallies: dict[int, Tally] = {}
        self._boxes: dict[tuple[int, int], Box] = {}
        self._roles: dict[tuple[int, str], Box] = {}
        self._dirty_tallies: dict[int, Tally] = {}
        self._dirty_boxes: dict[tuple[int, int], Box] = {}

    def rows(self, statement: str, *arguments: object) -> list[Row]:
        return self.execute(statement, arguments).fetchall()

    def row(self, statement: str, *arguments: object) -> Row | None:
        rows = self.rows(statement, *arguments)
        return rows[0] if rows else None

    def run(self, statement: str, *arguments: object) -> int:
        """How many rows it changed."""
        self.execute(statement, arguments)
        return self.changes()

    def number(self, table: str, column: str) -> int:
        """The next number of a table; it ascends and is not used again while the process lives, rolled back or not."""
        last = self.numbers.get(table)
        if last is None:
            last = int(self.rows(f"SELECT coalesce(max({column}), 0) FROM {table}")[0][0])  # noqa: S608 our names
        self.numbers[table] = last + 1
        return last + 1

    def tally(self, account: int) -> Tally:
        """The counters of an account, about to be changed; ``Missing`` if it is not there."""
        tally = self._tallies.get(account)
        if tally is None:
            row = self.row(READ_TALLY, account)
            if row is None:
                raise Missing(f"account {account}")
            tally = self._tallies[account] = Tally(*row)
        self._dirty_tallies[account] = tally
        return tally

    def box(self, account: int, mailbox: int) -> Box:
        """The counters of a mailbox, about to be changed; ``Missing`` if it is not there."""
        box = self._boxes.get((account, mailbox))
        if box is None:
            row = self.row(READ_MAILBOX_COUNTERS, account, mailbox)
            if row is None:
                raise Missing(f"mailbox {mailbox}")
            box = self._boxes[account, mailbox] = Box(*row)
        self._dirty_boxes[account, mailbox] = box
        return box

    def role(self, account: int, role: str) -> Box | None:
        """The counters of the mailbox with a role, about to be changed."""
        box = self._roles.get((account, role))
        if box is None:
            row = self.row(READ_ROLE_COUNTERS, account, role)
            if row is None:
                return None
            box = self._roles[account, role] = self.box(account, row[0])
        self._dirty_boxes[account, box.mailbox] = box
        return box

    def flush(self) -> None:
        """Write the counters: the last statements before the commit."""
        for account, tally in self._dirty_tallies.items():
            self.execute(
                WRITE_TALLY, (account, tally.modseq, tally.used, tally.quota, tally.mailboxes, tally.uidvalidity)
            )
        for (account, mailbox), box in self._dirty_boxes.items():
            self.execute(
                WRITE_MAILBOX_COUNTERS,
                (account, mailbox, box.uidnext, box.modseq, box.messages, box.unseen, box.size, box.deleted),
            )
        self._dirty_tallies.clear()
        self._dirty_boxes.clear()
        if len(self._tallies) + len(self._boxes) > MAX_CACHED:
            self.forget()

    def forget(self) -> None:
        """What is in memory may not be what the database says: read it again when it is needed."""
        self._tallies.clear()
        self._boxes.clear()
        self._roles.clear()
        self._dirty_tallies.clear()
        self._dirty_boxes.clear()

    def undo(self) -> None:
        """After a rollback: nothing that was counted or told is true."""
        self.forget()
        self.changed.clear()
        self.directory_changed = False
