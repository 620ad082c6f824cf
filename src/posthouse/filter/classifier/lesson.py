"""What an owner has said of a message by what he did with it: the only thing the classifier ever learns from."""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from posthouse.mail.ids import AccountId, MailboxId, Uid


class Act(Enum):
    """What was done; the value completes "it was ...". Nothing happens by itself: what a filter did is no act."""

    JUNKED = "put into Junk"
    PARDONED = "taken out of Junk"
    KEPT = "filed, answered or flagged"
    RELEASED = "released from quarantine"
    DROPPED = "dropped from quarantine"
    TRAINED = "shown by the operator"


JUNK: Final = frozenset({Act.JUNKED, Act.DROPPED})


class Lesson(msgspec.Struct, frozen=True):
    """Messages of one mailbox, and what their owner did with them."""

    account: AccountId
    mailbox: MailboxId
    uids: Sequence[Uid]
    act: Act

    @property
    def is_junk(self) -> bool:
        return self.act in JUNK
