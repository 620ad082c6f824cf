"""What lists in the DNS say of a client: block lists and welcome lists (RFC 5782).

They are asked when a client connects and waited for only when somebody must
know. A list that does not answer says nothing. A list that names the whole
world, or nobody, is dead: its test entries (RFC 5782 section 5) are asked at
start, and it is left out with an alarm.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address
from typing import Any, Final

from posthouse.filter.clue import Clue
from posthouse.filter.eagerly import within
from posthouse.filter.letter import Letter
from posthouse.filter.networks import normalise
from posthouse.filter.ports import NOTHING, Opinion
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.reply import Reply
from posthouse.observe.ports import Journal, Level
from posthouse.standards.dns.ports import Answer, DnsTrouble, Resolver

SECONDS: Final = 5.0
"""For all lists together; what is not known by then is not known."""

KEPT_SECONDS: Final = 300.0
MOST_KEPT: Final = 20_000
MOST_LISTS: Final = 16

TESTS: Final = {4: ("127.0.0.2", "127.0.0.1"), 6: ("::ffff:7f00:2", "::ffff:7f00:1")}
"""RFC 5782 section 5: always listed, and never."""


class Means(Enum):
    """What it means to be on a list."""

    REFUSE = "refuse"
    DEFER = "defer"
    SCORE = "score"
    WELCOME = "welcome"


@dataclass(frozen=True, slots=True)
class List:
    """``codes`` are the answers that count; without any, all in 127.0.0.0/8 do."""

    zone: str
    means: Means = Means.SCORE
    score: float = 3.0
    codes: frozenset[str] = frozenset()
    ipv6: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """What they said of one client: the lists it is on."""

    lists: tuple[List, ...] = ()

    @property
    def is_welcome(self) -> bool:
        return any(one.means is Means.WELCOME for one in self.lists)

    @property
    def reply(self) -> Reply | None:
        """The refusal, if a list asks for one: for good before for now."""
        for means, code, status in ((Means.REFUSE, 550, "5.7.1"), (Means.DEFER, 451, "4.7.1")):
            for one in self.lists:
                if one.means is means:
                    return Reply(code, status, (f"your address is listed by {one.zone}",))
        return None


NOWHERE: Final = Listing()


def query_name(address: str, zone: str) -> str:
    """RFC 5782 section 2.1 and 2.4: the octets of IPv4 or the nibbles of IPv6 backwards; empty for no address."""
    found = normalise(address)
    if found is None:
        return ""
    if isinstance(found, IPv6Address):
        return ".".join(reversed(found.exploded.replace(":", ""))) + "." + zone
    return ".".join(reversed(str(found).split("."))) + "." + zone


class BlockLists:
    """Implements ``filter.ports.Examiner``: lists that only score are weighed with all else."""

    __slots__ = ("_clock", "_dead", "_found", "_journal", "_lists", "_resolver")

    name = "dnsbl"

    def __init__(self, lists: tuple[List, ...], resolver: Resolver, clock: Clock, journal: Journal) -> None:
        self._lists = lists[:MOST_LISTS]
        self._resolver = resolver
        self._clock = clock
        self._journal = journal
        self._dead: set[tuple[str, int]] = set()
        self._found: Lru[str, tuple[float, asyncio.Task[Listing]]] = Lru(MOST_KEPT)

    def begin(self, address: str) -> "asyncio.Task[Listing]":
        """Ask about a client, in the background; the same answer for some minutes."""
        now = self._clock.monotonic()
        known = self._found.get(address)
        if known is not None and known[0] > now:
            return known[1]
        task = asyncio.get_running_loop().create_task(self._ask_all(address))
        self._found.put(address, (now + KEPT_SECONDS, task))
        return task

    async def find(self, address: str) -> Listing:
        """What they say of a client."""
        return await asyncio.shield(self.begin(address))

    def examine(self, letter: Letter) -> Opinion | Coroutine[Any, Any, Opinion]:
        if letter.submitter is not None or not letter.peer:
            return NOTHING
        return self._examine_client(letter)

    async def _examine_client(self, letter: Letter) -> Opinion:
        listing = await self.find(letter.peer)
        return Opinion(
            tuple(
                Clue(self.name, f"dnsbl.{one.zone}", f"{letter.peer} is listed by {one.zone}", score=_weight(one))
                for one in listing.lists
                if one.means in {Means.SCORE, Means.WELCOME}
            )
        )

    async def _ask_all(self, address: str) -> Listing:
        found = normalise(address)
        if found is None:
            return NOWHERE
        asked = [
            one
            for one in self._lists
            if (one.ipv6 or found.version == 4) and (one.zone, found.version) not in self._dead
        ]
        works = [asyncio.ensure_future(self._is_on(address, one)) for one in asked]
        if not works:
            return NOWHERE
        try:
            await asyncio.wait(works, timeout=SECONDS)
        finally:
            for work in works:
                work.cancel()
        return Listing(
            tuple(
                one
                for one, work in zip(asked, works, strict=True)
                if work.done() and not work.cancelled() and work.exception() is None and work.result()
            )
        )

    async def _is_on(self, address: str, one: List) -> bool:
        try:
            answer: Answer[str] = await self._resolver.a(query_name(address, one.zone))
        except DnsTrouble:
            return False
        return any(_counts(record, one) for record in answer.records)

    async def test(self) -> None:
        """Ask for the test entries of each list; one that answers wrongly is left out."""
        for one in self._lists:
            for version, (listed, clear) in TESTS.items():
                if version == 6 and not one.ipv6:
                    continue
                why = await self._fault(one, version, listed, clear)
                if why:
                    self._dead.add((one.zone, version))
                    self._journal.note("dnsbl.dead", Level.ALARM, zone=one.zone, version=version, reason=why)

    async def _fault(self, one: List, version: int, listed: str, clear: str) -> str:
        try:
            if await within(self._lists_test(one, version, clear), SECONDS):
                return "it lists everybody: the entry that must not be listed is"
            if not await within(self._lists_test(one, version, listed), SECONDS):
                return "it lists nobody: its test entry is not there" if version == 4 else ""
        except (DnsTrouble, TimeoutError):
            self._journal.note("dnsbl.untested", Level.WARNING, zone=one.zone, version=version)
        return ""

    async def _lists_test(self, one: List, version: int, address: str) -> bool:
        if version == 4:
            name = query_name(address, one.zone)
        else:  # not the IPv4 address it maps
            name = ".".join(reversed(IPv6Address(address).exploded.replace(":", ""))) + "." + one.zone
        return bool((await self._resolver.a(name)).records)


def _weight(one: List) -> float:
    return -abs(one.score) if one.means is Means.WELCOME else one.score


def _counts(record: str, one: List) -> bool:
    """RFC 5782 section 2.1: an answer outside 127.0.0.0/8 is no listing but somebody's advertisement."""
    return record.startswith("127.") and (not one.codes or record in one.codes)
