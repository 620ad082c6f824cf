"""Those with whom the queue is carried."""

from collections.abc import Callable
from dataclasses import dataclass

from posthouse.lib.ports import Clock
from posthouse.mail.reply import reply
from posthouse.mta.outside import Outside
from posthouse.mta.relay import Relay
from posthouse.mta.route import Routes
from posthouse.mta.settler import Settler
from posthouse.observe.ports import Journal
from posthouse.storage.ports import Store

OUR_TROUBLE = reply(451, "4.3.0", "this server could not read the message")


@dataclass(frozen=True, slots=True)
class Crew:
    """What the manager, its workers and those who ask the way share."""

    store: Store
    relay: Relay
    routes: Routes
    settler: Settler
    outside: Outside | None
    clock: Clock
    chance: Callable[[], float]
    journal: Journal

    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock.now() * 1000)
