"""Who may come in, and how often: limits L14 and L15, on the address and on the networks around it.

Counts of open connections are bounded by the connections there are; rates
live in tables that forget. Tables are asked before anything is built for a
connection, so one that is turned away costs a dictionary access.
"""

from typing import Any

from posthouse.admd.limits import Limits
from posthouse.filter.allowance import MINUTE, Allowance
from posthouse.filter.networks import Networks, number_of
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.net.ports import Peer
from posthouse.observe.ports import Journal, Level

OPEN_TO_STRANGERS = 0.75
"""L14: the share of all connections that port 25 may take; the rest is kept for submission and access."""

OPEN_TO_MORE = 0.7
"""From here on only strangers come in of whose far surroundings nobody is here: who floods us is here already (R01)."""

OPEN_TO_VISITORS = 0.95
"""Of doors with a login: the rest is for addresses that somebody of ours has logged in from lately (O11)."""

OURS_TIMES = 10
"""As many connections as a stranger's address may have one of ours: an attacker beside us locks nobody out."""

MOST_OURS = 20_000

STRESSED = 0.6
"""From this share on: while there is still room to come in."""

CALM = 0.5
"""Below this share stress is over; apart from where it begins, so that one caller does not turn it on and off."""

_SHIFTS = {4: (0, 6, 11), 6: (64, 80, 96)}
"""The client, its near and its far surroundings: /32, /26, /21 and /64, /48, /32 as bits to drop."""

_TAGS = {(version, level): (version << 2 | level) << 72 for version in (4, 6) for level in (0, 1, 2)}

Key = int
"""A network as one number: of which version and which size, and its address without the bits that do not matter."""


def surroundings(address: str) -> tuple[Key, ...]:
    """The client itself, its near and its far network, as keys of tables; nothing for what is no IP address."""
    numbered = number_of(address)
    if numbered is None:
        return ()
    version, number = numbered
    client, near, far = _SHIFTS[version]
    return (
        _TAGS[version, 0] | number >> client,
        _TAGS[version, 1] | number >> near,
        _TAGS[version, 2] | number >> far,
    )


class Census:
    """The open connections of the whole house and how fast new ones came; all gates share one."""

    __slots__ = ("_at_once", "_connects", "_most", "_open", "_ours", "_stressed", "total")

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._stressed = False
        self._connects: tuple[Allowance[Key], ...] = tuple(Allowance(1, MINUTE, clock) for _level in range(3))
        self._open: dict[Key, int] = {}
        self._ours: Lru[Key, bool] = Lru(MOST_OURS)
        self.total = 0
        self.adopt(limits)

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; what is open stays counted."""
        self._most = limits.connections
        self._at_once = (limits.client_connections, limits.near_connections, limits.far_connections)
        rates = (limits.client_connects, limits.near_connects, limits.far_connects)
        for allowance, most in zip(self._connects, rates, strict=True):
            allowance.change(most, MINUTE)

    @property
    def allowances(self) -> dict[str, Allowance[Any]]:
        """By the names under which nodes tell each other of them."""
        return {f"connects.{level}": one for level, one in enumerate(self._connects)}

    def enter(self, keys: tuple[Key, ...]) -> None:
        self.total += 1
        self._stressed = self._stressed or self.is_full(STRESSED)
        for key in keys:
            self._open[key] = self._open.get(key, 0) + 1

    def leave(self, keys: tuple[Key, ...]) -> None:
        self.total -= 1
        self._stressed = self._stressed and self.is_full(CALM)
        for key in keys:
            left = self._open.get(key, 0) - 1
            if left > 0:
                self._open[key] = left
            else:
                self._open.pop(key, None)

    def is_full(self, share: float) -> bool:
        return self.total >= self._most * share

    def is_stressed(self) -> bool:
        """So full that idle clients get less patience (L17); asked for every command."""
        return self._stressed

    def note_login(self, address: str) -> None:
        """Somebody of ours has logged in from there."""
        for client in surroundings(address)[:1]:
            self._ours.put(client, True)

    def is_ours(self, keys: tuple[Key, ...]) -> bool:
        """Somebody of ours has logged in from there lately."""
        return bool(keys) and keys[0] in self._ours

    def is_newcomer(self, keys: tuple[Key, ...]) -> bool:
        """Nobody of its far surroundings is here."""
        return bool(keys) and keys[-1] not in self._open

    def is_crowded(self, keys: tuple[Key, ...], times: int = 1) -> bool:
        """L14: too many at once from there; ``times`` as many may come."""
        return any(self._open.get(key, 0) >= most * times for key, most in zip(keys, self._at_once, strict=False))

    def is_hasty(self, keys: tuple[Key, ...]) -> bool:
        """L15: too many in the last minute from there; one that is not is counted."""
        return not all(allowance.take(key) for key, allowance in zip(keys, self._connects, strict=False))


class ClientGate:
    """One listener's gate. Implements ``net.listener.Gate``.

    ``public`` is port 25: it obeys L15 and leaves the reserve of L14 alone.
    ``refusal`` is what the protocol says to somebody who may not come in.
    """

    __slots__ = ("_census", "_exempt", "_journal", "_public", "_refusal")

    def __init__(self, census: Census, *, exempt: Networks, public: bool, refusal: bytes, journal: Journal) -> None:
        self._census = census
        self._exempt = exempt
        self._public = public
        self._refusal = refusal
        self._journal = journal

    def admit(self, peer: Peer) -> bytes | None:
        """None: come in. Otherwise what to say before hanging up."""
        if peer.address in self._exempt:
            return None
        keys = surroundings(peer.address)
        why = self._objection(keys)
        if why is None:
            self._census.enter(keys)
            return None
        self._journal.note("client.refused", Level.DEBUG, peer=peer.address, reason=why)
        return self._refusal

    def left(self, peer: Peer) -> None:
        if peer.address not in self._exempt:
            self._census.leave(surroundings(peer.address))

    def _objection(self, keys: tuple[Key, ...]) -> str | None:
        census = self._census
        if not self._public and census.is_ours(keys):
            return "L14" if census.is_full(1.0) or census.is_crowded(keys[:1], OURS_TIMES) else None
        if census.is_full(self._share(keys)):
            return "L14 in all"
        if census.is_crowded(keys):
            return "L14"
        return "L15" if self._public and census.is_hasty(keys) else None

    def _share(self, keys: tuple[Key, ...]) -> float:
        if not self._public:
            return OPEN_TO_VISITORS
        return OPEN_TO_STRANGERS if self._census.is_newcomer(keys) else OPEN_TO_MORE
