"""The one road of every message into the house: from outside, from our own people, and our own reports.

A message becomes one ``Acceptance``: the copies for mailboxes of ours and one
posting for everybody else, in one transaction. Promise point 1: ``accept``
returns only when the message would survive a power cut, and what could not be
filed (a full mailbox) comes back as findings, by recipient.
"""

from collections.abc import Awaitable, Mapping, Sequence
from types import MappingProxyType

from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.filter.allowance import HOUR, Allowance
from posthouse.lib.ports import Clock, Ids
from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Envelope
from posthouse.mail.ids import AccountId, QueueId, TraceId
from posthouse.mda.expand import Copy, Expansion, Leaf, Lost, expand
from posthouse.ms.large import Describe, Describer, here_or_apart
from posthouse.ms.readable import Readable
from posthouse.mta.aftermath import Failure, is_quiet, reckon
from posthouse.mta.draft import Draft, Refusal
from posthouse.mta.handoff import Handoff
from posthouse.mta.lapse import Lapses, named, write_notice
from posthouse.mta.reporting import Action, Finding, Reporter, Subject
from posthouse.mta.signing import Signer
from posthouse.observe.ledger import Record, format_record
from posthouse.observe.ports import Journal, Level
from posthouse.standards.imf.header import Header
from posthouse.standards.imf.trace import format_delivered_to, format_return_path
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.errors import StorageError
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.ports import BlobWriter, Store
from posthouse.storage.queue import Posting, State

NO_ROLES: Mapping[AccountId, Role] = MappingProxyType({})
MOST_NOTED = 5
"""Lost targets that the journal names."""


class Intake:
    """``describe`` is ``ms.describe.describe``. ``handoff`` may be set later: the manager needs an intake."""

    __slots__ = (
        "_asked",
        "_clock",
        "_describe",
        "_describer",
        "_directory",
        "_ids",
        "_journal",
        "_lapses",
        "_limits",
        "_readable",
        "_reporter",
        "_signer",
        "_store",
        "_tell_strangers",
        "handoff",
    )

    def __init__(
        self,
        store: Store,
        directory: Directory,
        *,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        reporter: Reporter,
        handoff: Handoff,
        describe: Describe,
        journal: Journal,
        signer: Signer | None = None,
        tell_strangers: bool = False,
    ) -> None:
        self._store = store
        self._tell_strangers = tell_strangers
        self._signer = signer
        self._directory = directory
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._reporter = reporter
        self._describe = describe
        self._describer = Describer(store.blobs, describe)
        self._readable = Readable(store.blobs)
        self._journal = journal
        self._lapses = Lapses()
        self._asked: Allowance[str] = Allowance(limits.stranger_reports_hour, HOUR, clock)
        self.handoff = handoff

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on."""
        self._limits = limits
        self._asked.change(limits.stranger_reports_hour, HOUR)

    def is_ours(self, address: Address) -> bool:
        """Whether its domain is one of ours."""
        return self._directory.is_local_domain(address.domain)

    @property
    def store(self) -> Store:
        return self._store

    def open(self) -> BlobWriter:
        """Where the content goes while it comes."""
        return self._store.blobs.open()

    def facts(self, blob: Blob, added: bytes = b"", lines: int = -1, header: Header | None = None) -> Awaitable[Facts]:
        """What readers will need of ``added + blob``, worked out once for all its copies."""
        return self._describer.facts(blob, added, lines, header)

    async def rewrite(self, blob: Blob) -> BlobWriter | None:
        """The content in a form that readers can be sent, if it needs another one. Raises ``Unreadable``."""
        return await self._readable.rewrite(blob)

    def expand(self, envelope: Envelope) -> Expansion:
        """Where its recipients lead; a draft of it files a copy for each of ``copies``."""
        return expand(self._directory, envelope.recipients, self._limits)

    def plan(
        self,
        envelope: Envelope,
        blob: Blob,
        *,
        trace: str,
        received: bytes = b"",
        is_report: bool = False,
        facts: Facts | None = None,
        octets: bytes | None = None,
    ) -> Acceptance:
        """What accepting a message of our own means: the unit that ``store.accept`` or ``store.settle`` commits.

        A recipient that leads nowhere is left out: our own messages are never reported about. A report
        that leaves is signed, nothing else is (threat D06); ``octets`` are those of a ``blob`` that is
        too large to have them at hand.
        """
        content = (blob.octets or b"") if octets is None else octets
        known = facts or self._describe(b"", content)
        expansion = self.expand(envelope)
        if expansion.onward and is_report and self._signer is not None:
            received += self._signer.sign_report(content)
        return self.draft(
            envelope, blob, trace=trace, trace_lines=received, facts=known, expansion=expansion, is_report=is_report
        ).acceptance

    def draft(
        self,
        envelope: Envelope,
        blob: Blob,
        *,
        trace: str,
        trace_lines: bytes,
        facts: Facts,
        expansion: Expansion | None = None,
        head: bytes = b"",
        record: Record | None = None,
        is_report: bool = False,
        at: int | None = None,
        role: Role = Role.INBOX,
        note: bytes = b"",
        roles: Mapping[AccountId, Role] = NO_ROLES,
        held: str = "",
        seal: bytes = b"",
    ) -> Draft:
        """The acceptance of ``envelope`` with ``blob``, not yet accepted.

        ``trace_lines`` stand before every copy and before what is relayed,
        ``note`` only before copies here; a copy goes to ``role`` or to what
        ``roles`` says for its account, and with ``held`` the queue keeps the
        rest for that reason. The same ``trace`` is accepted once, however often
        it is tried. ``seal`` stands above all that is relayed.
        """
        at = int(self._clock.now() * 1000) if at is None else at
        if expansion is None:
            expansion = expand(self._directory, envelope.recipients, self._limits)
        filings: tuple[Filing, ...] = ()
        if expansion.copies:
            before = format_return_path(envelope.reverse_path)
            filings = _filings(expansion.copies, before, note + trace_lines, trace, at, facts, role, roles)
        postings: tuple[Posting, ...] = ()
        if expansion.onward:
            postings = (self._posting(envelope, expansion.onward, trace, seal + trace_lines, at, is_report, held),)
        written = _record(record, expansion) if record else b""
        acceptance = Acceptance(TraceId(trace), blob, filings, postings, written, at)
        return Draft(acceptance, expansion, envelope, trace_lines + head)

    def _posting(
        self,
        envelope: Envelope,
        onward: Sequence[Leaf],
        trace: str,
        prefix: bytes,
        at: int,
        is_report: bool,
        held: str,
    ) -> Posting:
        """The queue rows of everybody elsewhere; claimed from birth when a worker is free, unless they are held."""
        lease = self.handoff.lease(at) if not held else None
        seconds = self._limits.report_queue_seconds if is_report else self._limits.queue_seconds
        return Posting(
            queue_id=QueueId(trace),
            reverse_path=str(envelope.reverse_path) if envelope.reverse_path is not None else "",
            prefix=prefix,
            recipients=tuple([leaf.recipient for leaf in onward]),
            created_at=at,
            due_at=at,
            expires_at=at + seconds * 1000,
            body=envelope.body,
            utf8=envelope.utf8,
            ret=envelope.ret,
            envid=envelope.envid,
            submitter=envelope.submitter,
            require_tls=envelope.require_tls,
            is_report=is_report,
            owner=lease[0] if lease is not None else None,
            lease_until=lease[1] if lease is not None else 0,
            state=State.HELD if held else State.WAITING,
            last=held,
        )

    async def accept(self, draft: Draft, *, answers_each: bool = False, vouched: bool = False) -> tuple[Refusal, ...]:
        """**Durable.** Promise point 1. Who gets nothing of it; if that is everybody, nothing was kept.

        Whoever is refused while others are not, and cannot be told in the session, gets a report:
        it is durable too when this returns. What an alias of ours leads to and nobody has is told to
        our own submitters, and otherwise to the postmaster: never to a stranger (B01). A mailbox that
        was found full only now is told to a stranger whose reverse-path is ``vouched`` for. Who asks
        for success from outside hears that we took it, not what became of it (B02). With
        ``answers_each`` (LMTP) every recipient is told in the session.
        Raises ``StorageError``: then nothing was promised.
        """
        accepted = await self._store.accept(draft.acceptance)
        if accepted.items:
            self.handoff.take(accepted.items)
        if is_quiet(draft, accepted):
            return ()
        after = reckon(
            draft, accepted, answers_each=answers_each, vouched=vouched, tells_strangers=self._tell_strangers
        )
        for index in after.lapsed:
            await self._tell_postmaster(draft, index, after.unheard)
        await self._report(draft, after.findings)
        return after.refused

    async def _report(self, draft: Draft, findings: Sequence[Finding]) -> None:
        """Tell the sender, by this same road; never about mail that has none (RFC 3464 section 2)."""
        envelope, acceptance = draft.envelope, draft.acceptance
        findings = self._bearable(envelope, findings)
        if not findings or envelope.reverse_path is None:
            return
        subject = Subject(
            envelope.reverse_path,
            acceptance.trace,
            acceptance.at,
            draft.head,
            envelope.utf8,
            envelope.ret,
            envelope.envid,
        )
        report, octets = self._reporter.report(subject, findings)
        await self._send(report, octets, self._ids.trace_id())

    async def _tell_postmaster(self, draft: Draft, index: int, unheard: Sequence[Failure]) -> None:
        """An alias has lapsed, or a mailbox is full; the message is safe already, whatever becomes of the notice."""
        lost = [one for one in draft.expansion.lost if one.leaf.index == index]
        lost += [Lost(leaf, reply) for leaf, reply in unheard if leaf.index == index]
        now = self._clock.now()
        trace = self._lapses.news(lost, now)
        if trace is None:
            return
        alias = draft.envelope.recipients[index].address
        if not alias.domain:  # RFC 5321 section 4.1.1.3: <postmaster>
            alias = Address(alias.local, self._directory.primary)
        lapse = {"id": draft.acceptance.trace, "alias": str(alias), "lost": ", ".join(map(named, lost[:MOST_NOTED]))}
        self._journal.note("alias.lapsed", Level.WARNING, **lapse)
        try:
            await self._send(*write_notice(alias, lost, trace=trace, now=now), trace)
        except StorageError as error:
            self._journal.note("alias.untold", Level.ALARM, reason=str(error), **lapse)

    async def send(self, envelope: Envelope, octets: bytes, trace: str) -> None:
        """**Durable.** A message of our own goes the road of all others; the same ``trace`` once."""
        await self._send(envelope, octets, trace)

    async def _send(self, envelope: Envelope, octets: bytes, trace: str) -> None:
        """A message of our own goes the road of all others."""
        writer = self.open()
        try:
            writer.write(octets)
            await self._store_report(envelope, await writer.finish(), octets, trace)
        finally:
            writer.discard()

    def _bearable(self, envelope: Envelope, findings: Sequence[Finding]) -> Sequence[Finding]:
        """Threat B01: who forges a sender and asks for confirmations aims them at somebody. Failures are told."""
        sender = envelope.reverse_path
        if not findings or sender is None or envelope.submitter is not None or self._asked.take(sender.key):
            return findings
        return [one for one in findings if one.action is Action.FAILED]

    async def _store_report(self, report: Envelope, blob: Blob, octets: bytes, trace: str) -> None:
        facts = await here_or_apart(len(octets), self._describe, b"", octets)
        acceptance = self.plan(report, blob, trace=trace, is_report=True, facts=facts, octets=octets)
        if acceptance.filings or acceptance.postings:
            accepted = await self._store.accept(acceptance)
            if accepted.items:
                self.handoff.take(accepted.items)


def _filings(
    copies: Sequence[Copy],
    before: bytes,
    behind: bytes,
    trace: str,
    at: int,
    facts: Facts,
    role: Role,
    roles: Mapping[AccountId, Role],
) -> tuple[Filing, ...]:
    """The copies for mailboxes of ours; each says between ``before`` and ``behind`` to whom it was delivered."""
    return tuple(
        [
            Filing(
                copy.account,
                roles.get(copy.account, role),
                before + format_delivered_to(copy.address) + behind,
                trace,
                received_at=at,
                facts=facts,
            )
            for copy in copies
        ]
    )


def _record(record: Record, expansion: Expansion) -> bytes:
    record.stored = tuple([str(copy.address) for copy in expansion.copies])
    record.queued = tuple([str(leaf.recipient.address) for leaf in expansion.onward])
    if expansion.lost:
        record.lost = tuple([named(one) for one in expansion.lost])
    return format_record(record)
