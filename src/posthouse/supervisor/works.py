"""What the wiring makes, and what it makes it of: one way of running, the tools that everybody is handed, the house."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from posthouse.admd.authenticator import Authenticator
from posthouse.admd.directory import Directory
from posthouse.admd.keyring import KeyRing
from posthouse.admd.limits import Limits
from posthouse.filter.classifier.lesson import Lesson
from posthouse.filter.classifier.school import School
from posthouse.filter.connections import ClientGate
from posthouse.filter.content.replication import Replication
from posthouse.filter.networks import Networks
from posthouse.filter.scanners.scanner import Scanner
from posthouse.lib.ports import Clock, Ids
from posthouse.mta.custody import Custody
from posthouse.mta.desk import Desk
from posthouse.mta.digest import Digests
from posthouse.mta.intake import Intake
from posthouse.mta.manager import Manager
from posthouse.mta.quarantine import Quarantine
from posthouse.mta.secretary import Secretary
from posthouse.mta.signing import Signer
from posthouse.mta.space import Space
from posthouse.net.listener import OpenDoor
from posthouse.observe.metrics import PrometheusMeter
from posthouse.observe.ports import Journal
from posthouse.services.imapd.access import Reception as Welcome
from posthouse.services.pop3d.holders import Holders
from posthouse.standards.dns.ports import ServiceResolver
from posthouse.storage.ports import Store
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.feedback import Feedback
from posthouse.supervisor.guarding import Guards
from posthouse.supervisor.nursery import Nursery
from posthouse.supervisor.workers import WorkerPool


@dataclass(frozen=True, slots=True)
class Setting:
    """What one way of running differs in from another."""

    configuration: Configuration
    resolver: ServiceResolver | None = None
    """Instead of the DNS."""
    outside: Path | None = None
    """Where mail for others is kept instead of sent."""
    smarthost: tuple[str, int] | None = None
    """Where all mail for others goes."""
    exempt: tuple[str, ...] = ()
    """Addresses no rate applies to."""
    may_dial: Callable[[str, int], bool] | None = None
    """Where we may connect to at all; None is everywhere."""
    home: Path | None = None
    """A directory beside the store's where files are written while we serve."""
    publish: Callable[[str, bytes], None] | None = None
    """Puts a TXT record into the DNS; without it an operator does, and keys wait until their record is seen."""


@dataclass(slots=True)
class Tools:
    """What everybody is handed."""

    clock: Clock
    ids: Ids
    journal: Journal
    meter: PrometheusMeter
    limits: Limits
    nursery: Nursery | None = None
    """Where workers are born; None makes one when the first is needed."""


@dataclass(frozen=True, slots=True)
class Site:
    """What every office is built on."""

    setting: Setting
    store: Store
    directory: Directory
    tools: Tools
    resolver: ServiceResolver

    @property
    def configuration(self) -> Configuration:
        return self.setting.configuration


@dataclass(slots=True)
class Works:
    """The wired house: what serves, and what runs beside it."""

    store: Store
    directory: Directory
    authenticator: Authenticator
    intake: Intake
    manager: Manager
    secretary: Secretary
    space: Space
    guards: Guards
    """Who looks at strangers before their mail is looked at."""
    welcome: Welcome
    """One count of IMAP connections for all ports."""
    exempt: Networks
    resolver: ServiceResolver
    ring: KeyRing
    signer: Signer | None
    """None when the configuration says that nothing is signed."""
    workers: WorkerPool
    """For what is heavy or hostile."""
    hashers: WorkerPool
    """For passwords: nobody's attachment keeps a login waiting."""
    custody: Custody
    """Accounts that are held, and who has a weak password."""
    replication: Replication
    """Which files our own people send."""
    quarantine: Quarantine
    digests: Digests
    school: School
    """What people teach the classifier."""
    feedback: Feedback
    """Reports about authentication and TLS."""
    holders: Holders = field(default_factory=Holders)
    """Who has which maildrop open, on whatever port."""
    gates: dict[str, ClientGate] = field(default_factory=dict)
    desks: dict[str, Desk] = field(default_factory=dict)
    """Of the doors that take mail."""
    doors: dict[str, OpenDoor] = field(default_factory=dict)
    """Replaced on a reload: connections that exist keep what they have."""
    scanners: dict[str, Scanner] = field(default_factory=dict)
    """By name, as the configuration has them."""
    troubles: list[Callable[[], str]] = field(default_factory=list)
    """Each says what is wrong, or nothing."""

    def heed(self, lesson: Lesson) -> None:
        """Somebody said what he thinks of a message by what he did with it."""
        self.guards.pardons.heed(lesson)
        self.school.heed(lesson)
