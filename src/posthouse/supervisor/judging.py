"""The boundary filter, wired: who looks at a message before it is accepted, and what their words count."""

from posthouse.filter.action import Action
from posthouse.filter.boundary import Boundary, Rules
from posthouse.filter.content.examiner import ContentExaminer
from posthouse.filter.content.finding import Kind
from posthouse.filter.content.policy import Policy as ContentPolicy
from posthouse.filter.content.unpacking import Bounds
from posthouse.filter.judge import Policy
from posthouse.filter.ports import Examiner
from posthouse.filter.replay import Replays
from posthouse.filter.sender import SenderCheck
from posthouse.supervisor.scanning import build_scanners
from posthouse.supervisor.sections.boundary import FilterSection
from posthouse.supervisor.works import Setting, Tools, Works

WORM_SECONDS = 600.0
"""M08: the same file from many accounts within so long spreads itself."""


def build_boundary(works: Works, setting: Setting, tools: Tools) -> tuple[Boundary, Boundary]:
    """The boundary filter for mail from outside, and for that of our own people, who need not prove who they are."""
    configuration, guards, journal = setting.configuration, works.guards, tools.journal
    works.scanners = build_scanners(
        configuration.scanner,
        works.scanners,
        clock=tools.clock,
        journal=journal,
        meter=tools.meter,
        hostname=configuration.hostname,
    )
    examiners: list[Examiner] = [content_examiner(works, setting, tools), *works.scanners.values()]
    rules = rules_of(configuration.filter)
    inbound = Boundary(
        sender_check(works, setting, tools) if configuration.authentication.verify else None,
        [*guards.examiners, *works.school.examiners, *examiners],
        journal=journal,
        rules=rules,
        witnesses=(guards.sent, works.school.reputation, *works.feedback.witnesses),
    )
    own = (guards.acquaintance, guards.sent)
    return inbound, Boundary(None, examiners, journal=journal, rules=rules, witnesses=own)


def rules_of(wanted: FilterSection) -> Rules:
    """What scores and reasons lead to."""
    return Rules(
        junk_score=wanted.junk_score,
        refuse_score=wanted.refuse_score,
        weights=wanted.weights,
        actions={name: Action(action) for name, action in wanted.actions.items()},
    )


def sender_check(works: Works, setting: Setting, tools: Tools) -> SenderCheck:
    """Who asks for proof of who wrote it."""
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
    return SenderCheck(
        works.resolver,
        tools.clock,
        authserv_id=configuration.hostname,
        policy=lambda: policy,
        known=lambda: directory.domains,
        replays=Replays(tools.limits, tools.clock),
    )


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
