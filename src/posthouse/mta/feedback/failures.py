"""Single messages that failed, told to the owners of the domains who ask for it (RFC 9991); off unless switched on.

A message is remembered when it is judged, its header with it, and told of some
seconds later. A report is a courtesy: whatever stands in its way (limits, the
DNS, a stop of the server) ends it.
"""

import asyncio
import hashlib
from collections.abc import Callable
from math import inf
from typing import Final

from posthouse.filter.action import Action
from posthouse.filter.boundary import Judgement
from posthouse.filter.evidence import Evidence
from posthouse.filter.letter import Letter
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.envelope import Envelope
from posthouse.mta.feedback.delivery import MOST_OCTETS
from posthouse.mta.feedback.destinations import find_failure_destinations
from posthouse.mta.feedback.incident import MOST_HEADER, Incident, failed_signature, spf_failed, write_incident
from posthouse.mta.feedback.letters import Sign
from posthouse.mta.feedback.recognise import looks_like_report
from posthouse.mta.intake import Intake
from posthouse.observe.ports import Journal, Level
from posthouse.standards.dmarc.record import Record
from posthouse.standards.dmarcreport.failuremail import format_spf_record
from posthouse.standards.dmarcreport.options import failure_wanted
from posthouse.standards.dns.ports import DnsTrouble, Resolver

MOST_AN_HOUR: Final = 10
"""For one domain: who forges it decides how often."""
MOST_A_DAY: Final = 500
"""To all: nobody makes a cannon of us with many domains."""
MOST_WAITING: Final = 200
MOST_SPENT: Final = 5000
ROUND_SECONDS: Final = 5.0
HOUR: Final = 3600
DAY: Final = 24 * HOUR
SPENT_SECONDS: Final = 300

RESULTS: Final = {Action.REFUSE: "reject", Action.QUARANTINE: "policy", Action.JUNK: "spam"}


class Failures:
    """Implements ``filter.boundary.Witness``; ``send`` tells of what waits. Recipients are hidden behind ``secret``."""

    __slots__ = (
        "_clock", "_full_until", "_hostname", "_ids", "_intake", "_is_own", "_journal", "_key", "_named", "_resolver",
        "_sign", "_spent", "_waiting", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        intake: Intake,
        resolver: Resolver,
        *,
        hostname: str,
        clock: Clock,
        ids: Ids,
        journal: Journal,
        sign: Callable[[], Sign],
        is_own: Callable[[str], bool],
        secret: bytes | None = None,
    ) -> None:
        self.wanted = False
        self._intake = intake
        self._resolver = resolver
        self._hostname = hostname
        self._clock = clock
        self._ids = ids
        self._journal = journal
        self._sign = sign
        self._is_own = is_own
        self._key = hashlib.sha256(b"failure report" + (secret or ids.token(32).encode())).digest()
        self._waiting: dict[object, Incident] = {}
        self._named: dict[str, int] = {}
        """How much of what waits is about a domain."""
        self._full_until = -inf
        """Nobody gets any until then."""
        self._spent: Lru[str, float] = Lru(MOST_SPENT)
        """Who has had all his reports, and until when."""

    def saw(self, letter: Letter, judgement: Judgement) -> None:
        """Mail that is deferred comes again; equal failures that come together are one report."""
        findings = judgement.findings
        if not self.wanted or findings is None or judgement.action is Action.DEFER:
            return
        if self._clock.monotonic() < self._full_until:
            return
        evidence = findings.evidence
        record = evidence.dmarc.record
        if record is None or not record.ruf or not (failure := self._failure_of(letter, evidence, record)):
            return
        key = (evidence.peer, findings.summary, failure, judgement.action)
        seen = self._waiting.get(key)
        if seen is not None:
            seen.count += 1
            return
        domain = evidence.dmarc.policy_domain
        named = self._named.get(domain, 0)
        header = letter.examination.header
        if len(self._waiting) >= MOST_WAITING or named >= MOST_AN_HOUR or header is None:
            return
        self._named[domain] = named + 1
        self._waiting[key] = Incident(
            letter.trace,
            failure,
            evidence,
            RESULTS.get(judgement.action, "delivered"),
            header.octets[: MOST_HEADER + 1],
            frozenset([one.address.domain for one in letter.recipients]),
            self._clock.now(),
        )

    def _failure_of(self, letter: Letter, evidence: Evidence, record: Record) -> str:
        """What is to be told of it. Nothing of what is ours, of what no person wrote, of what may yet be proven."""
        dmarc = evidence.dmarc
        if evidence.exempt or not evidence.mail_from or evidence.is_temporary:
            return ""
        if record.psd == "y":  # RFC 9991 section 2: it would be about the mail of others
            return ""
        if self._clock.monotonic() < (self._spent.get(dmarc.policy_domain) or 0.0):
            return ""
        ours = (dmarc.author, dmarc.policy_domain, evidence.mail_from.rpartition("@")[2].lower())
        if any(self._is_own(domain) for domain in ours) or _is_automatic(letter):
            return ""
        return failure_wanted(
            record.fo,
            aligned={one.mechanism for one in dmarc.aligned},
            signature_failed=failed_signature(evidence) is not None,
            spf_failed=spf_failed(evidence),
        )

    async def send(self) -> int:
        """Tell of what waits, for some seconds at most; how many mails that were. Raises ``StorageError``."""
        until, sent = self._clock.monotonic() + ROUND_SECONDS, 0
        while self._waiting and self._clock.monotonic() < until:
            key = next(iter(self._waiting))
            one = self._waiting.pop(key)
            domain = one.domain
            self._named[domain] -= 1
            if not self._named[domain]:
                del self._named[domain]
            try:
                sent += await self._tell(one)
            except (DnsTrouble, TimeoutError) as trouble:
                self._journal.note("report.failure-untold", id=one.trace, domain=domain, reason=str(trouble))
        return sent

    async def _tell(self, one: Incident) -> bool:
        domain, record = one.domain, one.evidence.dmarc.record
        if record is None or not await self._may(f"failure.hour/{domain}", MOST_AN_HOUR, HOUR):
            self._spent.put(domain, self._clock.monotonic() + SPENT_SECONDS)
            return False
        async with asyncio.timeout(ROUND_SECONDS):
            wanted = await find_failure_destinations(self._resolver, domain, record)
            spf_record = await self._spf_record(one.spf_domain) if wanted.addresses else ""
        if not wanted.addresses:
            return False
        if not await self._may("failure.day", MOST_A_DAY, DAY):  # before the work of writing
            self._journal.note("report.too-many", Level.WARNING, mails=MOST_A_DAY)
            self._full_until = self._clock.monotonic() + SPENT_SECONDS
            self._waiting.clear()
            self._named.clear()
            return False
        envelope, octets = self._write(one, spf_record, wanted.addresses)
        small = wanted.within(len(octets), MOST_OCTETS)
        if not small.addresses:
            return False
        if small.addresses != wanted.addresses:
            envelope, octets = self._write(one, spf_record, small.addresses)
        await self._intake.send(envelope, octets, _trace_of(one.trace))
        self._journal.note("report.failure-sent", id=one.trace, domain=domain, to=", ".join(small.addresses))
        return True

    async def _may(self, key: str, most: int, seconds: int) -> bool:
        """Whether all nodes together have told less than ``most`` of ``key``."""
        return await self._intake.store.take(key, 1, most, seconds * 1000, int(self._clock.now() * 1000)) > 0

    def _write(self, one: Incident, spf_record: str, to: tuple[str, ...]) -> tuple[Envelope, bytes]:
        return write_incident(
            one,
            spf_record,
            to,
            self._sign(),
            hostname=self._hostname,
            now=self._clock.now(),
            token=self._ids.token(18),
            key=self._key,
        )

    async def _spf_record(self, domain: str) -> str:
        """The record of ``domain`` as a report tells it (RFC 6591 section 3.2.6); the resolver has it still."""
        if not domain:
            return ""
        records = [octets for octets in (await self._resolver.txt(domain)).records if octets.startswith(b"v=spf1")]
        return format_spf_record(domain, records[0].decode("utf-8", "replace")) if records else ""


def _is_automatic(letter: Letter) -> bool:
    """Whether no person wrote it (RFC 3834), or it is a report itself: who answers those never ends."""
    header = letter.examination.header
    if header is None:
        return True
    said = (header.first("auto-submitted") or b"no").split(b";")[0].strip().lower()
    return said != b"no" or looks_like_report(letter)


def _trace_of(trace: str) -> str:
    """Of the report about the message ``trace``: the same however often it is told."""
    return f"f{hashlib.sha256(f'failure{chr(0)}{trace}'.encode()).hexdigest()[:23]}"
