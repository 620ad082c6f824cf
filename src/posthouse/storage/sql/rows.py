"""Rows that both engines read, as the values of the port; and the ends of what is walked by number."""

from collections.abc import Sequence
from typing import Any, Final

from posthouse.mail.ids import AccountId, EmailId, MailboxId, ModSeq, Uid, UidValidity
from posthouse.storage.acceptance import Placed
from posthouse.storage.mailbox import Mailbox, Message, Role
from posthouse.storage.sql.flags import parse_flags

FIRST_LOOK: Final = 64
"""How many of the newest messages are looked at first for what is new; four times as many each time after."""
ENDLESS_UID: Final = 2**32
MOST_ACCOUNTS: Final = 2**62


def parse_mailbox(row: Sequence[Any]) -> Mailbox:
    number, name, role, subscribed, uidvalidity, uidnext, modseq, messages, unseen, size, deleted, _ = row
    return Mailbox(
        MailboxId(number), name, Role[role] if role else None, bool(subscribed), UidValidity(uidvalidity), Uid(uidnext),
        ModSeq(modseq), messages, unseen, size, deleted,
    )  # fmt: skip


def parse_message(row: Sequence[Any]) -> Message:
    return Message(Uid(row[0]), ModSeq(row[1]), parse_flags(row[2]))


def placed(
    account: AccountId, mailbox: int, uidvalidity: int, uid: int, modseq: int, email: int, *, repeated: bool = False
) -> Placed:
    return Placed(
        account,
        MailboxId(mailbox),
        UidValidity(uidvalidity),
        Uid(uid),
        ModSeq(modseq),
        EmailId(f"E{email:x}"),
        repeated,
    )
