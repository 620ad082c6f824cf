"""A small office with everything that takes mail in, over a store that the test opened.

Domain ``office.test`` with alice, bob and carol, an alias, a group, and
circles that lead nowhere. Time is wound by hand, ids count, delays return at
once and are remembered; journal entries are kept.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from posthouse.admd.authenticator import Authenticator
from posthouse.admd.directory import Directory
from posthouse.admd.keyring import KeyRing
from posthouse.admd.limits import Limits
from posthouse.admd.vault import KEY_OCTETS, Vault
from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.boundary import Boundary
from posthouse.filter.networks import Networks
from posthouse.filter.rates import AccountRates, ClientRates
from posthouse.filter.takeover import Takeover
from posthouse.lib.sansio import Channel
from posthouse.mail.ids import AccountId
from posthouse.ms.describe import describe
from posthouse.msa.submit import Submission
from posthouse.mta.admission import Admission
from posthouse.mta.amend import Amend
from posthouse.mta.bounce import Reporter
from posthouse.mta.custody import Custody
from posthouse.mta.desk import Desk
from posthouse.mta.handoff import Nobody
from posthouse.mta.intake import Intake
from posthouse.mta.receive import Receiver
from posthouse.mta.recipients import Recipients
from posthouse.mta.refusals import Refusals
from posthouse.mta.relaying import Relaying
from posthouse.mta.rooms import Rooms
from posthouse.mta.schedule import Schedule
from posthouse.mta.sealing import Sealer
from posthouse.mta.signing import Signer
from posthouse.mta.space import Space
from posthouse.net.ports import Peer
from posthouse.services.lmtpd import open_lmtp
from posthouse.services.smtpd import open_smtp
from posthouse.services.submissiond import open_submission
from posthouse.standards.smtp.offer import Offer
from posthouse.storage.directory import AliasRow, DomainRow
from posthouse.storage.mailbox import Role, Stored
from posthouse.storage.ports import Store
from posthouse.storage.queue import Item, QueueFilter
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock
from posthouse.testing.wire import TLS, AsyncWire
from posthouse.testing.zone import Zone

HOSTNAME = "mx.office.test"
STRANGER = Peer("192.0.2.1", 4711, "198.51.100.1", 25)
RELAY = Peer("203.0.113.7", 4711, "198.51.100.1", 25)
PEOPLE = ("alice", "bob", "carol")
ALIASES = (
    AliasRow("sales@office.test", ("bob@office.test",)),
    AliasRow("all@office.test", ("alice@office.test", "bob@office.test", "friend@elsewhere.test")),
    AliasRow("away@office.test", ("friend@elsewhere.test",)),
    AliasRow("chicken@office.test", ("egg@office.test",)),
    AliasRow("egg@office.test", ("chicken@office.test",)),
)


class FakeLine:
    """Implements ``net.ports.Line``."""

    def __init__(self, peer: Peer, channel: Channel | None = None) -> None:
        self.peer = peer
        self.channel = channel

    def wake(self) -> None: ...


class Session(AsyncWire):
    """A dialogue with a door."""

    def __init__(self, core: Any, door: Any, line: FakeLine) -> None:
        super().__init__(core, door)
        self.line = line

    async def secured(self) -> None:
        self.line.channel = TLS
        await super().secured()

    async def says(self, *said: str | bytes) -> list[str]:
        """What the server answers to these lines."""
        await self.client(*said)
        lines = self.written.decode().split("\r\n")[:-1]
        self.written = b""
        return lines

    async def tell(self, said: str | bytes) -> str:
        """The one line that the server answers."""
        lines = await self.says(said)
        assert len(lines) == 1, lines
        return lines[0]

    async def hello(self, name: str = "client.example", verb: str = "EHLO") -> "Session":
        await self.says(f"{verb} {name}")
        return self

    async def send(self, sender: str, recipients: Sequence[str], content: bytes, parameters: str = "") -> list[str]:
        """One message by DATA; the answers to RCPT and to the end of it."""
        await self.tell(f"MAIL FROM:<{sender}>{parameters}")
        answers = [await self.tell(f"RCPT TO:{one if one.startswith('<') else f'<{one}>'}") for one in recipients]
        if any(answer.startswith("250") for answer in answers):
            await self.tell("DATA")
            answers += await self.says(content + b".\r\n")
        return answers


@dataclass
class Office:
    store: Store
    limits: Limits = field(default_factory=Limits)
    clock: ManualClock = field(default_factory=ManualClock)
    ids: CountedIds = field(default_factory=CountedIds)
    journal: KeptJournal = field(default_factory=KeptJournal)
    directory: Directory = field(default_factory=Directory)
    accounts: dict[str, AccountId] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    free: tuple[int, int] = (10**12, 10**9)
    """Octets and inodes that the disk has left."""
    exempt: tuple[str, ...] = ()
    asks: dict[str, Any] | None = None
    """What strangers must satisfy at RCPT (``mta.admission``): ``lists`` and ``greylist``, or nothing more than room;
    None asks nothing.
    """
    stressed: bool = False
    boundary: Boundary | None = None
    """Of port 25 and LMTP; nobody looks at mail without it."""
    outbound: Boundary | None = None
    seals: bool = False
    tell_strangers: bool = False

    def __post_init__(self) -> None:
        reporter = Reporter(
            hostname=HOSTNAME,
            clock=self.clock,
            ids=self.ids,
            schedule=Schedule.of(self.limits),
            returned_octets=self.limits.returned_octets,
        )
        self.ring = KeyRing(
            self.store, self.directory, Vault(bytes(KEY_OCTETS)), clock=self.clock, journal=self.journal
        )
        self.signer = Signer(self.ring, self.clock)
        self.intake = Intake(
            self.store,
            self.directory,
            clock=self.clock,
            ids=self.ids,
            limits=self.limits,
            reporter=reporter,
            handoff=Nobody(),
            describe=describe,
            journal=self.journal,
            signer=self.signer,
            tell_strangers=self.tell_strangers,
        )
        self.space = Space(lambda: self.free, self.limits, self.clock)
        self.rates = ClientRates(self.limits, self.clock)
        self.acquaintance = Acquaintance(self.store, self.clock, self.journal)
        self.rooms = Rooms(self.store, self.directory, self.clock)
        self.authenticator = Authenticator(
            self.directory, limits=self.limits, clock=self.clock, journal=self.journal, store=self.store
        )
        self.takeover = Takeover(self.acquaintance, self.limits, self.clock)
        self.custody = Custody(
            self.directory, self.intake, self.takeover, clock=self.clock, ids=self.ids, journal=self.journal
        )
        self.authenticator.note_weakness = self.custody.note_weakness

    async def furnish(
        self, *, quota: int = 10**9, verifiers: Sequence[str] = (), aliases: Iterable[AliasRow] = ALIASES
    ) -> "Office":
        """The domain, its people and its aliases."""
        await self.store.put_domain(DomainRow("office.test"))
        for name in PEOPLE:
            address = f"{name}@office.test"
            self.accounts[name] = await self.store.create_account(
                address, name.title(), verifiers or ("x",), quota=quota, admin=name == "carol"
            )
        for alias in aliases:
            await self.store.put_alias(alias)
        await self.directory.refresh(self.store)
        return self

    async def make_keys(self, domain: str = "office.test") -> Zone:
        """DKIM keys for ``domain``, in use from now on; the zone that shows them."""
        zone = Zone()
        rows = await self.ring.make(domain)
        for row in rows:
            zone.publish(row.name, row.record.encode())
        await self.ring.activate(domain, {row.selector for row in rows})
        return zone

    async def delay(self, seconds: float) -> None:
        self.delays.append(seconds)

    # -- doors

    def desk(self, name: str, office: Any, offer: Offer) -> Desk:
        return Desk(
            name=name,
            office=office,
            offer=offer,
            refusals=Refusals(
                self.store, self.clock, self.ids, self.journal, octets_day=self.limits.refused_octets_day
            ),
            limits=self.limits,
            journal=self.journal,
            relay=Networks(("203.0.113.0/24",)),
            exempt=Networks(self.exempt),
            messages_max=offer.messages_max,
            delay=self.delay,
            is_stressed=lambda: self.stressed,
            offenders=self.rates if name == "smtp" else None,
        )

    def admission(self) -> Admission | None:
        if self.asks is None:
            return None
        return Admission(
            self.rooms,
            self.rates,
            message_octets=self.limits.message_octets,
            acquaintance=self.acquaintance,
            **self.asks,
        )

    def offer(self, **changes: Any) -> Offer:
        return Offer(hostname=HOSTNAME, max_octets=self.limits.message_octets, starttls=True, **changes)

    def receiver(self, *, local_only: bool = False) -> Receiver:
        admission = None if local_only else self.admission()
        rule = Relaying(self.directory, self.limits, self.rates, self.space, local_only=local_only)
        return Receiver(
            self.intake,
            Recipients(rule.judge, self.directory, self.limits, admission=admission),
            hostname=HOSTNAME,
            clock=self.clock,
            ids=self.ids,
            limits=self.limits,
            rates=self.rates,
            space=self.space,
            admission=admission,
            local_only=local_only,
            boundary=self.boundary,
            amend=Amend(self.store.blobs),
            sealer=Sealer(self.ring, self.clock, HOSTNAME) if self.seals else None,
        )

    def submission_office(self) -> Submission:
        return Submission(
            self.intake,
            self.directory,
            hostname=HOSTNAME,
            clock=self.clock,
            ids=self.ids,
            limits=self.limits,
            rates=self.rates,
            accounts=AccountRates(self.limits, self.clock),
            space=self.space,
            signer=self.signer,
            boundary=self.outbound,
            amend=Amend(self.store.blobs),
            custody=self.custody,
        )

    def smtp(self, peer: Peer = STRANGER) -> Session:
        line = FakeLine(peer)
        return Session(*open_smtp(self.desk("smtp", self.receiver(), self.offer()), line), line)

    def lmtp(self, peer: Peer = STRANGER) -> Session:
        line = FakeLine(peer)
        return Session(*open_lmtp(self.desk("lmtp", self.receiver(local_only=True), self.offer(lmtp=True)), line), line)

    def submission(self, peer: Peer = STRANGER, *, implicit_tls: bool = False) -> Session:
        line = FakeLine(peer, TLS if implicit_tls else None)
        offer = self.offer(mechanisms=self.authenticator.mechanisms)
        desk = self.desk("submission", self.submission_office(), offer)
        core, door = open_submission(desk, line, self.authenticator)
        if implicit_tls:
            core.secured(TLS)
        return Session(core, door, line)

    def logged_in(self, session: Session, name: str = "alice") -> Session:
        """As if ``name`` had given the right password: sparing the test the cost of hashing it."""
        session.door.client.account = self.directory.account(self.accounts[name])
        return session

    # -- what came of it

    async def read(self, name: str, role: Role = Role.INBOX) -> list[bytes]:
        """All messages in a mailbox, as a reader gets them."""
        return [one async for one in self._read(name, role)]

    async def _read(self, name: str, role: Role) -> AsyncIterator[bytes]:
        for one in await self.stored(name, role):
            blob = one.content.blob
            yield one.content.prefix + await self.store.blobs.read(blob.blob_id)

    async def stored(self, name: str, role: Role = Role.INBOX) -> Sequence[Stored]:
        account = self.accounts[name]
        mailbox = next(one for one in await self.store.mailboxes(account) if one.role is role)
        view = await self.store.view(account, mailbox.mailbox)
        return await self.store.read(account, mailbox.mailbox, [one.uid for one in view.messages])

    async def queue(self) -> Sequence[Item]:
        return await self.store.queued(QueueFilter())
