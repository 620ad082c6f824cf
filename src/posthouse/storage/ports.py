"""The storage port: a protocol for each office, ``Store`` their sum; two engines pass one contract suite.

Who needs one office asks for that one, and is given the store. Every method
is one unit of work: one trip to the engine, one transaction. A method marked
**durable** returns only once its result would survive a power cut. Engines
group concurrent durable calls into one commit; a unit that fails does not
fail its neighbours. Times are integer milliseconds since 1970 (UTC).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol, Unpack

from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, BlobId, MailboxId, ModSeq, TraceId, Uid
from posthouse.storage.acceptance import Acceptance, Accepted, Placed
from posthouse.storage.directory import (
    AccountChange,
    AccountRow,
    AliasRow,
    Directory,
    DirectoryDelta,
    DomainRow,
    Population,
)
from posthouse.storage.mailbox import Change, Delta, Mailbox, Message, Quarantined, Role, Stored, View
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement
from posthouse.storage.shelf import Note, Tally
from posthouse.storage.standing import Standing


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


class Queue(Protocol):
    """Mail that is taken, and what waits for others: promise points 1 and 2."""

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """**Durable.** Promise point 1: blob, mailbox entries and queue rows, whole or not at all."""

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        """**Durable.** Up to ``limit`` due items whose domain is not in ``avoid``, oldest first, now held."""

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool | None]:
        """Lengthen leases; ``items`` are (item, token). False: it is not ours any more. None: its cell is away."""

    async def settle(
        self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()
    ) -> Sequence[bool | None]:
        """**Durable.** Promise point 2: results and the reports about them in one transaction.

        False for an item whose token has moved on: its result is dropped. None: its cell is away, and it is to be
        settled again. Reports are accepted (idempotently) in any case.
        """

    async def next_due(self) -> int | None:
        """When the next waiting item falls due or a lease ends; None for an empty queue."""

    async def queued(self, which: QueueFilter) -> Sequence[Item]: ...

    async def hold(self, items: Sequence[int]) -> int:
        """Keep waiting items from being claimed; how many were changed."""

    async def release(self, items: Sequence[int], due_at: int) -> int:
        """Let held items go and make waiting ones due at ``due_at``; claimed items are left alone."""

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        """**Durable.** Take items out of the queue for good, whoever holds them; reports and fates commit with it."""

    async def reclaim(self, owner: str) -> int:
        """End the leases of an owner known to be dead: at start, our own earlier life."""


class Mailboxes(Protocol):
    """Mailboxes and what is in them."""

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


class People(Protocol):
    """Who we are: domains, accounts, aliases."""

    async def directory(self) -> Directory: ...

    def directory_pages(self, *, by_domain: bool = False, accounts: bool = True) -> AsyncIterator[Directory]:
        """The same in pages that fit into memory: accounts ascending by number, then aliases; all domains in the first.

        Who changes meanwhile may be in it or not: ``directory_since`` of the first page's epoch tells. ``by_domain``
        is the order of operators: by domain and address. Without ``accounts`` there are aliases alone. By number, what
        is used may be without the last messages (``accounts`` knows of them).
        """

    async def population(self) -> Mapping[str, Population]:
        """Of the domains where anybody is."""

    async def accounts(self, numbers: Sequence[AccountId]) -> Sequence[AccountRow]:
        """Those of ``numbers`` that are there."""

    async def aliases_to(self, address: str) -> Sequence[AliasRow]:
        """Those that have this very address among their targets."""

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        """What was changed behind ``epoch``; None if nobody knows any more: then all must be read again."""

    async def put_domain(self, domain: DomainRow) -> None:
        """**Durable.** Make or change."""

    async def remove_domain(self, name: str) -> None:
        """**Durable.** ``Missing``; ``Conflict`` while accounts or aliases use it."""

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        """**Durable.** With the mailboxes of every ``Role``, subscribed. ``Conflict`` if the address is taken."""

    async def change_account(self, account: AccountId, **change: Unpack[AccountChange]) -> None:
        """**Durable.** Only what is given changes."""

    async def remove_account(self, account: AccountId) -> None:
        """**Durable.** With all its mail."""

    async def put_alias(self, alias: AliasRow) -> None:
        """**Durable.** Make or change; ``Conflict`` with an account's address."""

    async def remove_alias(self, address: str) -> None:
        """**Durable.**"""


class Ledger(Protocol):
    """What was decided: one record a trace."""

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


class Shelves(Protocol):
    """Small facts of the offices, the same for all nodes: notes, counts, things with a name, jobs, allotments."""

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

    async def get(self, name: str) -> bytes | None:
        """A thing with a name: a key, the counter of a job, the owner of the node."""

    async def put(self, name: str, value: bytes) -> None:
        """**Durable.**"""

    async def agree(self, name: str, value: bytes) -> bytes:
        """**Durable.** Put it unless something is there; what is there now, the same for all who ask."""

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


class Hints(Protocol):
    """Who hears what. Any hint may be lost; what a watch returns ends it."""

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        """Call ``hint`` in the loop soon after something of ``account`` may have changed."""

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call ``hint`` in the loop soon after the directory may have changed."""

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call ``hint`` in the loop soon after another node left work here that is due."""

    def broadcast(self, topic: str, text: str) -> None:
        """Tell the other nodes soon; it may be lost, and at most 7,000 octets fit. Alone there is nobody to tell."""

    def listen(self, topic: str, heard: Callable[[str], None]) -> None:
        """Call ``heard`` in the loop with what other nodes broadcast; for ever."""


class CellDesk(Protocol):
    """What operators do with cells: databases that share the accounts."""

    async def list_cells(self) -> list[dict[str, Any]]: ...

    async def found_cell(self, engine: str) -> int:
        """The number of the new cell; nodes know it once they are started again."""

    async def drain_cell(self, number: int, *, draining: bool) -> None:
        """Whether it takes no new accounts from now on."""

    async def move_account(self, account: AccountId, target: int) -> int:
        """**Durable.** With all its mail; how many rows that were."""


class Store(Queue, Mailboxes, People, Ledger, Shelves, Hints, Protocol):
    """Everything the house keeps."""

    desk: CellDesk | None
    """None: the engine has no cells."""

    @property
    def blobs(self) -> Blobs: ...

    @property
    def node(self) -> str:
        """Who we are among those who serve this data: the owner of what this process holds in the queue."""

    async def standing(self) -> Standing:
        """How the engine and its nodes are, for operators; asks each server, so it may take seconds."""

    def sweep(self, now: int) -> AsyncIterator[str]:
        """Free blobs nobody refers to, old tombstones, records and notes; yields what it did, for the log."""

    async def close(self) -> None:
        """Finish what was accepted, refuse what comes, let go of the files."""
