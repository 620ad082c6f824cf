"""The storage port, spoken in the words of the offices; two engines pass one contract suite.

Every method is one unit of work: one trip to the engine, one transaction. A
method marked **durable** returns only once its result would survive a power
cut. Engines group concurrent durable calls into one commit; a unit that fails
does not fail its neighbours. Times are integer milliseconds since 1970 (UTC).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum
from typing import Protocol

import msgspec

from posthouse.mail.content import Blob, Content
from posthouse.mail.envelope import Body, Recipient, Return
from posthouse.mail.ids import (
    AccountId,
    BlobId,
    EmailId,
    MailboxId,
    ModSeq,
    QueueId,
    ThreadId,
    TraceId,
    Uid,
    UidValidity,
)


class StorageError(Exception):
    """The engine could not do it. Final for this unit: answer 4yz, raise the alarm, never retry and call it durable."""


class Conflict(StorageError):
    """The thing exists already, or changed meanwhile; ``str()`` names it."""


class Missing(StorageError):
    """The thing does not exist (any more); ``str()`` names it."""


class Moved(StorageError):
    """The account lives in another cell, or is on its way there: ask again where."""


class SchemaTooNew(StorageError):
    """The data was written by a newer release: refused politely, nothing is touched."""


# -- content ---------------------------------------------------------------------------------


class BlobWriter(Protocol):
    """Content on its way in: small ones in memory, larger ones in a file that nobody else can see yet."""

    @property
    def size(self) -> int:
        """Octets written so far."""

    @property
    def is_full(self) -> bool:
        """Whether more waits for the disk than should: await ``drained`` before the next ``write``."""

    async def drained(self) -> None:
        """Returns when there is room again; at once when nothing waits."""

    def write(self, chunk: bytes) -> None:
        """Append ``chunk``; raises ``StorageError`` if the disk refuses or has refused an earlier one."""

    async def finish(self) -> Blob:
        """The blob, hashed and (when it is a file) synced, not yet referenced by anything. Idempotent."""

    def discard(self) -> None:
        """Forget it and free the space. Safe at any time, also after an ``accept`` that used the blob."""


class Blobs(Protocol):
    """Blobs by name. Reading verifies nothing on each read; ``verify`` does."""

    def open(self) -> BlobWriter: ...

    async def read(self, blob: BlobId, start: int = 0, length: int | None = None) -> bytes:
        """Octets ``start`` to ``start + length``; raises ``Missing``. Ask for at most 1 MiB at a time."""

    async def verify(self, blob: BlobId) -> bool:
        """Whether the octets still hash to their name."""


# -- messages in mailboxes ---------------------------------------------------------------------


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


class Quarantined(msgspec.Struct, frozen=True):
    """One message that was kept from its user, and where: ``move`` or ``remove`` it from there."""

    account: AccountId
    mailbox: MailboxId
    message: "Stored"


class Overquota(msgspec.Struct, frozen=True):
    """The account has no room; nothing was filed for it."""

    account: AccountId


class Posting(msgspec.Struct, frozen=True):
    """The queue rows of one message: everybody it must still be carried to.

    ``due_at`` is when it may first be claimed. With ``owner`` and ``lease_until`` the
    rows are born claimed by that owner, who works on them at once; if he dies
    they fall due when the lease ends. Born ``HELD``, for the reason ``last``, they
    wait until an operator releases them, and ``owner`` means nothing.
    """

    queue_id: QueueId
    reverse_path: str
    prefix: bytes
    recipients: tuple[Recipient, ...]
    created_at: int
    due_at: int
    expires_at: int
    body: Body = Body.SEVENBIT
    utf8: bool = False
    ret: Return | None = None
    envid: str | None = None
    submitter: AccountId | None = None
    require_tls: bool = False
    is_report: bool = False
    """A report of ours: never reported about (RFC 3464 section 2), shorter lifetime."""
    owner: str | None = None
    lease_until: int = 0
    token: int = 0
    state: "State" = msgspec.field(default_factory=lambda: State.WAITING)
    last: str = ""


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
    items: tuple["Item", ...] = ()


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


# -- the queue ---------------------------------------------------------------------------------


class State(Enum):
    """What a queue item waits for. A claimed item is one that waits with a lease running."""

    WAITING = "waiting"
    HELD = "held"


class Item(msgspec.Struct, frozen=True):
    """One recipient of one queued message. ``token`` fences: only its latest holder may settle it."""

    item: int
    queue_id: QueueId
    token: int
    recipient: Recipient
    domain: str
    attempts: int
    created_at: int
    due_at: int
    expires_at: int
    state: State
    claimed: bool
    """A worker holds it: its lease has not ended."""
    warned: bool
    """The delay report about it has been sent."""
    last: str
    """The last reply or error, as text for people; empty before the first try."""
    last_host: str
    reverse_path: str
    content: Content
    body: Body
    utf8: bool
    ret: Return | None
    envid: str | None
    submitter: AccountId | None
    require_tls: bool
    is_report: bool


class Fate(msgspec.Struct, frozen=True):
    """What became of one recipient: ``record`` is kept with the record of ``trace`` in the ledger, as long as that."""

    trace: TraceId
    item: int
    record: bytes


class Settlement(msgspec.Struct, frozen=True):
    """What a worker found out about an item it holds.

    ``due_at`` None: the item is done and leaves the queue. Otherwise it waits until
    then, with ``last`` as the reason. ``attempted`` False puts it back without counting a try.
    ``fate`` is kept if the item is done and was still ours.
    """

    item: int
    token: int
    due_at: int | None = None
    last: str = ""
    last_host: str = ""
    warned: bool = False
    attempted: bool = True
    fate: Fate | None = None


class QueueFilter(msgspec.Struct, frozen=True):
    """Which queue items somebody means. Empty fields mean "any"."""

    queue_id: str = ""
    submitter: AccountId | None = None
    sender: str = ""
    recipient: str = ""
    domain: str = ""
    state: State | None = None
    limit: int = 1000


# -- shelves: small facts of the offices -----------------------------------------------------------


class Note(msgspec.Struct, frozen=True):
    """A small durable fact of an office. ``kind`` is named after the office ("dkim.key"), ``key`` is its own.

    ``expires_at`` 0 means never; a note past its time is not there any more.
    """

    kind: str
    key: str
    value: bytes
    at: int = 0
    expires_at: int = 0


class Tally(msgspec.Struct, frozen=True):
    """Two counts that only grow by what is added to them (good and bad, spam and ham, messages and octets)."""

    kind: str
    key: str
    a: int = 0
    b: int = 0
    at: int = 0
    """When something was last added."""


# -- how the engine and its nodes are ------------------------------------------------------------


class NodeRow(msgspec.Struct, frozen=True):
    """One process that serves this data. ``seen`` is when it last said that it lives."""

    name: str
    slot: int
    version: str
    joined_at: int
    seen: int


class ServerRow(msgspec.Struct, frozen=True):
    """One server of the engine. ``role`` is "leader", "standby" or "away"; ``sync`` "sync", "quorum" or "async".

    What is None is not known: nobody may ask, or nobody answers.
    """

    address: str
    role: str
    version: str = ""
    sync: str = ""
    lag_octets: int | None = None
    """Behind the leader."""
    lag_ms: int | None = None
    trouble: str = ""


class LeaseRow(msgspec.Struct, frozen=True):
    """A job that one node does for all."""

    name: str
    owner: str
    token: int
    until: int


class Backlog(msgspec.Struct, frozen=True):
    """The queue in numbers. ``oldest_due`` is when the item that waits longest fell due, 0 if none is due."""

    waiting: int = 0
    due: int = 0
    claimed: int = 0
    held: int = 0
    oldest_due: int = 0
    owners: tuple[tuple[str, int], ...] = ()
    """Who has claimed how many."""


class Standing(msgspec.Struct, frozen=True):
    """How the engine and its nodes are, at one moment."""

    engine: str
    """Where it is, for people: without a password."""
    schema: int
    backlog: Backlog
    nodes: tuple[NodeRow, ...] = ()
    servers: tuple[ServerRow, ...] = ()
    leases: tuple[LeaseRow, ...] = ()
    synchronous: bool | None = None
    """Whether a commit waits for a second machine."""
    skew_ms: int = 0
    """How far our clock is ahead of the engine's."""
    sessions: int = 0
    most_sessions: int = 0


# -- who we are --------------------------------------------------------------------------------


class DomainRow(msgspec.Struct, frozen=True):
    """A domain of ours, as an A-label in lower case. ``catch_all`` is an address of ours or empty."""

    name: str
    catch_all: str = ""
    created_at: int = 0


class AccountRow(msgspec.Struct, frozen=True):
    """An account. ``verifiers`` are credentials as ``admd.credentials`` writes them; never a password."""

    account: AccountId
    address: str
    name: str
    verifiers: tuple[str, ...]
    quota: int
    used: int
    admin: bool = False
    enabled: bool = True
    created_at: int = 0
    generation: int = 0
    """How often all its sessions were ended; not the engine's business, ``admd.directory`` knows it from a shelf."""


class AliasRow(msgspec.Struct, frozen=True):
    """An address that stands for others: one target makes an alias, several make a group."""

    address: str
    targets: tuple[str, ...]
    created_at: int = 0


class Directory(msgspec.Struct, frozen=True):
    """All we are, at one instant; ``epoch`` grows with every change."""

    epoch: int
    domains: tuple[DomainRow, ...]
    accounts: tuple[AccountRow, ...]
    aliases: tuple[AliasRow, ...]


class DirectoryDelta(msgspec.Struct, frozen=True):
    """What became of the directory behind some epoch."""

    news: Directory
    """Of the epoch now: all domains, and the accounts and aliases that were changed, as they are."""
    closed: tuple[AccountId, ...] = ()
    """Accounts that were changed and are not there any more."""
    withdrawn: tuple[str, ...] = ()
    """Addresses of aliases that are not there any more."""


# -- the port ----------------------------------------------------------------------------------


class Store(Protocol):
    """Everything the house keeps."""

    @property
    def blobs(self) -> Blobs: ...

    @property
    def node(self) -> str:
        """Who we are among those who serve this data: the owner of what this process holds in the queue."""

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """**Durable.** Promise point 1: blob, mailbox entries and queue rows, whole or not at all."""

    # queue
    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        """**Durable.** Up to ``limit`` due items whose domain is not in ``avoid``, oldest first, now held."""

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool]:
        """Lengthen leases; ``items`` are (item, token). False: it is not ours any more."""

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()) -> Sequence[bool]:
        """**Durable.** Promise point 2: results and the reports about them in one transaction.

        False for an item whose token has moved on: its result is dropped. Reports
        are accepted (idempotently) in any case.
        """

    async def next_due(self) -> int | None:
        """When the next waiting item falls due or a lease ends; None for an empty queue."""

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call ``hint`` in the loop soon after another node left work here that is due; it may be lost."""

    async def queued(self, which: QueueFilter) -> Sequence[Item]: ...

    async def hold(self, items: Sequence[int]) -> int:
        """Keep waiting items from being claimed; how many were changed."""

    async def release(self, items: Sequence[int], due_at: int) -> int:
        """Let held items go and make waiting ones due at ``due_at``; claimed items are left alone."""

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        """**Durable.** Take items out of the queue for good, whoever holds them; reports and fates commit with it."""

    async def reclaim(self, owner: str) -> int:
        """End the leases of an owner known to be dead: at start, our own earlier life."""

    # mailboxes
    async def mailboxes(self, account: AccountId) -> Sequence[Mailbox]: ...

    async def create_mailbox(self, account: AccountId, name: str, role: Role | None = None) -> Mailbox:
        """**Durable.** Missing parents are made too. ``Conflict`` if the name is taken."""

    async def rename_mailbox(self, account: AccountId, mailbox: MailboxId, name: str) -> None:
        """**Durable.** Children move along; missing parents are made. ``Conflict`` if a name is taken."""

    async def delete_mailbox(self, account: AccountId, mailbox: MailboxId) -> None:
        """**Durable.** Its messages go too; its children stay."""

    async def subscribe(self, account: AccountId, name: str, wanted: bool) -> None:
        """**Durable.** Subscriptions are names and may outlive their mailbox (RFC 9051 section 6.3.7)."""

    async def subscriptions(self, account: AccountId) -> Sequence[str]: ...

    async def view(self, account: AccountId, mailbox: MailboxId) -> View: ...

    async def delta(self, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta: ...

    async def read(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Stored]:
        """Those of ``uids`` that exist, by ascending UID. Ask for at most 500 at a time."""

    async def change_flags(
        self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Sequence[Uid],
        change: Change,
        flags: frozenset[str],
        unchanged_since: ModSeq | None = None,
    ) -> tuple[Sequence[Message], Sequence[Uid]]:
        """**Durable.** The messages as they are now, and the UIDs that ``unchanged_since`` refused (RFC 7162 3.1.3)."""

    async def copy(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        """**Durable.** All or nothing. ``StorageError`` subclass ``QuotaExceeded`` if there is no room."""

    async def move(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        """**Durable.** RFC 6851: each message is in one of the two at every instant."""

    async def expunge(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None) -> Sequence[Uid]:
        r"""**Durable.** Remove messages flagged ``\Deleted`` (among ``uids`` if given); the UIDs that went."""

    async def remove(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Uid]:
        """**Durable.** Remove messages whatever their flags (POP3 QUIT); the UIDs that went."""

    async def quarantined(
        self, account: AccountId | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 100
    ) -> Sequence[Quarantined]:
        """What is in quarantine, of one account or of all, by (account, UID), from behind ``after``."""

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        """Call ``hint`` in the loop soon after something of ``account`` may have changed; the result ends the watch."""

    # who we are
    async def directory(self) -> Directory: ...

    def directory_pages(self) -> AsyncIterator[Directory]:
        """The same in pages that fit into memory, accounts ascending by number; all domains in the first.

        Who changes meanwhile may be in it or not: ``directory_since`` of the first page's epoch tells.
        """

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        """What was changed behind ``epoch``; None if nobody knows any more: then all must be read again."""

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]: ...

    async def put_domain(self, domain: DomainRow) -> None:
        """**Durable.** Make or change."""

    async def remove_domain(self, name: str) -> None:
        """**Durable.** ``Missing``; ``Conflict`` while accounts or aliases use it."""

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        """**Durable.** With the mailboxes of every ``Role``, subscribed. ``Conflict`` if the address is taken."""

    async def change_account(
        self,
        account: AccountId,
        *,
        name: str | None = None,
        verifiers: Sequence[str] | None = None,
        quota: int | None = None,
        admin: bool | None = None,
        enabled: bool | None = None,
    ) -> None:
        """**Durable.** Only what is given changes."""

    async def remove_account(self, account: AccountId) -> None:
        """**Durable.** With all its mail."""

    async def put_alias(self, alias: AliasRow) -> None:
        """**Durable.** Make or change; ``Conflict`` with an account's address."""

    async def remove_alias(self, address: str) -> None:
        """**Durable.**"""

    # the decision ledger
    def note(self, trace: TraceId, at: int, record: bytes) -> None:
        """Keep the record of something that was not accepted; written soon, with others, no promise."""

    async def record(self, trace: str) -> bytes | None:
        """What the ledger knows of a trace id."""

    async def fates(self, trace: str) -> Sequence[bytes]:
        """What became of those recipients of a trace that are in the queue no more, in the order of their items."""

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        """The latest records, newest first."""

    async def latest_trace(self) -> str:
        """The greatest trace id of 12 letters in the ledger, or nothing: whoever makes new ones begins behind it."""

    # small things with a name: keys, counters of jobs, the owner of the node
    async def get(self, name: str) -> bytes | None: ...

    async def put(self, name: str, value: bytes) -> None:
        """**Durable.**"""

    async def agree(self, name: str, value: bytes) -> bytes:
        """**Durable.** Put it unless something is there; what is there now, the same for all who ask."""

    # shelves: small facts of the offices, the same for all nodes
    async def put_notes(self, notes: Sequence[Note]) -> None:
        """**Durable.** All or none; each replaces the note of its kind and key."""

    async def notes(self, kind: str, keys: Sequence[str]) -> Sequence[Note]:
        """Those that are there, by key."""

    async def list_notes(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Note]:
        """By key (in the order of its UTF-8), those that begin with ``prefix``, from behind ``after``."""

    async def drop_notes(self, kind: str, keys: Sequence[str]) -> int:
        """**Durable.** How many were there."""

    async def add_tallies(self, tallies: Sequence[Tally]) -> None:
        """Count; returns at once, is written soon with others, no promise: a second of it may be lost."""

    async def tallies(self, kind: str, keys: Sequence[str]) -> Sequence[Tally]:
        """Those that were ever counted, by key, with what this node has added."""

    async def list_tallies(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Tally]: ...

    async def drop_tallies(self, kind: str, keys: Sequence[str]) -> int:
        """**Durable.** How many were there."""

    # one among many nodes
    async def lease(self, name: str, owner: str, now: int, until: int) -> int | None:
        """**Durable.** The job ``name`` is ``owner``'s until ``until``: its fencing token. None: it is somebody else's.

        Who holds it keeps his token and moves the end; ``until=now`` gives it back.
        The token grows each time the job changes hands.
        """

    async def take(self, key: str, want: int, cap: int, window_ms: int, now: int) -> int:
        """How many of ``want`` are allowed: all nodes together get ``cap`` of ``key`` in each window of time.

        An allotment, to be spent by the node as it likes: ask for a share of the
        limit, not for one. Not durable: after a failover some may be given twice.
        """

    def broadcast(self, topic: str, text: str) -> None:
        """Tell the other nodes soon; it may be lost, and at most 7,000 octets fit. Alone there is nobody to tell."""

    def listen(self, topic: str, heard: Callable[[str], None]) -> None:
        """Call ``heard`` in the loop with what other nodes broadcast; for ever."""

    async def standing(self) -> Standing:
        """How the engine and its nodes are, for operators; asks each server, so it may take seconds."""

    # housekeeping
    def sweep(self, now: int) -> AsyncIterator[str]:
        """Free blobs nobody refers to, old tombstones, records and notes; yields what it did, for the log."""

    async def close(self) -> None:
        """Finish what was accepted, refuse what comes, let go of the files."""


class QuotaExceeded(StorageError):
    """There is no room for what COPY or APPEND would add."""
