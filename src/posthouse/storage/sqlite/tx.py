"""One open transaction as a unit of work sees it: statements, counters, numbers, and who should be told."""

from typing import Any

import apsw

from posthouse.mail.ids import AccountId
from posthouse.storage.errors import Missing
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.counters import Box, Tally
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sqlite import late

Row = tuple[Any, ...]

_rendered = SQLITE.render

READ_TALLY = _rendered(sql.READ_TALLY)
WRITE_TALLY = _rendered(sql.WRITE_TALLY)
READ_MAILBOX_COUNTERS = _rendered(sql.READ_MAILBOX_COUNTERS)
READ_ROLE_COUNTERS = _rendered(sql.READ_ROLE_COUNTERS)
WRITE_MAILBOX_COUNTERS = _rendered(sql.WRITE_MAILBOX_COUNTERS)
"""Each names the columns in the order of ``Box``."""

MAX_CACHED = 10_000
"""Accounts whose counters stay in memory, about 800 octets each."""


class Counters:
    """Of one account: ``changed`` are the mailboxes whose rows do not say what is true."""

    __slots__ = ("account", "boxes", "changed", "roles", "tally")

    def __init__(self, account: int, tally: Tally) -> None:
        self.account = account
        self.tally = tally
        self.boxes: dict[int, Box] = {}
        self.roles: dict[str, Box] = {}
        self.changed: dict[int, Box] = {}

    def add(self, box: Box) -> Box:
        self.boxes[box.mailbox] = box
        if box.role is not None:
            self.roles.setdefault(box.role, box)
        return box

    def count(self, box: Box, uid: int, modseq: int, flags: str, octets: int) -> None:
        """A message that the rows do not count yet."""
        self.tally.modseq = max(self.tally.modseq, modseq)
        self.tally.used += octets
        box.uidnext = uid
        box.add(flags, octets, modseq)
        box.late += 1
        self.changed[box.mailbox] = box


class Tx:
    """The writer's connection, shared by the units of a batch.

    UIDs, mod-sequences and quota are counted in memory and written at most
    once a batch (``flush``): this process is the only writer, and the counters
    are forgotten whenever a transaction is rolled back, so they are what the
    database will say once the batch has committed. Deliveries may be counted
    later (``storage.sqlite.late``).
    """

    __slots__ = ("_connection", "_cursor", "_due", "_known", "changed", "changes", "directory_changed", "execute",
                 "numbers")  # fmt: skip

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.execute = self._cursor.execute
        self.changes = connection.changes
        self.changed: set[AccountId] = set()
        self.directory_changed = False
        self.numbers: dict[str, int] = {}
        self._known: dict[int, Counters] = {}
        self._due: dict[int, Counters] = {}
        """Those whose rows will be written."""

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

    def counters(self, account: int) -> Counters:
        """The counters of an account, to be looked at; ``Missing`` if it is not there."""
        known = self._known.get(account)
        if known is None:
            rows = self.rows(late.COUNTERS, account)
            beside = rows[0][late.TALLY] if rows else (None,)
            tally = self.row(READ_TALLY, account) if beside[0] is None else beside
            if tally is None:
                raise Missing(f"account {account}")
            known = self._known[account] = Counters(account, Tally(*tally))
            for row in rows:
                box = known.boxes.get(row[0]) or known.add(Box(*row[late.BOX]))
                if row[9] is not None:
                    known.count(box, *row[late.MESSAGE])
        return known

    def find_box(self, counters: Counters, mailbox: int) -> Box:
        """The counters of a mailbox, to be looked at; ``Missing`` if it is not there."""
        box = counters.boxes.get(mailbox)
        if box is None:
            row = self.row(READ_MAILBOX_COUNTERS, counters.account, mailbox)
            if row is None:
                raise Missing(f"mailbox {mailbox}")
            box = counters.boxes[mailbox] = Box(*row)
        return box

    def find_role(self, counters: Counters, role: str) -> Box | None:
        """The counters of the mailbox with a role, to be looked at."""
        box = counters.roles.get(role)
        if box is None:
            row = self.row(READ_ROLE_COUNTERS, counters.account, role)
            if row is None:
                return None
            box = counters.roles[role] = self.find_box(counters, row[0])
        return box

    def note_born(self, counters: Counters, box: Box) -> None:
        """A message was born in ``box``, and nothing else was done: the rows may say it later."""
        box.late += 1
        counters.changed[box.mailbox] = box
        if box.late >= late.MOST or box.role not in late.ROLES:
            self._due[counters.account] = counters

    def tally(self, account: int) -> Tally:
        """The counters of an account, about to be changed; ``Missing`` if it is not there."""
        counters = self._due[account] = self.counters(account)
        return counters.tally

    def box(self, account: int, mailbox: int) -> Box:
        """The counters of a mailbox, about to be changed; ``Missing`` if it is not there."""
        counters = self.counters(account)
        box = counters.changed[mailbox] = self.find_box(counters, mailbox)
        self._due[account] = counters
        return box

    def flush(self) -> None:
        """Write what is due: the last statements before the commit."""
        for account, counters in self._due.items():
            tally = counters.tally
            told = (account, tally.modseq, tally.used, tally.quota, tally.mailboxes, tally.uidvalidity)
            self.execute(WRITE_TALLY, told)
            self.execute(late.WRITE_BESIDE, told)
            for mailbox, box in counters.changed.items():
                self.execute(
                    WRITE_MAILBOX_COUNTERS,
                    (account, mailbox, box.uidnext, box.modseq, box.messages, box.unseen, box.size, box.deleted),
                )
                box.late = 0
            counters.changed.clear()
        self._due.clear()
        if len(self._known) > MAX_CACHED:
            self.forget()

    def forget(self) -> None:
        """What is in memory may not be what the database says: read it again when it is needed."""
        self._known.clear()
        self._due.clear()

    def undo(self) -> None:
        """After a rollback: nothing that was counted or told is true."""
        self.forget()
        self.changed.clear()
        self.directory_changed = False
