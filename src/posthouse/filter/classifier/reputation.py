"""What people think of a sender: of a domain that has proven itself, and, for little, of a network that has not.

Each user has one voice about a sender in four weeks for and one against
(tallies of kind ``reputation``, one row a day, which fade by half in a week). A
domain without a signature that holds is judged by its network, and so is one
whose signed message is sent around by strangers (threat D05).

Mail that we had to refuse is counted too (kind ``reputation.refused``), but is never more than the word of
``MOST_REFUSED`` people, who alone are too few to be heard: a stranger cannot spoil a name by misbehaving in it.
"""

import asyncio
import re
from collections.abc import Coroutine
from ipaddress import ip_address, ip_network
from typing import Any, Final

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.boundary import Judgement
from posthouse.filter.clue import Clue
from posthouse.filter.display import Display, Standing
from posthouse.filter.letter import Letter
from posthouse.filter.ports import NOTHING, Opinion
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Tally

KIND: Final = "reputation"
REFUSED: Final = "reputation.refused"
REFUSED_SHARE: Final = 0.1
"""Of a voice: one message that was refused."""
MOST_REFUSED: Final = 2.0
MOST_WAITING: Final = 64
_DAMNING: Final = frozenset({Action.REFUSE, Action.QUARANTINE})
DAYS: Final = 28
HALF_LIFE: Final = 7.0
DAY_SECONDS: Final = 86400
WINDOW_MILLISECONDS: Final = DAYS * DAY_SECONDS * 1000
LEAST: Final = 2.5
"""Voices, faded: three of these days, or more that are older."""
MOST_SCORE: Final = 2.5
NETWORK_SHARE: Final = 0.2
"""Of a voice: neighbours share an address with whoever was bad."""
MOST_REMEMBERED: Final = 10_000
REMEMBER_SECONDS: Final = 300.0
NETWORK: Final = "net:"

_PEER = re.compile(rb"\r\nReceived: from \S+ \(\S+ \[(?:IPv6:)?([0-9a-fA-F.:]{2,45})\]\)")


class Voices(msgspec.Struct, frozen=True):
    """Faded counts of people who called it junk and good."""

    junk: float
    good: float
    until: float

    def score(self, share: float) -> float:
        heard = self.junk + self.good
        return round(share * MOST_SCORE * (self.junk - self.good) / (heard + 1), 2) if heard >= LEAST else 0.0


class Reputation:
    """Implements ``filter.ports.Examiner`` and, for what is refused, ``filter.boundary.Witness``."""

    name = "reputation"

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._known: Lru[str, Voices] = Lru(MOST_REMEMBERED)
        self._working: set[asyncio.Task[None]] = set()
        self.is_mute = True
        """Nobody has said anything about anybody: nothing is looked up."""

    @property
    def _day(self) -> int:
        return int(self._clock.now()) // DAY_SECONDS

    def examine(self, letter: Letter) -> Opinion | Coroutine[Any, Any, Opinion]:
        if self.is_mute or letter.submitter is not None or letter.display is None:
            return NOTHING
        who = identity(letter.display, letter.peer)
        known = self._known.get(who)
        if known is not None and known.until > self._clock.monotonic():
            return self._opinion(who, known)
        return self._ask(who) if who else NOTHING

    async def _ask(self, who: str) -> Opinion:
        try:
            return self._opinion(who, await self.voices(who))
        except StorageError as error:  # what is only a hint keeps nobody waiting
            self._journal.note("reputation.unread", Level.WARNING, reason=str(error))
            return NOTHING

    def _opinion(self, who: str, voices: Voices) -> Opinion:
        is_network = who.startswith(NETWORK)
        score = voices.score(NETWORK_SHARE if is_network else 1.0)
        if not score:
            return NOTHING
        name = "reputation.network" if is_network else "reputation.domain"
        heard = f"junk by {voices.junk:.1f} and good by {voices.good:.1f} of our people"
        text = f"{who.removeprefix(NETWORK)} is called {heard}, older voices faded"
        return Opinion((Clue(self.name, name, text, score),))

    async def voices(self, who: str) -> Voices:
        """What was said in the last four weeks, faded."""
        today = self._day
        ages = {_row(today - age, who): age for age in range(DAYS)}
        junk = good = 0.0
        refused = 0.0
        said, done = await asyncio.gather(
            self._store.tallies(KIND, tuple(ages)), self._store.tallies(REFUSED, tuple(ages))
        )
        for row in said:
            faded = 0.5 ** (ages[row.key] / HALF_LIFE)
            junk += max(row.a, 0) * faded
            good += max(row.b, 0) * faded
        for row in done:
            refused += row.a * REFUSED_SHARE * 0.5 ** (ages[row.key] / HALF_LIFE)
        junk += min(refused, MOST_REFUSED)
        found = Voices(junk, good, self._clock.monotonic() + REMEMBER_SECONDS)
        self._known.put(who, found)
        return found

    async def vote(self, account: AccountId, who: str, *, is_junk: bool) -> str:
        """The row that was counted in; empty when ``account`` has spoken about this sender already, or about nobody."""
        if not who:
            return ""
        voice = f"{KIND}/{account}/{'junk' if is_junk else 'good'}/{who}"
        if not await self._store.take(voice, 1, 1, WINDOW_MILLISECONDS, int(self._clock.now() * 1000)):
            return ""
        row = _row(self._day, who)
        await self._add(row, 1, is_junk=is_junk)
        return row

    async def take_back(self, row: str, *, is_junk: bool) -> None:
        await self._add(row, -1, is_junk=is_junk)

    async def _add(self, row: str, step: int, *, is_junk: bool) -> None:
        await self._store.add_tallies([Tally(KIND, row, step if is_junk else 0, 0 if is_junk else step)])
        self._known.drop(row.partition("/")[2])
        self.is_mute = False

    def saw(self, letter: Letter, judgement: Judgement) -> None:
        """A message was judged; only what we refuse or hold says something without anybody's act."""
        if judgement.action not in _DAMNING or letter.submitter is not None or len(self._working) >= MOST_WAITING:
            return
        who = identity(letter.display, letter.peer)
        if who:
            task = asyncio.get_running_loop().create_task(self._count_refused(who))
            self._working.add(task)
            task.add_done_callback(self._working.discard)

    async def settled(self) -> None:
        """Returns when all that was seen has been counted."""
        await asyncio.gather(*self._working)

    async def _count_refused(self, who: str) -> None:
        try:
            await self._store.add_tallies([Tally(REFUSED, _row(self._day, who), 1)])
        except StorageError as error:
            self._journal.note("reputation.uncounted", Level.WARNING, reason=str(error))

    async def refresh(self) -> None:
        """Whether anybody has said anything."""
        if self.is_mute:
            self.is_mute = not await self._store.list_tallies(KIND, limit=1)

    async def prune(self) -> int:
        """**Durable.** Rows of days that do not count any more."""
        return await self._prune(KIND) + await self._prune(REFUSED)

    async def _prune(self, kind: str) -> int:
        gone, first = 0, f"{self._day - DAYS:06d}"
        while True:
            rows = [one.key for one in await self._store.list_tallies(kind, limit=1000) if one.key < first]
            gone += await self._store.drop_tallies(kind, rows) if rows else 0
            if len(rows) < 1000:
                return gone


def _row(day: int, who: str) -> str:
    return f"{day:06d}/{who}"


def identity(display: Display | None, peer: str) -> str:
    """Whom a message counts for or against: the proven domain, else the network it came from; nobody for our own."""
    if display is None:
        return ""
    if display.standing is Standing.VERIFIED and display.domain:
        return display.domain[:253]
    try:
        address = ip_address(peer)
    except ValueError:
        return ""
    return f"{NETWORK}{ip_network((address, 24 if address.version == 4 else 48), strict=False)}"


def identity_in(prefix: bytes, display: Display | None) -> str:
    """The same of a stored message, by what we wrote above it."""
    match = _PEER.search(prefix)
    return identity(display, match[1].decode() if match is not None else "")
