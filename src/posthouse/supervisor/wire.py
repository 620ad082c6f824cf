"""The wiring of the house: plain code, read from top to bottom. What is made here is handed to whoever needs it."""

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posthouse.admd.authenticator import Authenticator
from posthouse.admd.directory import Directory
from posthouse.admd.hashing import WORK as HASHING
from posthouse.admd.hashing import ThreadHasher, WorkerHasher
from posthouse.admd.keyring import KeyRing
from posthouse.admd.limits import Limits
from posthouse.admd.passwords import PasswordPolicy
from posthouse.admd.vault import Vault
from posthouse.filter.action import Action
from posthouse.filter.boundary import Boundary, Rules
from posthouse.filter.classifier.lesson import Lesson
from posthouse.filter.classifier.school import School
from posthouse.filter.connections import ClientGate
from posthouse.filter.content.examiner import WORK, ContentExaminer
from posthouse.filter.content.finding import Kind
from posthouse.filter.content.policy import Policy as ContentPolicy
from posthouse.filter.content.replication import Replication
from posthouse.filter.content.unpacking import Bounds
from posthouse.filter.judge import Policy
from posthouse.filter.networks import Networks
from posthouse.filter.ports import Examiner
from posthouse.filter.scanners.scanner import Scanner
from posthouse.filter.sender import SenderCheck
from posthouse.lib.ports import Clock, Ids
from posthouse.lib.sansio import Conversation
from posthouse.mail.ids import AccountId, BlobId
from posthouse.ms.describe import describe
from posthouse.msa.submit import Submission
from posthouse.mta.amend import Amend
from posthouse.mta.bounce import Reporter
from posthouse.mta.custody import Custody
from posthouse.mta.digest import Digests
from posthouse.mta.feedback.reading import WORK as READ_REPORTS
from posthouse.mta.feedback.rows import TLS, RowBook
from posthouse.mta.feedback.sessions import Sessions
from posthouse.mta.handoff import Nobody
from posthouse.mta.intake import Intake
from posthouse.mta.manager import Crew, Manager
from posthouse.mta.mx import MxLookup, Ourselves
from posthouse.mta.outside import Outside
from posthouse.mta.quarantine import Quarantine
from posthouse.mta.receive import Receiver
from posthouse.mta.reception import Desk, Office
from posthouse.mta.recipients import Recipients
from posthouse.mta.refusals import Refusals
from posthouse.mta.relay import Relay
from posthouse.mta.relaying import Relaying
from posthouse.mta.route import Credentials, DirectoryRoute, Route, Routes, Terms, TlsPolicy, static
from posthouse.mta.schedule import Schedule
from posthouse.mta.sealing import Sealer
from posthouse.mta.secretary import Secretary
from posthouse.mta.settler import Settler
from posthouse.mta.signing import Signer
from posthouse.mta.space import Space
from posthouse.net.dialer import TcpDialer
from posthouse.net.listener import OpenDoor
from posthouse.net.ports import Door, Line
from posthouse.net.resolver import DnsResolver
from posthouse.net.tls import client_context
from posthouse.observe.metrics import PrometheusMeter
from posthouse.observe.ports import Journal
from posthouse.ops.dnsadvice import Place
from posthouse.services.imapd.access import Reception as Welcome
from posthouse.services.imapd.door import Imapd
from posthouse.services.lmtpd import open_lmtp
from posthouse.services.metricsd import HttpOnce, MetricsDoor
from posthouse.services.pop3d import Pop3Door, Pop3Service
from posthouse.services.smtpd import open_smtp
from posthouse.services.submissiond import open_submission
from posthouse.standards.dns.ports import Resolver, ServiceResolver
from posthouse.standards.imap.offer import Offer as ImapOffer
from posthouse.standards.smtp.offer import Offer
from posthouse.storage.ports import Blobs, StorageError, Store
from posthouse.supervisor.breached import read_breached
from posthouse.supervisor.config import Configuration, parse_endpoint
from posthouse.supervisor.feedback import Feedback, build_feedback
from posthouse.supervisor.files import DirectoryFiles, measure_space
from posthouse.supervisor.guarding import Guards, adopt, build_guards
from posthouse.supervisor.nursery import Nursery
from posthouse.supervisor.scanning import build_scanners, milters_of
from posthouse.supervisor.workers import WorkerPool

LMTP_MESSAGES = 1_000_000
"""On one connection: whoever may connect is a program of ours."""

WORM_SECONDS = 600.0
"""M08: the same file from many accounts within so long spreads itself."""

WORKS = (WORK, READ_REPORTS, HASHING)
"""What workers may be asked to do: loaded while all of Python can be read."""

PUBLIC = frozenset({"smtp"})
"""Doors for strangers: they obey L15, and leave room for our own people (L14)."""


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
    holders: dict[AccountId, Pop3Door] = field(default_factory=dict)
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


def build(
    setting: Setting,
    store: Store,
    directory: Directory,
    tools: Tools,
    secret: bytes | None = None,
    vault: Vault | None = None,
) -> Works:
    """Everything, from the store up. ``secret`` is that of ``Authenticator``; without a ``vault`` nothing is signed."""
    configuration, limits, clock = setting.configuration, tools.limits, tools.clock
    ring = KeyRing(
        store,
        directory,
        vault or Vault(None),
        clock=clock,
        journal=tools.journal,
        policy=configuration.dkim.policy,
    )
    signer = Signer(ring, clock) if configuration.dkim.sign else None
    exempt = Networks(setting.exempt)
    schedule = Schedule.of(limits)
    reporter = Reporter(
        hostname=configuration.hostname,
        clock=clock,
        ids=tools.ids,
        schedule=schedule,
        returned_octets=limits.returned_octets,
    )
    intake = Intake(
        store,
        directory,
        clock=clock,
        ids=tools.ids,
        limits=limits,
        reporter=reporter,
        handoff=Nobody(),
        describe=describe,
        journal=tools.journal,
        signer=signer,
        tell_strangers=configuration.reports.tell_strangers,
    )
    hashers = build_hashers(tools)
    authenticator = Authenticator(
        directory,
        limits=limits,
        clock=clock,
        journal=tools.journal,
        exempt=frozenset(setting.exempt),
        secret=secret,
        store=store,
        hasher=WorkerHasher(hashers, ThreadHasher(limits.hash_workers)),
        pause=asyncio.sleep,
    )
    secretary = Secretary(store, reporter, intake)
    server = parse_endpoint(configuration.dns.server) if configuration.dns.server else None
    resolver = setting.resolver or DnsResolver(clock, tools.meter, server)
    sessions = Sessions(RowBook(TLS, store, clock, tools.journal), clock)
    manager = build_manager(
        setting, store, secretary, schedule, tools, resolver, signer, directory.is_local_domain, sessions
    )
    intake.handoff = manager
    space = Space(measure_space(configuration.store.directory, tools.meter), limits, clock)
    guards = build_guards(store, directory, space, configuration, limits, clock, tools.journal)
    school = School(store, guards.acquaintance, clock, tools.journal)
    quarantine = Quarantine(store, clock, school.learner.learn_released, school.learner.learn_dropped)
    workers = build_workers(tools)
    custody = Custody(directory, intake, guards.takeover, clock=clock, ids=tools.ids, journal=tools.journal)
    manager.settler.ended = custody.note_results
    authenticator.note_weakness = custody.note_weakness
    works = Works(
        store,
        directory,
        authenticator,
        intake,
        manager,
        secretary,
        space,
        guards=guards,
        welcome=Welcome(authenticator, most=limits.imap_account_connections, failures=limits.auth_failures),
        exempt=exempt,
        resolver=resolver,
        ring=ring,
        signer=signer,
        workers=workers,
        hashers=hashers,
        custody=custody,
        replication=Replication(clock, accounts=limits.worm_accounts, seconds=WORM_SECONDS),
        quarantine=quarantine,
        digests=Digests(store, quarantine, intake, clock, keep_seconds=configuration.quarantine.keep),
        school=school,
        feedback=build_feedback(
            configuration,
            intake,
            directory,
            sessions,
            resolver,
            TcpDialer(SliceReader(store.blobs), ClientContexts(), may=setting.may_dial),
            workers,
            clock=clock,
            ids=tools.ids,
            journal=tools.journal,
        ),
    )
    authenticator.welcome = works.guards.census.note_login
    works.troubles.append(lambda: "there is not enough free space" if space.is_short else "")
    open_doors(works, setting, tools)
    for service in works.doors:
        works.gates[service] = ClientGate(
            works.guards.census,
            exempt=exempt,
            public=service in PUBLIC,
            refusal=refusal_of(service),
            journal=tools.journal,
        )
    return works


def open_doors(works: Works, setting: Setting, tools: Tools) -> None:
    """All doors, made anew: at start, and when the configuration has changed."""
    adopt(
        works.guards,
        setting.configuration,
        tools.limits,
        store=works.store,
        resolver=works.resolver,
        clock=tools.clock,
        journal=tools.journal,
    )
    for one in (works.authenticator, works.intake, works.manager):
        one.adopt(tools.limits)
    passwords = setting.configuration.passwords
    works.authenticator.policy = PasswordPolicy(
        refuses=passwords.weak == "refuse",
        grace_seconds=passwords.grace,
        is_breached=read_breached(passwords.breached, tools.journal),
    )
    works.feedback.adopt(setting.configuration.reports)
    taught = setting.configuration.filter.classifier
    works.school.adopt(
        is_open=taught.use,
        learns=taught.learn,
        minimum=taught.minimum,
        most_a_day=tools.limits.classifier_lessons_day,
    )
    works.welcome.adopt(most=tools.limits.imap_account_connections, failures=tools.limits.auth_failures)
    boundary, outbound = build_boundary(works, setting, tools)
    add_mail_doors(works, setting, tools, boundary)
    add_submission_doors(works, setting, tools, outbound)
    add_access_doors(works, setting, tools)
    add_metrics_door(works, tools)


def build_boundary(works: Works, setting: Setting, tools: Tools) -> tuple[Boundary, Boundary]:
    """The boundary filter for mail from outside, and for that of our own people, who need not prove who they are."""
    configuration, directory = setting.configuration, works.directory
    wanted = configuration.authentication
    policy = Policy(
        is_own=directory.is_local_domain,
        sealers=frozenset(wanted.sealers),
        welcome=frozenset(wanted.welcome),
        unwelcome=frozenset(wanted.unwelcome),
        quarantine=Action(wanted.dmarc_quarantine),
        spf_fail=Action(wanted.spf_fail),
    )
    check = SenderCheck(
        works.resolver,
        tools.clock,
        authserv_id=configuration.hostname,
        policy=lambda: policy,
        known=lambda: directory.domains,
        replays=works.guards.replays,
    )
    works.scanners = build_scanners(
        configuration.scanner,
        works.scanners,
        clock=tools.clock,
        journal=tools.journal,
        meter=tools.meter,
        hostname=configuration.hostname,
    )
    examiners: list[Examiner] = [content_examiner(works, setting, tools), *works.scanners.values()]
    rules = Rules(
        junk_score=configuration.filter.junk_score,
        refuse_score=configuration.filter.refuse_score,
        weights=configuration.filter.weights,
        actions={name: Action(action) for name, action in configuration.filter.actions.items()},
    )
    guards = works.guards
    inbound = Boundary(
        check if wanted.verify else None,
        [*guards.examiners, *works.school.examiners, *examiners],
        journal=tools.journal,
        rules=rules,
        witnesses=(guards.sent, works.school.reputation, works.feedback.evaluations, works.feedback.arrivals),
    )
    own = (guards.acquaintance, guards.sent)
    return inbound, Boundary(None, examiners, journal=tools.journal, rules=rules, witnesses=own)


def content_examiner(works: Works, setting: Setting, tools: Tools) -> ContentExaminer:
    """Our own look at the content; there is no way to do without."""
    given, limits = setting.configuration.filter.content.model_dump(), tools.limits  # type: ignore[attr-defined] # see there
    works.replication.adopt(limits.worm_accounts, WORM_SECONDS)
    return ContentExaminer(
        works.workers,
        ContentPolicy({Kind(name): Action(action) for name, action in given.items()}),
        bounds=Bounds(
            depth=limits.archive_depth,
            entries=limits.archive_entries,
            octets=limits.archive_octets,
            ratio=limits.archive_ratio,
        ),
        seconds=limits.examination_seconds,
        replication=works.replication,
    )


def build_workers(tools: Tools) -> WorkerPool:
    """Who looks into large contents and archives; nobody is started before the first."""
    limits = tools.limits
    return WorkerPool(
        (WORK, READ_REPORTS),
        journal=tools.journal,
        most=limits.content_workers,
        backlog=limits.content_backlog,
        memory_octets=limits.worker_octets,
        nursery=tools.nursery,
    )


def build_hashers(tools: Tools) -> WorkerPool:
    """Who hashes passwords."""
    limits = tools.limits
    return WorkerPool(
        (HASHING,),
        journal=tools.journal,
        most=limits.hash_workers,
        backlog=limits.hash_backlog,
        memory_octets=limits.worker_octets,
        nursery=tools.nursery,
    )


def build_manager(
    setting: Setting,
    store: Store,
    secretary: Secretary,
    schedule: Schedule,
    tools: Tools,
    resolver: Resolver,
    signer: Signer | None,
    is_own: Callable[[str], bool],
    sessions: Sessions,
) -> Manager:
    """The queue and the road out."""
    configuration = setting.configuration
    chance = random.SystemRandom().random
    ourselves = Ourselves(
        names=frozenset({configuration.hostname}),
        addresses=frozenset(one.address for one in configuration.listener if one.service == "smtp"),
    )
    routes = Routes(
        MxLookup(resolver, ourselves, chance),
        table={one.domain: route_of(one) for one in configuration.relay.route if one.domain != "*"},
        default=default_route(setting),
    )
    dialer = TcpDialer(SliceReader(store.blobs), ClientContexts(), may=setting.may_dial)
    relay = Relay(
        dialer=dialer,
        routes=routes,
        blobs=store.blobs,
        clock=tools.clock,
        ids=tools.ids,
        hostname=configuration.hostname,
        signer=signer,
        sessions=sessions,
    )
    settler = Settler(
        store,
        secretary,
        schedule,
        clock=tools.clock,
        chance=chance,
        journal=tools.journal,
        meter=tools.meter,
        stranger_reports_hour=tools.limits.stranger_reports_hour,
        is_own=is_own,
    )
    outside = Outside(DirectoryFiles(setting.outside), store.blobs) if setting.outside is not None else None
    crew = Crew(store, relay, routes, settler, outside, tools.clock, chance, tools.journal, tools.meter)
    return Manager(crew, owner=store.node, schedule=schedule, limits=tools.limits)


def place_of(configuration: Configuration, resolver: ServiceResolver) -> Place:
    """Where this server is, for those who advise about the DNS."""
    services: dict[str, int] = {one.service: one.number for one in configuration.listener}
    forget = resolver.forget if isinstance(resolver, DnsResolver) else _nothing
    return Place(configuration.hostname, resolver, services, forget)


def _nothing() -> None: ...


def default_route(setting: Setting) -> Route | None:
    """Where mail goes that has no route of its own; None asks the DNS."""
    if setting.smarthost is not None:
        return static(*setting.smarthost, Terms())
    if setting.outside is not None:
        return DirectoryRoute()
    for one in setting.configuration.relay.route:
        if one.domain == "*":
            return route_of(one)
    return None


def route_of(one: Any) -> Route:
    """A ``[[relay.route]]`` as the router wants it."""
    credentials = None
    if one.user and one.password_file is not None:
        credentials = Credentials(one.user, one.password_file.read_text("utf-8").splitlines()[0])
    policy = TlsPolicy.VERIFY if one.tls == "required" else TlsPolicy.MAY
    return static(one.host, one.number, Terms(policy, credentials=credentials, lmtp=one.protocol == "lmtp"))


class SliceReader:
    """Implements ``net.ports.BlobReader``."""

    __slots__ = ("_blobs",)

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def read(self, blob: str, start: int, length: int) -> bytes:
        try:
            return await self._blobs.read(BlobId(blob), start, length)
        except StorageError as error:
            raise OSError(str(error)) from error


class ClientContexts:
    """Client TLS contexts, made when first needed: reading the system's authorities takes a while."""

    __slots__ = ("_contexts",)

    def __init__(self) -> None:
        self._contexts: dict[bool, ssl.SSLContext] = {}

    def __call__(self, verify: bool) -> ssl.SSLContext:
        context = self._contexts.get(verify)
        if context is None:
            context = self._contexts[verify] = client_context(verify=verify)
        return context


# -- doors


def add_mail_doors(works: Works, setting: Setting, tools: Tools, boundary: Boundary) -> None:
    """Smtpd and lmtpd."""
    configuration, limits = setting.configuration, tools.limits
    sealer = Sealer(works.ring, tools.clock, configuration.hostname) if configuration.arc.seal else None

    def receiver(*, local_only: bool) -> Receiver:
        guards, directory = works.guards, works.directory
        admission = None if local_only else guards.admission()
        rule = Relaying(directory, limits, guards.rates, works.space, local_only=local_only)
        return Receiver(
            works.intake,
            Recipients(rule.judge, directory, limits, admission=admission, milters=milters_of(works.scanners)),
            hostname=configuration.hostname,
            clock=tools.clock,
            ids=tools.ids,
            limits=limits,
            rates=guards.rates,
            space=works.space,
            admission=admission,
            local_only=local_only,
            boundary=boundary,
            sealer=sealer,
            amend=Amend(works.store.blobs),
        )

    smtp_offer = offer_of(configuration, limits, starttls=configuration.tls.certificate is not None)
    relay = Networks(configuration.relay.networks, wide=configuration.relay.wide_networks)
    smtp = desk_of("smtp", receiver(local_only=False), smtp_offer, works, tools, relay)
    lmtp_offer = offer_of(configuration, limits, lmtp=True, messages_max=LMTP_MESSAGES)
    lmtp = desk_of("lmtp", receiver(local_only=True), lmtp_offer, works, tools)
    works.doors["smtp"] = lambda line: open_smtp(smtp, line)
    works.doors["lmtp"] = lambda line: open_lmtp(lmtp, line)


def add_submission_doors(works: Works, setting: Setting, tools: Tools, boundary: Boundary) -> None:
    """Submissiond with STARTTLS and with TLS from the first octet; nothing without a certificate."""
    configuration, limits = setting.configuration, tools.limits
    if configuration.tls.certificate is None:
        return
    office = Submission(
        works.intake,
        works.directory,
        hostname=configuration.hostname,
        clock=tools.clock,
        ids=tools.ids,
        limits=limits,
        rates=works.guards.rates,
        accounts=works.guards.account_rates,
        space=works.space,
        boundary=boundary,
        amend=Amend(works.store.blobs),
        milters=milters_of(works.scanners),
        signer=works.signer,
        custody=works.custody,
    )
    offer = offer_of(
        configuration,
        limits,
        starttls=True,
        mechanisms=works.authenticator.mechanisms,
        messages_max=limits.submission_messages,
        recipients_max=limits.submission_recipients,
    )
    for name in ("submission", "submissions"):
        desk = desk_of(name, office, offer, works, tools)
        works.doors[name] = lambda line, desk=desk: open_submission(desk, line, works.authenticator)  # type: ignore[misc] # mypy cannot infer a lambda with a default


def desk_of(name: str, office: Office, offer: Offer, works: Works, tools: Tools, relay: Networks | None = None) -> Desk:
    """One for all sessions of a door; with ``relay`` it is the one for strangers."""
    is_public = relay is not None
    desk = works.desks[name] = Desk(
        name=name,
        office=office,
        offer=offer,
        refusals=Refusals(works.store, clock=tools.clock, ids=tools.ids, journal=tools.journal),
        limits=tools.limits,
        journal=tools.journal,
        relay=relay or Networks(),
        exempt=works.exempt,
        messages_max=offer.messages_max,
        is_stressed=works.guards.census.is_stressed,
        offenders=works.guards.rates if is_public else None,
        lists=works.guards.lists if is_public else None,
        disguise=works.guards.disguise if is_public else None,
    )
    return desk


def offer_of(
    configuration: Configuration,
    limits: Limits,
    *,
    starttls: bool = False,
    mechanisms: tuple[str, ...] = (),
    lmtp: bool = False,
    messages_max: int | None = None,
    recipients_max: int | None = None,
) -> Offer:
    return Offer(
        hostname=configuration.hostname,
        max_octets=limits.message_octets,
        starttls=starttls,
        mechanisms=mechanisms,
        recipients_max=recipients_max or limits.mx_recipients,
        messages_max=messages_max or limits.mx_messages,
        command_octets=limits.command_octets,
        auth_octets=limits.auth_octets,
        drain_octets=limits.overlong_drain_octets,
        line_octets=limits.line_octets,
        lmtp=lmtp,
    )


def add_access_doors(works: Works, setting: Setting, tools: Tools) -> None:
    """Imapd and pop3d, each on two ports that count together."""
    limits, starttls = tools.limits, setting.configuration.tls.certificate is not None
    for name, upgrade in (("imap", starttls), ("imaps", False)):
        offer = ImapOffer(
            limits.message_octets,
            upgrade,
            works.authenticator.mechanisms,
            line_octets=limits.imap_line_octets,
            early_line_octets=limits.imap_early_line_octets,
            literal_octets=limits.imap_literal_octets,
            literals_octets=limits.imap_literals_octets,
            literals=limits.imap_literals,
            early_literal_octets=limits.imap_early_literal_octets,
            early_literals=limits.imap_early_literals,
            depth=limits.imap_depth,
        )
        works.doors[name] = Imapd(
            offer,
            store=works.store,
            authenticator=works.authenticator,
            limits=limits,
            clock=tools.clock,
            ids=tools.ids,
            journal=tools.journal,
            reception=works.welcome,
            judged=works.heed,
            exempt=works.exempt,
            directory=works.directory,
        ).open
    for name, upgrade in (("pop3", starttls), ("pop3s", False)):
        service = Pop3Service(
            works.store,
            works.authenticator,
            limits,
            tools.clock,
            tools.journal,
            starttls=upgrade,
            holders=works.holders,
        )
        works.doors[name] = service.open


def add_metrics_door(works: Works, tools: Tools) -> None:
    def troubles() -> Sequence[str]:
        return [trouble for find in works.troubles if (trouble := find())]

    def open_metrics(_line: Line) -> tuple[Conversation[Any, Any], Door[Any, Any]]:
        return HttpOnce(), MetricsDoor(tools.meter.render, troubles, tools.meter.render_all)

    works.doors["metrics"] = open_metrics


def refusal_of(service: str) -> bytes:
    """What a connection hears that may not come in, in the words of its protocol."""
    if service in {"smtp", "submission", "submissions", "lmtp"}:
        return b"421 4.7.0 too many connections, try again later\r\n"
    if service in {"imap", "imaps"}:
        return b"* BYE [UNAVAILABLE] too many connections, try again later\r\n"
    if service in {"pop3", "pop3s"}:
        return b"-ERR [SYS/TEMP] too many connections, try again later\r\n"
    return b""
