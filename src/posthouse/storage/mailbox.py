"""What a user's mailboxes hold, as values: mailboxes, messages, and what became of them."""

from enum import Enum

import msgspec

from posthouse.mail.content import Content
from posthouse.mail.ids import AccountId, EmailId, MailboxId, ModSeq, ThreadId, Uid, UidValidity


class Role(Enum):
    """What a mailbox is for (RFC 6154); the value is its name when an account is made.

    ``QUARANTINE`` is no mailbox of the user: it is made when something is first filed
    there, ``mailboxes`` does not tell of it, its octets count towards no quota, and no
    user can make its name. Its messages move and go by its number, as anybody's do.
    """

    INBOX = "INBOX"
    DRAFTS = "Drafts"
    SENT = "Sent"
    TRASH = "Trash"
    JUNK = "Junk"
    ARCHIVE = "Archive"
    QUARANTINE = "/quarantine"


USER_ROLES = tuple(role for role in Role if role is not Role.QUARANTINE)
"""What a new account is given."""


class Facts(msgspec.Struct, frozen=True):
    """What readers need of a message again and again, worked out once (``posthouse.ms.describe``).

    ``envelope`` and ``structure`` are ready to send or to walk; their form is
    the business of ``ms``, to the engine they are octets.
    """

    envelope: bytes = b""
    structure: bytes = b""
    message_id: str = ""
    thread_keys: tuple[str, ...] = ()
    """Message-ids (own, References, In-Reply-To) that tie it to a thread, at most 50."""
    subject: str = ""
    """Base subject (RFC 5256 section 2.1), at most 200 characters."""
    preview: str = ""
    sent_at: int = 0


class Mailbox(msgspec.Struct, frozen=True):
    """A mailbox as LIST and STATUS see it. ``name`` is UTF-8 with ``/`` between the levels."""

    mailbox: MailboxId
    name: str
    role: Role | None
    subscribed: bool
    uidvalidity: UidValidity
    uidnext: Uid
    modseq: ModSeq
    messages: int
    unseen: int
    size: int
    deleted: int = 0


class Message(msgspec.Struct, frozen=True):
    """One message as a list of messages needs it: no content, no facts."""

    uid: Uid
    modseq: ModSeq
    flags: frozenset[str]
    """System flags with their backslash in canonical case (``\\Seen``), keywords as first written."""


class Stored(msgspec.Struct, frozen=True):
    """One message with what is needed to show it."""

    uid: Uid
    modseq: ModSeq
    flags: frozenset[str]
    received_at: int
    saved_at: int
    content: Content
    email_id: EmailId
    thread_id: ThreadId
    facts: Facts


class Quarantined(msgspec.Struct, frozen=True):
    """One message that was kept from its user, and where: ``move`` or ``remove`` it from there."""

    account: AccountId
    mailbox: MailboxId
    message: Stored


class View(msgspec.Struct, frozen=True):
    """A mailbox at one instant: its counters and all its messages by ascending UID."""

    mailbox: Mailbox
    messages: tuple[Message, ...]
    highest: ModSeq


class Change(Enum):
    """How STORE changes flags (RFC 9051 section 6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


class Delta(msgspec.Struct, frozen=True):
    """What happened in a mailbox after a mod-sequence: messages new or changed, and UIDs gone."""

    changed: tuple[Message, ...]
    vanished: tuple[Uid, ...]
    highest: ModSeq
    mailbox: Mailbox
