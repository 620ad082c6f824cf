"""What all POP3 sessions share, what one of them knows, and the maildrop that it has opened."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from posthouse.admd.authenticator import Attempt, Authenticator
from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock
from posthouse.mail.ids import MailboxId, Uid
from posthouse.net.ports import Line
from posthouse.observe.ports import Journal, Level
from posthouse.services.pop3d.holders import Holders
from posthouse.standards.pop3.events import Action
from posthouse.standards.pop3.maildrop import Maildrop, NoSuchMessage
from posthouse.standards.pop3.server import ServerConnection
from posthouse.storage.directory import AccountRow
from posthouse.storage.mailbox import Role, Stored
from posthouse.storage.ports import Store

Answer = Iterable[Action] | AsyncIterator[Action]

TEMPORARY = "SYS/TEMP"  # RFC 3206 section 4


@dataclass(frozen=True, slots=True)
class Pop3d:
    """What all POP3 sessions share."""

    store: Store
    authenticator: Authenticator
    limits: Limits
    clock: Clock
    journal: Journal
    starttls: bool = True
    holders: Holders = field(default_factory=Holders)


@dataclass(slots=True)
class Opened:
    """The maildrop as this session sees it, and how much of it was read."""

    account: AccountRow
    inbox: MailboxId
    maildrop: Maildrop
    retrieved: int = 0
    octets: int = 0


class Session:
    """One session's state. Implements ``Holder``."""

    __slots__ = (
        "_leave",
        "account",
        "attempt",
        "core",
        "failures",
        "heard_at",
        "house",
        "is_ousted",
        "line",
        "opened",
    )

    def __init__(self, house: Pop3d, line: Line, core: ServerConnection) -> None:
        self.house, self.line, self.core = house, line, core
        self.heard_at = 0.0
        self.attempt: Attempt | None = None
        self.failures = 0
        self.account: AccountRow | None = None
        self._leave: Callable[[], None] | None = None
        """Ends the login."""
        self.opened: Opened | None = None
        self.is_ousted = False

    @property
    def drop(self) -> Opened:
        """The maildrop; the core lets nobody come so far without login."""
        if self.opened is None:
            raise RuntimeError("no login")
        return self.opened

    @property
    def is_over(self) -> bool:
        """All sessions of the account were ended, or the account was."""
        return self.account is not None and not self.house.authenticator.sessions.is_good(self.account)

    def enter(self, account: AccountRow) -> bool:
        """Log ``account`` in, unless another session has its maildrop open."""
        if not self.house.holders.take(account.account, self, self.house.clock.monotonic()):
            return False
        self.account = account
        self._leave = self.house.authenticator.sessions.enter(account, self.line.wake)
        return True

    def release(self) -> None:
        """Another session may open the maildrop now."""
        if self.account is not None:
            self.house.holders.give_up(self.account.account, self)

    def leave(self) -> None:
        """End the login, if there was one."""
        self.release()
        self.account = None
        if self._leave is not None:
            self._leave()
            self._leave = None

    def oust(self) -> None:
        self.is_ousted = True
        self.line.wake()

    def note(self, event: str, level: Level = Level.INFO, /, **values: object) -> None:
        self.house.journal.note(event, level, peer=self.line.peer.address, **values)

    def alarm(self, event: str, reason: Exception) -> None:
        """The store is in trouble."""
        account = self.account.account if self.account is not None else None
        self.note(event, Level.ALARM, account=account, reason=str(reason))


async def open_maildrop(session: Session, account: AccountRow) -> Opened:
    """The maildrop of ``account`` as it is now: its INBOX, numbered."""
    store = session.house.store
    mailboxes = await store.mailboxes(account.account)
    inbox = next(mailbox.mailbox for mailbox in mailboxes if mailbox.role is Role.INBOX)
    view = await store.view(account.account, inbox)
    uids = [int(message.uid) for message in view.messages]
    return Opened(account, inbox, Maildrop(int(view.mailbox.uidvalidity), uids, view.mailbox.size))


async def find_message(session: Session, number: int) -> Stored:
    """A message by its number; raises ``NoSuchMessage`` also when another session has removed it."""
    for stored in await read_messages(session, [session.drop.maildrop.uid(number)]):
        return stored
    raise NoSuchMessage(f"message {number} has been removed by another session")


async def read_messages(session: Session, uids: Sequence[int]) -> Sequence[Stored]:
    """Those of ``uids`` that are there still; their sizes are known from now on."""
    drop = session.drop
    stored = await session.house.store.read(drop.account.account, drop.inbox, [Uid(uid) for uid in uids])
    drop.maildrop.learn({int(message.uid): message.content.size for message in stored})
    return stored
