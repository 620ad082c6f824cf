"""Signs that somebody else sends from an account of ours (threat A06): many new recipients, many who do not exist.

Who writes as always writes mostly to people he knows. Who has stolen a password
writes to lists: to hundreds whom the account never wrote to, many of whom are
not there. Counted in memory, by account, by all nodes together
(``filter.sharing``); what follows is decided by ``mta.custody``.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from posthouse.admd.limits import Limits
from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.allowance import DAY, MOST_NEWS, Allowance
from posthouse.filter.sharing import Shared
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId

MOST_ACCOUNTS: Final = 65536
OFFICE_TIMES: Final = 20
"""An account that relays for a whole office may send as much as so many people."""


class _Sent(msgspec.Struct):
    since: float
    results: float = 0
    failed: float = 0


class Results:
    """What became of an account's recipients outside, within a day. Implements ``filter.sharing.Shared``.

    News are of the account for all its results, and of its negative number for those who failed.
    """

    __slots__ = ("_clock", "_news", "_sent")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sent: Lru[AccountId, _Sent] = Lru(MOST_ACCOUNTS)
        self._news: dict[int, float] | None = None

    def note(self, account: AccountId, *, failed: bool) -> _Sent:
        """One more; what there is of the account now."""
        self._add_news(account, 1, failed)
        return self._add(account, 1, failed)

    def forget(self, account: AccountId) -> None:
        """They count anew, on all nodes."""
        sent = self._sent.get(account)
        if sent is not None:
            self._add_news(account, -sent.results, -sent.failed)
            self._sent.drop(account)

    def share(self) -> None:
        self._news = {}

    def take_news(self) -> dict[int, float]:
        news, self._news = self._news or {}, {}
        return news

    def charge_elsewhere(self, who: int, amount: float) -> None:
        account = AccountId(abs(who))
        sent = self._add(account, amount, 0) if who > 0 else self._add(account, 0, amount)
        sent.results, sent.failed = max(sent.results, 0), max(sent.failed, 0)

    def _add(self, account: AccountId, results: float, failed: float) -> _Sent:
        now = self._clock.monotonic()
        sent = self._sent.get(account)
        if sent is None or now - sent.since >= DAY:
            sent = _Sent(now)
            self._sent.put(account, sent)
        sent.results += results
        sent.failed += failed
        return sent

    def _add_news(self, account: AccountId, results: float, failed: float) -> None:
        news = self._news
        if news is not None and (account in news or len(news) < MOST_NEWS):
            news[account] = news.get(account, 0) + results
            if failed:
                news[-account] = news.get(-account, 0) + failed


class Takeover:
    """Says why an account should be held, or nothing."""

    __slots__ = ("_acquaintance", "_limits", "_met", "_results")

    def __init__(self, acquaintance: Acquaintance, limits: Limits, clock: Clock) -> None:
        self._acquaintance = acquaintance
        self._limits = limits
        self._met: Allowance[AccountId] = Allowance(limits.account_new_recipients_day, DAY, clock)
        self._results = Results(clock)

    @property
    def allowances(self) -> dict[str, Shared]:
        """By the names under which nodes tell each other of them."""
        return {"new-recipients": self._met, "results": self._results}

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
        sent = self._results.note(account, failed=failed)
        limits = self._limits
        if not failed or sent.results < limits.bounced_of:
            return ""
        if sent.failed * 100 <= limits.bounced_percent * sent.results:
            return ""
        return f"{sent.failed:.0f} of the {sent.results:.0f} people it wrote to lately do not exist or want none of it"

    def forgive(self, account: AccountId) -> None:
        """A person has looked at it: results count anew."""
        self._results.forget(account)
