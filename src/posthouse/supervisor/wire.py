"""The wiring of the house: plain code, read from top to bottom. What is made here is handed to whoever needs it.

``build`` is the table of contents. What belongs to one office alone stands in a
module of its own: ``guarding`` (strangers), ``judging`` (the boundary filter),
``carrying`` (the road out), ``feedback`` (reports), ``doors`` (who lets in).
"""

import asyncio

from posthouse.admd.authenticator import Authenticator
from posthouse.admd.directory import Directory
from posthouse.admd.hashing import WORK as HASHING
from posthouse.admd.hashing import ThreadHasher, WorkerHasher
from posthouse.admd.keyring import KeyRing
from posthouse.admd.vault import Vault
from posthouse.filter.classifier.school import School
from posthouse.filter.connections import ClientGate
from posthouse.filter.content.examiner import WORK
from posthouse.filter.content.replication import Replication
from posthouse.filter.networks import Networks
from posthouse.filter.returnpath import ReturnPaths
from posthouse.ms.describe import describe
from posthouse.mta.bounce import Reporter
from posthouse.mta.custody import Custody
from posthouse.mta.digest import Digests
from posthouse.mta.feedback.reading import WORK as READ_REPORTS
from posthouse.mta.feedback.rows import TLS, RowBook
from posthouse.mta.feedback.sessions import Sessions
from posthouse.mta.handoff import Nobody
from posthouse.mta.intake import Intake
from posthouse.mta.quarantine import Quarantine
from posthouse.mta.schedule import Schedule
from posthouse.mta.secretary import Secretary
from posthouse.mta.signing import Signer
from posthouse.mta.space import Space
from posthouse.services.imapd.access import Reception as Welcome
from posthouse.storage.ports import Store
from posthouse.supervisor.carrying import build_manager, dialer_of
from posthouse.supervisor.dns import open_resolver
from posthouse.supervisor.doors import open_doors, refusal_of
from posthouse.supervisor.feedback import Feedback, build_feedback
from posthouse.supervisor.files import measure_space
from posthouse.supervisor.guarding import Guards, build_guards
from posthouse.supervisor.judging import WORM_SECONDS
from posthouse.supervisor.workers import WorkerPool
from posthouse.supervisor.works import Setting, Site, Tools, Works

WORKS = (WORK, READ_REPORTS, HASHING)
"""What workers may be asked to do: loaded while all of Python can be read."""

PUBLIC = frozenset({"smtp"})
"""Doors for strangers: they obey L15, and leave room for our own people (L14)."""


def build(
    setting: Setting,
    store: Store,
    directory: Directory,
    tools: Tools,
    secret: bytes | None = None,
    vault: Vault | None = None,
) -> Works:
    """Everything, from the store up. ``secret`` is that of ``Authenticator``; without a ``vault`` nothing is signed."""
    limits, clock, journal = tools.limits, tools.clock, tools.journal
    resolver = setting.resolver or open_resolver(setting.configuration, clock, tools.meter)
    site = Site(setting, store, directory, tools, resolver)
    space = Space(measure_space(setting.configuration.store.directory, tools.meter), limits, clock)
    paths = ReturnPaths(secret, clock, directory.is_local_domain) if secret is not None else None
    guards = build_guards(store, directory, space, setting.configuration, limits, clock, journal, paths)
    workers = build_pool(tools, (WORK, READ_REPORTS), most=limits.content_workers, backlog=limits.content_backlog)
    hashers = build_pool(tools, (HASHING,), most=limits.hash_workers, backlog=limits.hash_backlog)

    ring, signer = build_signing(site, vault or Vault(None))
    authenticator = build_authenticator(site, hashers, secret)
    intake, secretary = build_intake(site, signer)
    sessions = Sessions(RowBook(TLS, store, clock, journal), clock)
    manager = build_manager(site, secretary, signer, sessions, paths)
    school, quarantine, digests = build_school(site, guards, intake)

    works = Works(
        store, directory, authenticator, intake, manager, secretary, space, guards,
        welcome=Welcome(authenticator, most=limits.imap_account_connections, failures=limits.auth_failures),
        exempt=Networks(setting.exempt), resolver=resolver,
        ring=ring, signer=signer,
        workers=workers, hashers=hashers,
        custody=Custody(directory, intake, guards.takeover, clock=clock, ids=tools.ids, journal=journal),
        replication=Replication(clock, accounts=limits.worm_accounts, seconds=WORM_SECONDS),
        quarantine=quarantine, digests=digests, school=school,
        feedback=build_reports(site, intake, sessions, workers, secret),
    )  # fmt: skip
    introduce(works)
    open_doors(works, setting, tools)
    works.gates.update({service: gate_of(service, works, tools) for service in works.doors})
    return works


def introduce(works: Works) -> None:
    """Offices that were made before others, and work for them."""
    works.intake.handoff = works.manager
    works.manager.settler.ended = works.custody.note_results
    works.authenticator.note_weakness = works.custody.note_weakness
    works.authenticator.welcome = works.guards.census.note_login
    works.troubles.append(lambda: "there is not enough free space" if works.space.is_short else "")


def build_pool(tools: Tools, works: tuple[str, ...], *, most: int, backlog: int) -> WorkerPool:
    """Who does what is heavy or hostile; nobody is started before the first."""
    return WorkerPool(
        works,
        journal=tools.journal,
        most=most,
        backlog=backlog,
        memory_octets=tools.limits.worker_octets,
        nursery=tools.nursery,
    )


def build_signing(site: Site, vault: Vault) -> tuple[KeyRing, Signer | None]:
    """Our keys, and who signs with them."""
    dkim, tools = site.configuration.dkim, site.tools
    ring = KeyRing(site.store, site.directory, vault, clock=tools.clock, journal=tools.journal, policy=dkim.policy)
    return ring, Signer(ring, tools.clock) if dkim.sign else None


def build_authenticator(site: Site, hashers: WorkerPool, secret: bytes | None) -> Authenticator:
    """Who is asked at every door where people log in."""
    tools = site.tools
    return Authenticator(
        site.directory,
        limits=tools.limits,
        clock=tools.clock,
        journal=tools.journal,
        exempt=frozenset(site.setting.exempt),
        secret=secret,
        store=site.store,
        hasher=WorkerHasher(hashers, ThreadHasher(tools.limits.hash_workers)),
        pause=asyncio.sleep,
    )


def build_intake(site: Site, signer: Signer | None) -> tuple[Intake, Secretary]:
    """What takes every message, and who writes the reports about those that did not arrive."""
    tools, configuration = site.tools, site.configuration
    reporter = Reporter(
        hostname=configuration.hostname,
        clock=tools.clock,
        ids=tools.ids,
        schedule=Schedule.of(tools.limits),
        returned_octets=tools.limits.returned_octets,
    )
    intake = Intake(
        site.store,
        site.directory,
        clock=tools.clock,
        ids=tools.ids,
        limits=tools.limits,
        reporter=reporter,
        handoff=Nobody(),
        describe=describe,
        journal=tools.journal,
        signer=signer,
        tell_strangers=configuration.reports.tell_strangers,
    )
    return intake, Secretary(site.store, reporter, intake)


def build_school(site: Site, guards: Guards, intake: Intake) -> tuple[School, Quarantine, Digests]:
    """What people teach us, and what is put aside until somebody has looked."""
    store, clock = site.store, site.tools.clock
    school = School(store, guards.acquaintance, clock, site.tools.journal)
    quarantine = Quarantine(store, site.directory, clock, school.learner.learn_released, school.learner.learn_dropped)
    digests = Digests(store, quarantine, intake, clock, keep_seconds=site.configuration.quarantine.keep)
    return school, quarantine, digests


def build_reports(
    site: Site, intake: Intake, sessions: Sessions, workers: WorkerPool, secret: bytes | None = None
) -> Feedback:
    """Who tells other domains what we found, and reads what they tell us."""
    tools = site.tools
    return build_feedback(
        site.configuration,
        intake,
        site.directory,
        sessions,
        site.resolver,
        dialer_of(site),
        workers,
        clock=tools.clock,
        ids=tools.ids,
        journal=tools.journal,
        secret=secret,
    )


def gate_of(service: str, works: Works, tools: Tools) -> ClientGate:
    """Who is let in at one door."""
    return ClientGate(
        works.guards.census,
        exempt=works.exempt,
        public=service in PUBLIC,
        refusal=refusal_of(service),
        journal=tools.journal,
    )
