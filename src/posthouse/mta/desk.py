"""What all sessions of a door that takes mail share: the office behind it, its limits, whom it suspects and spares."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from posthouse.admd.limits import Limits
from posthouse.filter.blocklists import BlockLists
from posthouse.filter.disguise import Disguise
from posthouse.filter.networks import Networks
from posthouse.filter.rates import ClientRates
from posthouse.mail.envelope import Recipient
from posthouse.mail.reply import Reply
from posthouse.mta.client import Client
from posthouse.mta.refusals import Refusals
from posthouse.mta.transaction import Outcome, Transaction
from posthouse.observe.ports import Journal
from posthouse.standards.smtp.events import MailFrom
from posthouse.standards.smtp.offer import Offer


class Office(Protocol):
    """Who decides about mail behind a door: ``mta.receive.Receiver`` or ``msa.submit.Submission``."""

    def begin(self, client: Client, mail: MailFrom) -> Transaction | Reply: ...

    def add_recipient(self, transaction: Transaction, recipient: Recipient) -> Reply | Awaitable[Reply]: ...

    def begin_content(self, transaction: Transaction) -> Reply: ...

    def add_content(self, transaction: Transaction, octets: bytes) -> None: ...

    async def accept(self, transaction: Transaction) -> Outcome: ...

    def abandon(self, transaction: Transaction) -> None: ...


def _calm() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all sessions of one door share."""

    name: str
    office: Office
    offer: Offer
    refusals: Refusals
    limits: Limits
    journal: Journal
    relay: Networks
    """Who may relay; nobody unless configured."""
    exempt: Networks
    """Whom no rate applies to."""
    messages_max: int
    """L13."""
    delay: Callable[[float], Awaitable[None]] = asyncio.sleep
    is_stressed: Callable[[], bool] = _calm
    """Whether connections are so many that patience is short (L17)."""
    offenders: ClientRates | None = None
    """Who remembers strangers that were thrown out; None at doors for our own."""
    lists: BlockLists | None = None
    """Lists in the DNS that are asked about a stranger as soon as he is here."""
    disguise: Disguise | None = None
    """Who notices that all strangers come from one address of ours."""
