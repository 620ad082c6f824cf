"""What an owner says of his mail by moving it about: returned as a value, acted on by the office that learns.

Only what he does himself counts, and only where it can mean one thing: a
message that is thrown away says nothing.
"""

from collections.abc import Sequence

from posthouse.filter.classifier.lesson import Act, Lesson
from posthouse.mail.ids import AccountId, Uid
from posthouse.storage.mailbox import Change, Mailbox, Role

SAYING_FLAGS = frozenset({"\\Answered", "\\Flagged"})
_KEEPING = frozenset({None, Role.ARCHIVE})
"""Mailboxes of his own making, and the archive: who files something there wanted it."""


def judge_carried(account: AccountId, source: Mailbox | None, target: Mailbox, uids: Sequence[Uid]) -> Lesson | None:
    """What it means that messages went from ``source`` (None: from outside, by APPEND) to ``target``."""
    act = _act_of(source.role if source is not None else Role.DRAFTS, target.role)
    return Lesson(account, target.mailbox, uids, act) if act is not None and uids else None


def _act_of(source: Role | None, target: Role | None) -> Act | None:
    if target is Role.JUNK:
        return Act.JUNKED if source is not Role.JUNK else None
    if source is Role.JUNK:
        return Act.PARDONED if target is not Role.TRASH else None
    return Act.KEPT if source is Role.INBOX and target in _KEEPING else None


def judge_flagged(
    account: AccountId, mailbox: Mailbox, change: Change, flags: frozenset[str], uids: Sequence[Uid]
) -> Lesson | None:
    """Who answers a message, or marks it to come back to it, wanted it; not where junk and rubbish lie."""
    if change is Change.REMOVE or flags.isdisjoint(SAYING_FLAGS) or not uids:
        return None
    if mailbox.role not in {Role.INBOX, *_KEEPING}:
        return None
    return Lesson(account, mailbox.mailbox, uids, Act.KEPT)
