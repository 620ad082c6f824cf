"""Signs that somebody else sends from an account of ours (threat A06): many new recipients, many who do not exist.

Who writes as always writes mostly to people he knows. Who has stolen a password
writes to lists: to hundreds whom the account never wrote to, many of whom are
not there. Counted in memory, by account; what follows is decided by
``mta.custody``.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from posthouse.admd.limits import Limits
from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.allowance import DAY, Allowance
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId

MOST_ACCOUNTS: Final = 65536
OFFICE_TIMES: Final = 20
"""An account that relays for a whole office may send as much as so many people."""


class _Sent(msgspec.Struct):
    since: float
    results: int = 0
    failed: int = 0


class Takeover:
    """Says why an account should be held, or nothing."""

    __slots__ = ("_acquaintance", "_clock", "_limits", "_met", "_sent")

    def __init__(self, acquaintance: Acquaintance, limits: Limits, clock: Clock) -> None:
        self._acquaintance = acquaintance
        self._limits = limits
        self._clock = clock
        self._met: Allowance[AccountId] = Allowance(limits.account_new_recipients_day, DAY, clock)
        self._sent: Lru[AccountId, _Sent] = Lru(MOST_ACCOUNTS)

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; a rule that did not change keeps what was used."""
        self._limits = limits
        self._met.change(limits.account_new_recipients_day, DAY)

    async def meets(self, account: AccountId, addresses: Sequence[Address], *, is_office: bool) -> str:
        """The account writes to ``addresses`` outside. Raises ``StorageError``."""
        strangers = await self._acquaintance.strangers(account, addresses)
        if not strangers:
            return ""
        if self._met.take(account, strangers / (OFFICE_TIMES if is_office else 1)):
            return ""
        most = self._limits.account_new_recipients_day * (OFFICE_TIMES if is_office else 1)
        return f"it wrote to more than {most} new people in a day"

    def ended(self, account: AccountId, *, failed: bool) -> str:
        """What became of one recipient outside."""
        now = self._clock.monotonic()
        sent = self._sent.get(account)
        if sent is None or now - sent.since >= DAY:
            sent = _Sent(now)
            self._sent.put(account, sent)
        sent.results += 1
        sent.failed += failed
        limits = self._limits
        if not failed or sent.results < limits.bounced_of:
            return ""
        if sent.failed * 100 <= limits.bounced_percent * sent.results:
            return ""
        return f"{sent.failed} of the {sent.results} people it wrote to lately do not exist or want none of it"

    def forgive(self, account: AccountId) -> None:
        """A person has looked at it: results count anew."""
        self._sent.drop(account)
