"""What a stranger must satisfy at RCPT when the address is right: lists of the DNS, room in the mailbox, greylisting.

Nothing is asked that is not configured, and nothing is waited for that is
known: for a mailbox with room, no lists and no greylisting, the answer is there
at once. Postmaster takes mail from everybody, as long as it can be kept.
"""

from collections.abc import Coroutine, Sequence
from typing import Any

from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.blocklists import BlockLists
from posthouse.filter.greylist import Greylist
from posthouse.filter.rates import ClientRates
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import AccountId
from posthouse.mail.reply import Reply
from posthouse.mta.client import Client
from posthouse.mta.rooms import Room, Rooms
from posthouse.standards.smtp.events import MailFrom

FULL = Reply(452, "4.2.2", ("the mailbox is full",))
STILL_FULL = Reply(552, "5.2.2", ("the mailbox has been full for a day",))
NEARLY_FULL = Reply(452, "4.2.2", ("the mailbox is nearly full, and its owner does not know you; try later",))
TOO_MANY = Reply(451, "4.7.1", ("too many messages for this recipient, try later",))
SHARE_USED = Reply(452, "4.2.2", ("your domain has filled its share of this mailbox, try later",))
ALONE = Reply(452, "4.5.3", ("this mailbox has little room: send this one in another transaction, or with SIZE",))


class Admission:
    """``acquaintance``, ``lists`` and ``greylist`` may be absent."""

    __slots__ = ("_acquaintance", "_greylist", "_lists", "_most", "_rates", "_rooms")

    def __init__(
        self,
        rooms: Rooms,
        rates: ClientRates,
        *,
        message_octets: int,
        acquaintance: Acquaintance | None = None,
        lists: BlockLists | None = None,
        greylist: Greylist | None = None,
    ) -> None:
        self._rooms = rooms
        self._rates = rates
        self._most = message_octets
        self._acquaintance = acquaintance
        self._lists = lists
        self._greylist = greylist

    def ask(
        self, client: Client, mail: MailFrom, recipient: Recipient, accounts: Sequence[AccountId], others: int
    ) -> Reply | Coroutine[Any, Any, Reply | None] | None:
        """The refusal, None to let it in, or the answer to wait for. ``others`` are the recipients before this one."""
        is_free = client.exempt or client.relays or recipient.address.local.lower() == "postmaster"
        if not is_free and not self._rates.may_reach(accounts[0] if accounts else recipient.address.key):
            return self._if_known(mail, accounts)
        if not is_free and (self._lists is not None or (self._greylist is not None and self._greylist.is_on)):
            return self._find_out(client, mail, recipient, accounts, others, is_free=False)
        for account in accounts:
            room = self._rooms.known(account)
            if room is None or not self._is_easy(account, room, mail, shares=not is_free):
                return self._find_out(client, mail, recipient, accounts, others, is_free=is_free)
        return None

    def is_doubtful(self, mail: MailFrom, accounts: Sequence[AccountId]) -> bool:
        """Whether only the content will show if it fits: nothing was said of its size, and there is little room."""
        if mail.size is not None:
            return False
        for room in map(self._rooms.known, accounts):
            if room is not None and not room.has(self._most, known=True):
                return True
        return False

    def note_filed(self, accounts: Sequence[AccountId], domain: str, octets: int) -> None:
        for account in accounts:
            self._rooms.note_filed(account, domain, octets)

    def fits(self, accounts: Sequence[AccountId], octets: int) -> bool:
        """Whether what came is still as RCPT was told; mailboxes that nobody asked about are taken to have room."""
        return all(room is None or room.has(octets, known=True) for room in map(self._rooms.known, accounts))

    def _is_easy(self, account: AccountId, room: Room, mail: MailFrom, *, shares: bool) -> bool:
        """Room for the largest message, even of a stranger, and the domain within its share."""
        size = self._most if mail.size is None else mail.size
        if not room.has(size, known=False):
            return False
        domain = mail.reverse_path.domain if mail.reverse_path is not None and shares else ""
        return not domain or self._rooms.has_share(account, room, domain, mail.size or 0)

    async def _find_out(
        self,
        client: Client,
        mail: MailFrom,
        recipient: Recipient,
        accounts: Sequence[AccountId],
        others: int,
        *,
        is_free: bool,
    ) -> Reply | None:
        is_welcome = is_free
        if not is_free and self._lists is not None:
            listing = await self._lists.find(client.peer.address)
            if listing.reply is not None and not listing.is_welcome:
                return listing.reply
            is_welcome = listing.is_welcome
        for account in accounts:
            refusal = await self._judge_room(account, mail, others, shares=not is_free)
            if refusal is not None:
                return refusal
        if is_welcome or self._greylist is None or not self._greylist.is_on:
            return None
        for account in accounts:
            if await self._knows(account, mail):
                return None
        sender = str(mail.reverse_path) if mail.reverse_path is not None else ""
        return await self._greylist.ask(client.peer.address, sender, recipient.address.key)

    async def _if_known(self, mail: MailFrom, accounts: Sequence[AccountId]) -> Reply | None:
        """B06: so much comes for this recipient that only who is known to him gets in."""
        for account in accounts:
            if not await self._knows(account, mail):
                return TOO_MANY
        return None if accounts else TOO_MANY

    async def _judge_room(self, account: AccountId, mail: MailFrom, others: int, *, shares: bool) -> Reply | None:
        rooms = self._rooms
        room = rooms.known(account) or await rooms.find(account)
        if self._is_easy(account, room, mail, shares=shares):
            return None
        size = mail.size or 0
        if not room.has(max(size, 1), known=True):
            return STILL_FULL if rooms.is_hopeless(room) else FULL
        if mail.size is None and others and not room.has(self._most, known=True):
            return ALONE
        sender = mail.reverse_path
        if sender is None:
            return None if room.has(size, known=False, report=True) else FULL
        if await self._knows(account, mail):
            return None
        if not room.has(size, known=False):
            return NEARLY_FULL
        return None if not shares or rooms.has_share(account, room, sender.domain, size) else SHARE_USED

    async def _knows(self, account: AccountId, mail: MailFrom) -> bool:
        if self._acquaintance is None or mail.reverse_path is None:
            return False
        return await self._acquaintance.knows(account, mail.reverse_path)
