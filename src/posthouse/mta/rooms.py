"""How much room mailboxes have, known before a message is sent to them (threats R03 and B01).

What is known of an account is asked of the store once a minute when there is
much room and every two seconds when there is little; what was filed meanwhile
is added up. The last word has the transaction that files.
"""

import asyncio
from typing import Final

import msgspec

from posthouse.admd.directory import Directory
from posthouse.filter.allowance import DAY, Allowance
from posthouse.filter.sharing import Shared
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId
from posthouse.storage.ports import Store

MUCH: Final = 0.5
"""Of the quota free: nothing that comes in a minute is likely to fill it."""

FRESH_SECONDS: Final = 60.0
WARY_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 2.0
"""Longer than a disk is ever slow; who waits is a client that has named a recipient."""
MOST_KNOWN: Final = 20_000

SHARE: Final = 0.2
"""Of the quota, that one domain of strangers may fill in a day."""

STRANGERS: Final = 0.9
"""Of the quota, that strangers may fill; then only known correspondents get in."""

RESERVE: Final = 0.05
RESERVE_OCTETS: Final = 10 * 1024 * 1024
"""The end of the quota, of which the lesser is kept for known correspondents and our own people."""

PREFIX_OCTETS: Final = 1024
"""What we put before a message."""

PATIENCE_SECONDS: Final = 86400.0
"""How long a full mailbox is a matter of time; then its mail is refused for good."""


class Room(msgspec.Struct):
    """Of one account. ``full_since`` is when mail was first refused for want of room, 0 while there is."""

    quota: int
    used: int
    until: float
    full_since: float = 0.0

    def has(self, octets: int, *, known: bool, report: bool = False) -> bool:
        """Whether ``octets`` more may come, from a known correspondent or from a stranger."""
        after = self.used + octets + PREFIX_OCTETS
        if known:
            return after <= self.quota
        if report:
            return after <= self.quota - min(self.quota * RESERVE, RESERVE_OCTETS)
        return after <= self.quota * STRANGERS


class Rooms:
    """What is known of accounts that mail came for."""

    __slots__ = ("_asking", "_clock", "_directory", "_known", "_shares", "_store")

    def __init__(self, store: Store, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._known: dict[AccountId, Room] = {}
        self._asking: dict[AccountId, asyncio.Future[Room]] = {}
        self._shares: Allowance[tuple[AccountId, str]] = Allowance(1.0, DAY, clock)

    @property
    def allowances(self) -> dict[str, Shared]:
        """By the name under which nodes tell each other of it."""
        return {"mailbox-shares": self._shares}

    def known(self, account: AccountId) -> Room | None:
        """What is known and recent enough."""
        room = self._known.get(account)
        return room if room is not None and room.until > self._clock.monotonic() else None

    async def find(self, account: AccountId) -> Room:
        """What the store says now; what was known last, if it does not answer in time: it may be away, and its mail is
        taken elsewhere (``storage.cells``).
        """
        asking = self._asking.get(account)
        if asking is None:
            asking = self._asking[account] = asyncio.ensure_future(self._ask(account))
            asking.add_done_callback(lambda done: self._answered(account, done))
        await asyncio.wait((asking,), timeout=ANSWER_SECONDS)
        return asking.result() if asking.done() else self._guess(account)

    def _answered(self, account: AccountId, asking: "asyncio.Future[Room]") -> None:
        del self._asking[account]
        if not asking.cancelled():
            asking.exception()  # whoever asked may have gone on

    def _guess(self, account: AccountId) -> Room:
        room, row = self._known.get(account), self._directory.account(account)
        if room is None:
            room = Room(row.quota, row.used, 0.0) if row is not None else Room(0, 0, 0.0)
        room.until = self._clock.monotonic() + WARY_SECONDS
        self._keep(account, room)
        return room

    async def _ask(self, account: AccountId) -> Room:
        mailboxes = await self._store.mailboxes(account)
        row = self._directory.account(account)
        quota, used = row.quota if row is not None else 0, sum([one.size for one in mailboxes])
        seconds = FRESH_SECONDS if used < quota * MUCH else WARY_SECONDS
        before = self._known.get(account)
        room = Room(quota, used, self._clock.monotonic() + seconds, before.full_since if before is not None else 0.0)
        if used < quota * STRANGERS:
            room.full_since = 0.0
        self._keep(account, room)
        return room

    def _keep(self, account: AccountId, room: Room) -> None:
        if account not in self._known and len(self._known) >= MOST_KNOWN:  # the first that was asked about makes room
            del self._known[next(iter(self._known))]
        self._known[account] = room

    def note_filed(self, account: AccountId, domain: str, octets: int) -> None:
        """``octets`` of ``domain`` were filed for ``account``; of one of our own, ``domain`` is empty."""
        room = self._known.get(account)
        if room is None:
            return
        room.used += octets
        if room.used > room.quota * MUCH:
            room.until = min(room.until, self._clock.monotonic() + WARY_SECONDS)
        if domain and room.quota:
            self._shares.charge((account, domain), octets / (room.quota * SHARE))

    def has_share(self, account: AccountId, room: Room, domain: str, octets: int) -> bool:
        """Whether a domain of strangers may have ``octets`` more of this mailbox today."""
        if room.used + octets + PREFIX_OCTETS <= room.quota * SHARE:  # all of it together is no more
            return True
        part = octets / (room.quota * SHARE) if room.quota else 1.0
        return not self._shares.is_spent((account, domain), max(part, 1e-9))

    def is_hopeless(self, room: Room) -> bool:
        """A mailbox is full, and has been for a day."""
        now = self._clock.monotonic()
        if not room.full_since:
            room.full_since = now
        return now - room.full_since > PATIENCE_SECONDS
