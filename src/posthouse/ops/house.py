"""What an operation is given, and how it says that it cannot."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from posthouse.admd.directory import Directory
from posthouse.admd.keyring import KeyRing
from posthouse.admd.limits import Limits
from posthouse.admd.passwords import IsBreached
from posthouse.admd.vault import Vault
from posthouse.filter.classifier.school import School
from posthouse.filter.scanners.scanner import Scanner
from posthouse.lib.ports import Clock
from posthouse.mta.custody import Custody
from posthouse.mta.digest import Digests
from posthouse.mta.feedback.post import Post
from posthouse.mta.quarantine import Quarantine
from posthouse.mta.settler import Secretary
from posthouse.ops.dnsadvice import Place
from posthouse.storage.ports import Store

Row = Mapping[str, object]
"""One line of a list. Its names are stable; tools must ignore those they do not know."""


class CannotDo(Exception):
    """An operation that cannot be done: ``str()`` says what is wrong, ``hint`` what to do about it."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


def _nothing() -> None: ...


async def _gather_nothing() -> None: ...


def _no_facts() -> Row:
    return {}


def no_scanners() -> Mapping[str, Scanner]:
    return {}


@dataclass(frozen=True, slots=True)
class House:
    """The ports of the operations.

    In a running server ``wake`` tells the queue's manager that something
    changed, ``secretary`` writes reports, ``facts`` gives what only the running
    server knows, and ``directory`` is the one its doors ask: a change of people
    holds there before the operator hears that it is done. A command that opened
    the store itself has none of them.
    """

    store: Store
    clock: Clock
    limits: Limits = field(default_factory=Limits)
    wake: Callable[[], None] = _nothing
    secretary: Secretary | None = None
    facts: Callable[[], Row] = _no_facts
    directory: Directory | None = None
    keys: KeyRing | None = None
    place: Place | None = None
    new_vault: Callable[[], Awaitable[Vault]] | None = None
    """Makes a master key where there is none any more."""
    scanners: Callable[[], Mapping[str, Scanner]] = no_scanners
    quarantine: Quarantine | None = None
    """With the ear of the classifier; without it one is made that has none."""
    digests: Digests | None = None
    custody: Custody | None = None
    """Tells people what happens to their accounts; without it nobody is told."""
    is_breached: Callable[[], IsBreached | None] = _nothing
    """The operator's list of stolen passwords."""
    school: School | None = None
    """What the classifier knows."""
    post: Post | None = None
    """Who sends reports about authentication and TLS."""
    gather: Callable[[], Awaitable[None]] = _gather_nothing
    """Puts on the shelves what is to be reported and still in memory."""

    @property
    def now(self) -> int:
        """Milliseconds since 1970."""
        return int(self.clock.now() * 1000)
