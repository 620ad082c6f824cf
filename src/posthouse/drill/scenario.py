"""One attack: a small function and what it needs. The catalogue says what it is about."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from posthouse.drill.bench import Bench
from posthouse.drill.fence import Allowance
from posthouse.drill.place import Person
from posthouse.drill.sandbox import Wish

MIB = 1024 * 1024

Attack = Callable[[Bench], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Toy:
    """A server that plays without a defence: where its services are, and who lives there."""

    services: dict[str, tuple[str, int]]
    people: dict[str, Person] = field(default_factory=dict)


Decoy = Callable[[], AbstractAsyncContextManager[Toy]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """``id`` names the threat. An attack tells its ``Bench`` what it expected and what it saw.

    The negative control is a server without the defence: ``weakened`` names what ``posthouse localserve`` must leave
    out (a word that ``supervisor/weakened.py`` knows), ``without`` is a configuration that switches it off, or
    ``decoy`` plays a server that never had it. ``prove`` runs
    the attack there, and it must be BROKEN.
    """

    id: str
    attack: Attack
    wish: Wish = field(default_factory=Wish)
    allowance: Allowance = field(default_factory=Allowance)
    memory: int = 64 * MIB
    """H2: what the server may take more while it is attacked."""
    live_safe: bool = False
    """May be aimed at the operator's live server."""
    weakened: str = ""
    without: str = ""
    """Configuration (TOML) that takes the defence away, instead of ``wish.config``: the kindest negative control."""
    decoy: Decoy | None = None
    excused: frozenset[str] = frozenset()
    """Invariants that this attack breaks by what it is (a server that is killed does not answer)."""

    @property
    def can_be_proved(self) -> bool:
        return bool(self.weakened or self.without or self.decoy)
