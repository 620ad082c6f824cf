"""What becomes true when a message is accepted, and what came of it."""

import msgspec

from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, EmailId, MailboxId, ModSeq, TraceId, Uid, UidValidity
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.queue import Item, Posting


class Filing(msgspec.Struct, frozen=True):
    """One message for one mailbox.

    ``key`` makes it idempotent: the same (account, key) is filed once, however
    often it is asked for; None files always (APPEND). ``prefix`` is what stands
    before the blob for this recipient alone. A filing over quota is not an
    error of the unit: it is reported as ``Overquota``.
    """

    account: AccountId
    mailbox: MailboxId | Role
    prefix: bytes
    key: str | None = None
    flags: frozenset[str] = frozenset()
    received_at: int = 0
    facts: Facts = msgspec.field(default_factory=Facts)
    obey_quota: bool = True


class Placed(msgspec.Struct, frozen=True):
    """Where a filing ended up. ``repeated``: it was there already, by its key."""

    account: AccountId
    mailbox: MailboxId
    uidvalidity: UidValidity
    uid: Uid
    modseq: ModSeq
    email_id: EmailId
    repeated: bool = False


class Overquota(msgspec.Struct, frozen=True):
    """The account has no room; nothing was filed for it."""

    account: AccountId


class Acceptance(msgspec.Struct, frozen=True):
    """All that becomes true when one message is accepted; it commits whole or not at all.

    ``trace`` makes it idempotent. ``record`` is the line of the decision ledger.
    """

    trace: TraceId
    blob: Blob
    filings: tuple[Filing, ...] = ()
    postings: tuple[Posting, ...] = ()
    record: bytes = b""
    at: int = 0


class Accepted(msgspec.Struct, frozen=True):
    """One ``Placed`` or ``Overquota`` for each filing, in order, and the claimed items of postings born claimed."""

    placed: tuple[Placed | Overquota, ...]
    items: tuple[Item, ...] = ()
