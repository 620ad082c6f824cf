"""One open transaction as a unit of work sees it: statements, counters under row locks, and who should be told.

Who changes anything of an account holds the row of its counters (``tally``)
until the commit, and locks several in ascending order: so the order of
commits is the order of UIDs and mod-sequences, and no two units wait for each
other in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from posthouse.mail.ids import AccountId
from posthouse.storage.errors import Missing, Moved
from posthouse.storage.postgresql.numbers import Numbers
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.counters import Box, Tally

Row = Sequence[Any]

LOCK_TALLIES = """SELECT account_id, modseq, used, quota, mailboxes, uidvalidity FROM tally
    WHERE account_id = ANY($1::bigint[]) ORDER BY account_id FOR UPDATE"""
READ_BOXES = """SELECT w.account_id, m.*
    FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::text[])) w(account_id, role)
    CROSS JOIN LATERAL (SELECT mailbox_id, uidvalidity, uidnext, modseq, messages, unseen, size, deleted, role
    FROM mailbox WHERE mailbox.account_id = w.account_id AND mailbox.role = w.role OFFSET 0) m
    ORDER BY w.account_id, m.mailbox_id"""
"""By key for each of ours, whatever statistics say."""
WRITE_TALLIES = """UPDATE tally SET modseq = v.modseq, used = v.used, quota = v.quota, mailboxes = v.mailboxes,
    uidvalidity = v.uidvalidity
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    v(account_id, modseq, used, quota, mailboxes, uidvalidity)
    WHERE tally.account_id = ANY(ARRAY[v.account_id])"""
"""By key here too: an equality may be asked from the other side, all of the table against each of ours; for a list of
one, which is not joined by order, an index is of use only with a key."""
WRITE_COUNTERS = f"""WITH tallies AS ({WRITE_TALLIES})
    UPDATE mailbox SET uidnext = v.uidnext, modseq = v.modseq, messages = v.messages, unseen = v.unseen,
    size = v.size, deleted = v.deleted
    FROM unnest($7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
    $14::bigint[]) v(account_id, mailbox_id, uidnext, modseq, messages, unseen, size, deleted)
    WHERE mailbox.account_id = ANY(ARRAY[v.account_id]) AND mailbox.mailbox_id = ANY(ARRAY[v.mailbox_id])"""  # noqa: S608  both are ours
COUNT_ARRIVALS = """WITH tallies AS (UPDATE tally SET modseq = tally.modseq + v.messages, used = tally.used + v.octets
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
    v(account_id, role, messages, unseen, octets) WHERE tally.account_id = ANY(ARRAY[v.account_id])
    RETURNING v.account_id, v.role, v.messages, v.unseen, v.octets,
    tally.modseq, tally.used, tally.quota, tally.mailboxes, tally.uidvalidity)
    UPDATE mailbox SET uidnext = mailbox.uidnext + t.messages, modseq = t.modseq,
    messages = mailbox.messages + t.messages, unseen = mailbox.unseen + t.unseen, size = mailbox.size + t.octets
    FROM tallies t WHERE mailbox.account_id = ANY(ARRAY[t.account_id]) AND mailbox.role = ANY(ARRAY[t.role])
    RETURNING t.account_id, t.modseq, t.used, t.quota, t.mailboxes, t.uidvalidity, mailbox.mailbox_id,
    mailbox.uidvalidity, mailbox.uidnext, mailbox.modseq, mailbox.messages, mailbox.unseen, mailbox.size,
    mailbox.deleted, mailbox.role"""
"""Locks accounts in the order of the list, and counts: half of what locking, reading and writing cost one by one."""


@dataclass(slots=True)
class Arrivals:
    """What is likely to be filed for one account: all in the mailbox with ``role``, or (empty) nobody knows where."""

    role: str
    messages: int = 0
    unseen: int = 0
    octets: int = 0

    def add(self, role: str, octets: int, *, seen: bool) -> None:
        if role != self.role or not role:
            self.role, self.messages, self.unseen, self.octets = "", 0, 0, 0
        else:
            self.messages += 1
            self.unseen += not seen
            self.octets += octets


NOT_COUNTED = (0,)


class Tx:
    """Lives as long as its transaction: what it counted is written by ``flush`` and true once that has committed."""

    __slots__ = (
        "_boxes",
        "_counted",
        "_numbers",
        "_roles",
        "_session",
        "_tallies",
        "changed",
        "epoch",
        "finds_done",
        "is_second_look",
        "leaves_due",
    )

    def __init__(self, session: Any, numbers: Numbers, *, is_second_look: bool = False) -> None:
        self._session = session
        self._numbers = numbers
        self.changed: set[AccountId] = set()
        self.epoch = 0
        """Of the directory, if this unit turned it."""
        self.finds_done = False
        """Whether it answers from what an earlier transaction has done, which may be on one server only."""
        self.leaves_due = False
        """Whether it leaves work in the queue that is due and nobody's."""
        self.is_second_look = is_second_look
        """Whether an earlier attempt of the same unit may have been committed."""
        self._tallies: dict[int, Tally] = {}
        self._boxes: dict[tuple[int, int], Box] = {}
        self._roles: dict[tuple[int, str], Box] = {}
        self._counted: dict[object, Row] = {}
        """Counters as ``count_arrivals`` has written them, of accounts and of mailboxes."""

    async def rows(self, statement: str, *arguments: object) -> list[Row]:
        return await self._session.fetch(statement, *arguments)  # type: ignore[no-any-return]  # asyncpg has no types

    async def row(self, statement: str, *arguments: object) -> Row | None:
        rows = await self.rows(statement, *arguments)
        return rows[0] if rows else None

    async def run(self, statement: str, *arguments: object) -> int:
        """How many rows it changed."""
        status: str = await self._session.execute(statement, *arguments)
        return int(status.rpartition(" ")[2])

    async def number(self) -> int:
        """A number that no node has used for anything."""
        return (await self._numbers.take(1))[0]

    async def some_numbers(self, count: int) -> range:
        return await self._numbers.take(count)

    # -- counters

    async def lock(self, accounts: Iterable[int]) -> None:
        """Hold the counters of all of ``accounts``; ``Missing`` if one is not there."""
        wanted = sorted(set(accounts) - self._tallies.keys())
        if not wanted:
            return
        for row in await self.rows(LOCK_TALLIES, wanted):
            if row[3] < 0:  # storage.cells.moving
                raise Moved(f"account {row[0]} lives in another cell, or is on its way there")
            self._tallies[row[0]] = Tally(*row[1:])
        for account in wanted:
            if account not in self._tallies:
                raise Missing(f"account {account}")

    async def count_arrivals(self, arrivals: Mapping[int, Arrivals]) -> AbstractSet[int]:
        """As ``lock``, for a unit that knows what it is going to count; whose mailboxes it has not seen.

        The counters are written now, those in memory stand where they stood before, and ``flush`` writes again what
        has not come out so: over quota, delivered before. (Who is held already was not locked in order with others.)
        """
        if self._tallies or not any(one.role for one in arrivals.values()):
            await self.lock(arrivals)
            return arrivals.keys()
        ordered = sorted((account, one.role, one.messages, one.unseen, one.octets) for account, one in arrivals.items())
        for (
            account,
            *tally,
            mailbox,
            uidvalidity,
            uidnext,
            at,
            messages,
            unseen,
            size,
            deleted,
            role,
        ) in await self.rows(COUNT_ARRIVALS, *_columns(ordered)):
            modseq, used, quota = tally[:3]
            if quota < 0:  # storage.cells.moving
                raise Moved(f"account {account} lives in another cell, or is on its way there")
            one, key, known = arrivals[account], (account, mailbox), self._roles.get((account, role))
            box = self._boxes[key] = Box(
                mailbox, uidvalidity, uidnext - one.messages, at, messages - one.messages, unseen - one.unseen,
                size - one.octets, deleted, role,
            )  # fmt: skip
            if known is None:
                self._tallies[account] = Tally(modseq - one.messages, used - one.octets, *tally[2:])
                self._counted[account] = tuple(tally)
                self._counted[key] = (uidnext, at, messages, unseen, size, deleted)
            if known is None or mailbox < known.mailbox:  # of two with one role the older one counts
                self._roles[account, role] = box
        others = arrivals.keys() - self._tallies.keys()
        await self.lock(others)
        for account in others:
            self._tallies[account].used -= arrivals[account].octets
        return others

    async def tally(self, account: int) -> Tally:
        """The counters of an account, held from now on; ``Missing`` if it is not there."""
        tally = self._tallies.get(account)
        if tally is None:
            await self.lock((account,))
            tally = self._tallies[account]
        return tally

    async def box(self, account: int, mailbox: int) -> Box:
        """The counters of a mailbox; ``Missing`` if it is not there. Its account is held."""
        box = self._boxes.get((account, mailbox))
        if box is None:
            await self.tally(account)
            row = await self.row(sql.READ_MAILBOX_COUNTERS, account, mailbox)
            if row is None:
                raise Missing(f"mailbox {mailbox}")
            box = self._boxes[account, mailbox] = Box(*row)
        return box

    async def read_roles(self, wanted: Sequence[tuple[int, str]]) -> None:
        """Look up mailboxes by role, many at once; their accounts are held."""
        unknown = [pair for pair in wanted if pair not in self._roles]
        if not unknown:
            return
        accounts, roles = [account for account, _ in unknown], [role for _, role in unknown]
        for account, *counters in await self.rows(READ_BOXES, accounts, roles):
            box = self._boxes.setdefault((account, counters[0]), Box(*counters))
            if box.role is not None:
                self._roles.setdefault((account, box.role), box)

    async def role(self, account: int, role: str) -> Box | None:
        """The counters of the mailbox with a role."""
        await self.tally(account)
        await self.read_roles(((account, role),))
        return self.known_role(account, role)

    def known_role(self, account: int, role: str) -> Box | None:
        """The same of what ``read_roles`` found."""
        return self._roles.get((account, role))

    async def flush(self) -> None:
        """Write the counters: the last statements before the commit."""
        counted = self._counted
        tallies = [
            (number, max(t.modseq, before[0]), *now[1:])
            for number, t in self._tallies.items()
            if (before := counted.get(number, NOT_COUNTED))
            != (now := (t.modseq, t.used, t.quota, t.mailboxes, t.uidvalidity))
        ]
        boxes = [
            (*key, *row)
            for key, b in self._boxes.items()
            if counted.get(key) != (row := (b.uidnext, b.modseq, b.messages, b.unseen, b.size, b.deleted))
        ]
        if boxes:  # their accounts are held
            await self.rows(WRITE_COUNTERS, *(_columns(tallies) or [[]] * 6), *_columns(boxes))
        elif tallies:
            await self.rows(WRITE_TALLIES, *_columns(tallies))

    def forget(self) -> None:
        """What was counted so far is written or of no use: read it again when it is needed."""
        self._tallies.clear()
        self._boxes.clear()
        self._roles.clear()
        self._counted.clear()


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    return list(map(list, zip(*rows, strict=True)))
