"""What the queue holds, as values: postings, items, and what was found out about them."""

from enum import Enum

import msgspec

from posthouse.mail.content import Content
from posthouse.mail.envelope import Body, Recipient, Return
from posthouse.mail.ids import AccountId, QueueId, TraceId


class State(Enum):
    """What a queue item waits for. A claimed item is one that waits with a lease running."""

    WAITING = "waiting"
    HELD = "held"


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
    state: State = State.WAITING
    last: str = ""


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
