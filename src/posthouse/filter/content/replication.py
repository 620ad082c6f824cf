"""The same file sent by many accounts of ours within minutes: mail that sends itself on (threat M08).

Counted by the hash of each attached file; pictures are left out, because whole
offices have the same one in their signatures. A table that forgets: at most
``FILES`` files, and of each no more senders than it takes to decide.
"""

from posthouse.filter.allowance import MOST_NEWS
from posthouse.filter.sharing import Shared
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId

FILES = 20_000


class Replication:
    """Held in memory, by all nodes together; a restart forgets it. Implements ``filter.sharing.Shared``."""

    __slots__ = ("_clock", "_enough", "_news", "_seconds", "_senders")

    def __init__(self, clock: Clock, *, accounts: int, seconds: float) -> None:
        self._clock = clock
        self._senders: Lru[bytes, dict[AccountId, float]] = Lru(FILES)
        self._news: dict[str, float] | None = None
        self.adopt(accounts, seconds)

    def adopt(self, accounts: int, seconds: float) -> None:
        """Go by these limits from now on."""
        self._enough = accounts
        self._seconds = seconds

    def note(self, digest: bytes, account: AccountId) -> bool:
        """``account`` sends this file; whether too many have within the time, itself included."""
        if self._news is not None and len(self._news) < MOST_NEWS:
            self._news[f"{digest.hex()}/{account}"] = 1
        return self._note(digest, account)

    def _note(self, digest: bytes, account: AccountId) -> bool:
        now = self._clock.monotonic()
        senders = self._senders.get_or_make(digest, dict)
        for one in [one for one, at in senders.items() if at < now - self._seconds]:
            del senders[one]
        senders.pop(account, None)
        if len(senders) >= self._enough:
            del senders[next(iter(senders))]
        senders[account] = now
        return len(senders) >= self._enough

    # -- among several nodes

    @property
    def allowances(self) -> dict[str, Shared]:
        """By the name under which nodes tell each other of it."""
        return {"worm": self}

    def share(self) -> None:
        self._news = {}

    def take_news(self) -> dict[str, float]:
        news, self._news = self._news or {}, {}
        return news

    def charge_elsewhere(self, who: str, _amount: float) -> None:
        """An account that another node serves has sent a file."""
        digest, _, account = who.partition("/")
        try:
            self._note(bytes.fromhex(digest), AccountId(int(account)))
        except ValueError:  # of another release
            return
