"""Who tells a sender what became of a message: the port between those who find out and the one who writes it.

``mta.bounce`` writes reports; the intake (a full mailbox, a delivery that was
to be confirmed) and the queue's manager (everything else) ask for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope, Notify, OriginalRecipient, Recipient, Return
from posthouse.mail.reply import Reply


class Action(Enum):
    """RFC 3464 section 2.3.3; the value is the word on the wire."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one recipient, and why: ``reply`` carries the status and the diagnostic text."""

    recipient: Recipient
    action: Action
    reply: Reply
    host: str = ""
    """Who said so; empty when it was ourselves."""
    advice: str = ""
    """What to do, where the status alone would lead to the wrong advice."""
    named: OriginalRecipient | None = None
    """What the sender named, where an alias of ours led on from it: all that he is told of the recipient (B02)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The message that a report is about. Nothing is reported when ``reverse_path`` is None."""

    reverse_path: Address | None
    trace: str
    arrived_at: int
    """Milliseconds since 1970."""
    original: bytes
    """Our prefix and as much of the blob as is at hand: at least the header, if there is one."""
    utf8: bool = False
    ret: Return | None = None
    envid: str | None = None


class Reporter(Protocol):
    """Composes reports (RFC 3461, RFC 3464, RFC 6522, RFC 6533)."""

    def report(self, subject: Subject, findings: Sequence[Finding]) -> tuple[Envelope, bytes]:
        """One message about ``findings``: its envelope (null reverse-path) and its octets."""


def is_wanted(recipient: Recipient, action: Action) -> bool:
    """Whether the sender asked to hear of ``action`` (RFC 3461 sections 5.2.2 to 5.2.7)."""
    notify = recipient.notify
    if action is Action.FAILED:
        return notify is None or Notify.FAILURE in notify
    if action is Action.DELAYED:
        return notify is None or Notify.DELAY in notify
    return notify is not None and Notify.SUCCESS in notify
