"""Reports about authentication and TLS: the office that gathers, sends and reads them, and when it does."""

import asyncio
from dataclasses import dataclass

from posthouse.admd.directory import Directory
from posthouse.filter.boundary import Witness
from posthouse.lib.ports import Clock, Ids
from posthouse.lib.work import Workers
from posthouse.mta.feedback.arrivals import Arrivals
from posthouse.mta.feedback.delivery import Delivery
from posthouse.mta.feedback.evaluations import Evaluations
from posthouse.mta.feedback.failures import Failures
from posthouse.mta.feedback.letters import Sign
from posthouse.mta.feedback.post import Post
from posthouse.mta.feedback.recognise import Recognition
from posthouse.mta.feedback.rows import DMARC, RowBook
from posthouse.mta.feedback.sessions import Sessions
from posthouse.mta.feedback.web import Web
from posthouse.mta.intake import Intake
from posthouse.net.ports import Dialer
from posthouse.observe.ports import Journal, Level
from posthouse.standards.dns.ports import Resolver
from posthouse.storage.errors import StorageError
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.sections.senders import ReportsSection

WRITE_SECONDS = 5.0
POST_SECONDS = 300.0
FIRST_POST_SECONDS = 60.0


@dataclass(slots=True)
class Letterhead:
    """Who we are to those who read our reports: what the operator wants to be called, else the house."""

    directory: Directory
    hostname: str
    wanted: ReportsSection

    def sign(self) -> Sign:
        home = self.directory.primary or self.hostname
        return Sign(self.wanted.organization or home, self.wanted.contact or f"postmaster@{home}")


@dataclass(slots=True)
class Feedback:
    """All of it, and what the configuration wants of it."""

    clock: Clock
    recognition: Recognition
    evaluations: Evaluations
    sessions: Sessions
    arrivals: Arrivals
    post: Post
    failures: Failures
    letterhead: Letterhead
    wanted: ReportsSection

    def adopt(self, wanted: ReportsSection) -> None:
        """Go by ``wanted`` from now on."""
        self.wanted = self.letterhead.wanted = wanted
        self.recognition.adopt(wanted.addresses)
        self.evaluations.wanted = self.sessions.wanted = wanted.send
        self.arrivals.keep_seconds = wanted.keep
        self.failures.wanted = wanted.failures

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """Who is told of each judgement; the doors are made anew when this changes."""
        failures = (self.failures,) if self.failures.wanted else ()
        return (self.evaluations, self.arrivals, *failures)

    async def write(self) -> None:
        """What was seen goes to the shelves."""
        await self.evaluations.write()
        await self.sessions.write()

    async def send_due(self, owner: str) -> int:
        """How many reports were sent; none while that is switched off."""
        return await self.post.tend(owner) if self.wanted.send else 0


def build_feedback(
    configuration: Configuration,
    intake: Intake,
    directory: Directory,
    sessions: Sessions,
    resolver: Resolver,
    dialer: Dialer,
    workers: Workers,
    *,
    clock: Clock,
    ids: Ids,
    journal: Journal,
    secret: bytes | None = None,
) -> Feedback:
    """The office; ``sessions`` is what the relay tells."""
    store, wanted, is_own = intake.store, configuration.reports, directory.is_local_domain
    letterhead = Letterhead(directory, configuration.hostname, wanted)
    recognition = Recognition(is_own, wanted.addresses)
    arrivals = Arrivals(
        store, workers, recognition, lambda: directory.domains, clock=clock, journal=journal, keep_seconds=wanted.keep
    )
    delivery = Delivery(intake, resolver, Web(dialer, resolver), clock=clock, ids=ids)
    post = Post(store, delivery, arrivals, clock=clock, journal=journal, sign=letterhead.sign, is_own=is_own)
    failures = Failures(
        intake,
        resolver,
        hostname=configuration.hostname,
        clock=clock,
        ids=ids,
        journal=journal,
        sign=letterhead.sign,
        is_own=is_own,
        secret=secret,
    )
    failures.wanted = wanted.failures
    evaluations = Evaluations(RowBook(DMARC, store, clock, journal), clock, recognition)
    return Feedback(clock, recognition, evaluations, sessions, arrivals, post, failures, letterhead, wanted)


async def tend_feedback(feedback: Feedback, owner: str, journal: Journal) -> None:
    """Write and read what waits, every few seconds; send what is due, among all nodes one at a time."""
    due = feedback.clock.monotonic() + FIRST_POST_SECONDS
    try:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await feedback.write()
                await feedback.arrivals.read()
                await feedback.failures.send()
                if feedback.clock.monotonic() >= due:
                    due = feedback.clock.monotonic() + POST_SECONDS
                    await feedback.send_due(owner)
            except StorageError as error:
                journal.note("report.untended", Level.ALARM, reason=str(error))
    finally:
        await feedback.write()
