"""Failed logins, counted once for all doors (L21; threats A02 to A04).

A source is counted under its address and the two networks around it, an
account by itself. An account that is being guessed closes only to addresses
from which it has never logged in: a known pair of account and address has a
counter of its own, so nobody can lock an owner out from his desk, and so has
every address in a network that he is known from (``admd.familiar``).

An attempt is counted *before* its password is checked and given back when it
was right, so that a hundred attempts at once are a hundred.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from posthouse.admd.allotment import Allotment
from posthouse.admd.familiar import Kinship, networks_of
from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock

MINUTE = 60
HOUR = 3600
DAY = 86400

MAX_KEYS = 65536
"""Per table; the one longest unused gives way."""
MAX_KNOWN_PAIRS = 65536

NEAR_FACTOR = 3
FAR_FACTOR = 9
"""A network gets more than one address and less than all of them together (Dovecot and mox do the same)."""

SLOW_AFTER = 5
"""Failures of an address in a minute that cost it a second each; more cost two."""

OF_ACCOUNT = "too many failed logins to this account"
OF_SOURCE = "too many failed logins from you"

_V4_PREFIXES = (32, 26, 21)
_V6_PREFIXES = (64, 48, 32)


class WindowCounter:
    """Counts by key in fixed windows of time; at most ``MAX_KEYS`` keys."""

    __slots__ = ("_counts", "_most", "_seconds")

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._counts: OrderedDict[object, list[float]] = OrderedDict()

    def adopt(self, most: int) -> None:
        """So many from now on; what was counted stays counted."""
        self._most = most

    def is_full(self, key: object, now: float) -> bool:
        entry = self._counts.get(key)
        return entry is not None and entry[1] >= self._most and now - entry[0] < self._seconds

    def add(self, key: object, now: float) -> None:
        entry = self._counts.get(key)
        if entry is None or now - entry[0] >= self._seconds:
            self._counts[key] = [now, 1]
            if len(self._counts) > MAX_KEYS:
                self._counts.popitem(last=False)
        else:
            entry[1] += 1
        self._counts.move_to_end(key)

    def count(self, key: object, now: float) -> int:
        """How often in this window."""
        entry = self._counts.get(key)
        return int(entry[1]) if entry is not None and now - entry[0] < self._seconds else 0

    def take_back(self, key: object) -> None:
        entry = self._counts.get(key)
        if entry is not None and entry[1] > 0:
            entry[1] -= 1

    def __len__(self) -> int:
        return len(self._counts)


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt that has been counted: where to take it back."""

    counts: tuple[tuple[WindowCounter, object], ...]
    address: str
    user: str
    is_strange: bool = False
    """The account is not known from there: all nodes count it together."""
    peer: str = ""
    """The address as it is."""


class Failures:
    """The one counter of failed logins."""

    __slots__ = ("_account", "_clock", "_exempt", "_known", "_near", "_pair", "_source", "shared")

    def __init__(self, limits: Limits, clock: Clock, *, exempt: frozenset[str] = frozenset()) -> None:
        self.shared: tuple[Allotment, Allotment] | None = None
        """What all nodes count together: by account in an hour, by source in a day."""
        minute, day = limits.client_auth_failures_minute, limits.client_auth_failures_day
        factors = (1, NEAR_FACTOR, FAR_FACTOR)
        self._source = tuple(
            (WindowCounter(minute * factor, MINUTE), WindowCounter(day * factor, DAY)) for factor in factors
        )
        self._pair = (WindowCounter(minute, MINUTE), WindowCounter(day, DAY))
        self._near = (WindowCounter(minute * NEAR_FACTOR, MINUTE), WindowCounter(day * NEAR_FACTOR, DAY))
        self._account = WindowCounter(limits.account_auth_failures_hour, HOUR)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._clock = clock
        self._exempt = exempt

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; what was counted stays counted."""
        minute, day = limits.client_auth_failures_minute, limits.client_auth_failures_day
        factors = (1, NEAR_FACTOR, FAR_FACTOR)
        for (by_minute, by_day), factor in zip(
            (*self._source, self._pair, self._near), (*factors, 1, NEAR_FACTOR), strict=True
        ):
            by_minute.adopt(minute * factor)
            by_day.adopt(day * factor)
        self._account.adopt(limits.account_auth_failures_hour)
        if self.shared is not None:
            by_account, by_source = self.shared
            by_account.adopt(limits.account_auth_failures_hour)
            by_source.adopt(day)

    def is_exempt(self, address: str) -> bool:
        return address in self._exempt

    def charge(self, address: str, user: str, kinship: Kinship = Kinship.STRANGE) -> Charge | str:
        """Count an attempt, or say which limit forbids it. ``kinship``: how well the account is known from there."""
        if address in self._exempt:
            return Charge((), address, user, peer=address)
        networks = source_networks(address)
        if (user, networks[0]) in self._known:
            kinship = Kinship.KNOWN
        is_strange = kinship is Kinship.STRANGE
        if is_strange and (spent := self._spent_elsewhere(user, networks[0])):
            return spent
        now = self._clock.monotonic()
        mine = self._counters(address, user, kinship, networks)
        for window, key in mine:
            if window.is_full(key, now):
                return OF_ACCOUNT if key == user else OF_SOURCE
        for window, key in mine:
            window.add(key, now)
        return Charge(mine, networks[0], user, is_strange, address)

    def _counters(
        self, address: str, user: str, kinship: Kinship, networks: Sequence[str]
    ) -> tuple[tuple[WindowCounter, object], ...]:
        """Where an attempt counts: who is known there for himself, a stranger against the network and the account."""
        pair = tuple((window, (user, networks[0])) for window in self._pair)
        if kinship is Kinship.KNOWN:
            return pair
        if kinship is Kinship.NEAR:
            around = networks_of(address)[1]
            return pair + tuple((window, (user, around)) for window in self._near)
        source = ((window, net) for windows, net in zip(self._source, networks, strict=True) for window in windows)
        return (*source, (self._account, user))

    def _spent_elsewhere(self, user: str, source: str) -> str:
        """Which limit all nodes together have reached; nothing: none."""
        if self.shared is None:
            return ""
        by_account, by_source = self.shared
        if by_account.is_spent(user):
            return OF_ACCOUNT
        return OF_SOURCE if by_source.is_spent(source) else ""

    async def fail(self, charge: Charge) -> None:
        """It was a wrong one: the other nodes shall know."""
        if charge.is_strange and self.shared is not None:
            by_account, by_source = self.shared
            await by_account.spend(charge.user)
            await by_source.spend(charge.address)

    def penalty_seconds(self, address: str) -> float:
        """What a failure from there costs in time: more for who fails more."""
        if address in self._exempt:
            return 0.0
        count = self._source[0][0].count(source_networks(address)[0], self._clock.monotonic())
        return 2.0 if count > SLOW_AFTER else 1.0

    def forgive(self, charge: Charge) -> None:
        """The attempt was no guess: take it back."""
        for window, key in charge.counts:
            window.take_back(key)

    def succeed(self, charge: Charge) -> None:
        """The password was right: take the attempt back and remember where the owner logs in from."""
        self.forgive(charge)
        if not charge.counts:
            return
        pair = (charge.user, charge.address)
        self._known[pair] = None
        self._known.move_to_end(pair)
        if len(self._known) > MAX_KNOWN_PAIRS:
            self._known.popitem(last=False)


def source_networks(address: str) -> tuple[str, str, str]:
    """The address (IPv6: /64) and the two networks around it, as keys."""
    try:
        ip = ip_address(address)
    except ValueError:
        return (address, address, address)
    if ip.version == 6 and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    prefixes = _V4_PREFIXES if ip.version == 4 else _V6_PREFIXES
    bits = 32 if ip.version == 4 else 128
    number = int(ip)
    one, near, far = (f"{ip.version}:{number >> (bits - prefix):x}/{prefix}" for prefix in prefixes)
    return (one, near, far)
