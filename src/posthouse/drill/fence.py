"""What the attacker may touch and how much of it: loopback only, and never more than its budget.

The fence is code, not configuration: there is no option that names a host.
"""

import time
from dataclasses import dataclass, field
from ipaddress import ip_address

MIB = 1024 * 1024

MOST_CONNECTIONS = 2_000
MOST_OCTETS = 256 * MIB
MOST_SECONDS = 60.0
"""Of one entry of the catalogue; an entry may ask for less and never for more."""

RUN_SECONDS = 60 * 60.0
"""Of a whole run, whatever its profile."""


class Refused(Exception):
    """The target is not ours to attack."""


class Spent(Exception):
    """The attack used up what it may use."""


def fence(host: str) -> str:
    """``host`` if it is an address of loopback; raises ``Refused`` for everything else, names included."""
    try:
        inside = ip_address(host).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise Refused(f"{host} is outside: the drill connects to loopback addresses only")
    return host


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one entry may use at most."""

    connections: int = 200
    octets: int = 64 * MIB
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.connections > MOST_CONNECTIONS or self.octets > MOST_OCTETS or self.seconds > MOST_SECONDS:
            raise ValueError(f"no attack may have more than {MOST_CONNECTIONS} connections, {MOST_OCTETS} octets, 60 s")


@dataclass(slots=True)
class Budget:
    """What is left of an ``Allowance``. Every connection and every octet of an attack is drawn from it."""

    allowance: Allowance
    connections: int = 0
    octets: int = 0
    started: float = field(default_factory=time.monotonic)

    def connect(self, host: str) -> None:
        """One more connection, to ``host``."""
        fence(host)
        self.connections += 1
        if self.connections > self.allowance.connections:
            raise Spent(f"more than {self.allowance.connections} connections")

    def send(self, octets: int) -> None:
        self.octets += octets
        if self.octets > self.allowance.octets:
            raise Spent(f"more than {self.allowance.octets} octets")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.allowance.seconds - self.seconds)
