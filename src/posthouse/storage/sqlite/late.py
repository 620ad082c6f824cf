"""Counters that may come late: a delivery is counted where it is, not in the rows of its mailbox and its account.

In a large house each message is for somebody else, and these two rows were two
pages more to write for each, of five. So a delivery into the mailboxes that
get most writes neither, until ``MOST`` have come. What is true is what the
rows say and what was born since: the messages from the row's ``uidnext`` on,
which are few, and lie together (docs/adr/0025-late-counters.md).

It holds because whatever else is done to an account (flags, removals, copies)
writes its rows in the same transaction: a message behind ``uidnext`` is as it
was born. The rows of an account are written together, or some messages would
be counted twice.

To read, too, each row has a page of its own in a large house. So the counters
of an account are written twice, in its own row, which lists and readers use,
and in that of its INBOX, which a delivery reads anyway.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from posthouse.storage.mailbox import Role

ROLES: Final = frozenset({Role.INBOX.name, Role.JUNK.name})
"""Where strangers' mail goes. All of them count towards the quota."""
MOST: Final = 16
"""So many are counted again with the row; a sixteenth of the writing is left."""

_MAY_BE = "m.role IN ('INBOX', 'JUNK')"
_BEHIND = "x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id AND x.uid >= m.uidnext"

COUNTERS: Final = f"""SELECT m.mailbox_id, m.uidvalidity, m.uidnext, m.modseq, m.messages, m.unseen, m.size, m.deleted,
    m.role, x.uid, x.modseq, x.flags, x.size,
    m.account_modseq, m.account_used, m.account_quota, m.account_mailboxes, m.account_uidvalidity
    FROM mailbox m LEFT JOIN message x ON {_BEHIND}
    WHERE m.account_id = ?1 AND +{_MAY_BE} ORDER BY m.mailbox_id, x.uid"""  # noqa: S608  all of it is ours
"""For each mailbox that may be late, and each message that it does not count: the columns of ``Box``, those of the
message, those of ``Tally``. The plus: an account's mailboxes lie on one page; an index by role would be another one."""
BOX: Final = slice(9)
MESSAGE: Final = slice(9, 13)
TALLY: Final = slice(13, 18)

WRITE_BESIDE: Final = """UPDATE mailbox SET account_modseq = ?2, account_used = ?3, account_quota = ?4,
    account_mailboxes = ?5, account_uidvalidity = ?6 WHERE account_id = ?1 AND mailbox_id = 1"""
"""With each ``WRITE_TALLY``: the first mailbox is INBOX, and who reads its counters has those of the account with them.
NULL means that this was not yet done since an upgrade or a copy: then the account's own row says it."""

LATE: Final = f"""CASE WHEN {_MAY_BE} THEN (SELECT json_array(count(*), max(uid) + 1, max(modseq), sum(size),
    sum(instr(flags, '\\Seen') = 0), sum(instr(flags, '\\Deleted') > 0)) FROM message x WHERE {_BEHIND}) END"""  # noqa: S608  all of it is ours
"""Of ``mailbox m``, for ``as_is``."""
_OF_ACCOUNT = f"FROM mailbox m CROSS JOIN message x ON {_BEHIND} WHERE m.account_id = t.account_id AND +{_MAY_BE}"
USED: Final = f"t.used + coalesce((SELECT sum(x.size) {_OF_ACCOUNT}), 0)"
"""Of ``tally t``."""
ACCOUNT_MODSEQ: Final = f"max(t.modseq, coalesce((SELECT max(x.modseq) {_OF_ACCOUNT}), 0))"

LATE_ACCOUNTS: Final = f"""SELECT DISTINCT m.account_id FROM mailbox m WHERE {_MAY_BE}
    AND EXISTS (SELECT 1 FROM message x WHERE {_BEHIND})"""  # noqa: S608  all of it is ours

_late = msgspec.json.Decoder(tuple[int, int | None, int | None, int | None, int | None, int | None])


def with_late(statement: str) -> str:
    """``statements.ANY_MAILBOXES`` and its like, with one column more, for ``as_is``."""
    return statement.replace("m.pruned", f"m.pruned, {LATE}", 1)


def with_use(statement: str) -> str:
    """``statements.ANY_ACCOUNTS`` and its like, of what is used as it is."""
    return statement.replace("t.used,", f"{USED},", 1)


def as_is(row: Sequence[Any]) -> tuple[Any, ...]:
    """A row of ``with_late`` without that column, its counters as they are."""
    *columns, told = row
    count, uidnext, modseq, size, unseen, deleted = (0, 0, 0, 0, 0, 0) if told is None else _late.decode(told)
    if not count:
        return tuple(columns)
    number, name, role, subscribed, uidvalidity, _, _, messages, unseen_before, size_before, deleted_before, pruned = (
        columns
    )
    return (number, name, role, subscribed, uidvalidity, uidnext, modseq, messages + count, unseen_before + unseen,
            size_before + size, deleted_before + deleted, pruned)  # fmt: skip
