"""The whole look at a sender: one object made when the house is wired, one call a message."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.authenticate import Inquiry, Signatures
from posthouse.filter.author import Ambiguous, has_false_from
from posthouse.filter.display import Display, Standing, display_of, format_display
from posthouse.filter.evidence import Evidence, results_of, summary_of
from posthouse.filter.examination import Examination
from posthouse.filter.judge import Policy, Reason, Verdict, judge, trusted_sealer
from posthouse.filter.lookalike import Likenesses
from posthouse.filter.memory import Memory
from posthouse.filter.replay import Replays
from posthouse.filter.written import Lines, Written, write
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.envelope import Recipient
from posthouse.standards.arc.verify import Status as ArcStatus
from posthouse.standards.authres.write import format_results
from posthouse.standards.dkim.verify import Verification
from posthouse.standards.dns.ports import Resolver

MOST_FIELDS = 2000
"""About 2 MiB of written fields."""
MOST_ALIKE = 2000
"""About 8 MiB of findings."""
REPLAYED = Reason("replay", "this very message was sent to too many whom it does not name")


Likeness = tuple[str, str, str, bytes, tuple[bytes, ...], bool]
"""The address of the client, its HELO, MAIL FROM, the values of From and Reply-To, and whether it is signed."""


class Findings(msgspec.Struct, frozen=True):
    """All that follows from one look. ``field`` is our Authentication-Results, to stand in the prefix."""

    evidence: Evidence
    verdict: Verdict
    display: Display
    field: bytes
    summary: tuple[str, ...] = ()
    """The evidence in a few words each, for the ledger."""
    note: bytes = b""
    """The field that tells our own readers (``filter.display``)."""


def nobody_known() -> Iterable[str]:
    """For an office that knows no other domains yet."""
    return ()


class SenderCheck:
    """``policy`` and ``known`` (domains worth imitating) are asked for each message, so that they may change."""

    __slots__ = (
        "_alike",
        "_authserv_id",
        "_clock",
        "_fields",
        "_inquiry",
        "_known",
        "_likenesses",
        "_lines",
        "_policy",
        "_replays",
    )

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        *,
        authserv_id: str,
        policy: Callable[[], Policy],
        known: Callable[[], Iterable[str]] = nobody_known,
        replays: Replays | None = None,
    ) -> None:
        self._inquiry = Inquiry(resolver, clock, Memory(clock), receiver=authserv_id)
        self._clock = clock
        self._authserv_id = authserv_id
        self._policy = policy
        self._replays = replays
        self._known = known
        self._likenesses = Likenesses()
        self._alike: Lru[Likeness, _Alike] = Lru(MOST_ALIKE)
        self._lines = Lines()
        self._fields: Lru[tuple[str, str, str], Written] = Lru(MOST_FIELDS)

    async def look(
        self,
        examination: Examination,
        *,
        peer: str,
        helo: str,
        mail_from: str,
        recipients: Sequence[Recipient] = (),
        exempt: str = "",
    ) -> Findings:
        """What is found out and decided. ``exempt`` says why this client need not prove anything.

        It costs no DNS then, unless ``examination`` looks at signatures, for those whom we send the message on to.
        """
        if exempt:
            return await self._look_at_exempt(examination, peer=peer, helo=helo, mail_from=mail_from, exempt=exempt)
        policy, known = self._policy(), self._known()
        likeness = likeness_of(examination, peer, helo, mail_from)
        alike = self._alike.get(likeness) if likeness is not None else None
        signatures: Signatures | None = None
        if alike is not None and alike.still_holds(policy, known, self._clock.monotonic()):
            if examination.signatures is None:
                return alike.findings
            signatures = await self._inquiry.look_at_signatures(examination.signatures)
            if alike.written and alike.signed == like_signed(signatures.found):
                findings = self._renewed(alike.findings, signatures, alike.written)
                return self._checked(findings, examination, recipients)
        evidence = await self._inquiry.authenticate(
            examination, peer=peer, helo=helo, mail_from=mail_from, signatures=signatures
        )
        found = self._conclude(evidence, policy, known)
        if likeness is not None:
            self._alike.put(likeness, found)
        return self._checked(found.findings, examination, recipients)

    async def _look_at_exempt(
        self, examination: Examination, *, peer: str, helo: str, mail_from: str, exempt: str
    ) -> Findings:
        """Nothing is written of who need not prove anything; readers are told of whom he writes as."""
        evidence = await self._inquiry.authenticate_transit(
            examination, peer=peer, helo=helo, mail_from=mail_from, exempt=exempt
        )
        policy = self._policy()
        verdict = judge(evidence, policy)
        display = display_of(evidence, verdict, policy, self._known(), self._likenesses)
        return Findings(evidence, verdict, display, b"", note=format_display(display))

    def _conclude(self, evidence: Evidence, policy: Policy, known: Iterable[str]) -> "_Alike":
        verdict = judge(evidence, policy)
        display = display_of(evidence, verdict, policy, known, self._likenesses)
        written = self._written(evidence)
        if written is not None:
            field, summary = written.field(evidence, self._lines), written.words(evidence)
        else:
            field, summary = format_results(self._authserv_id, results_of(evidence)), summary_of(evidence)
        findings = Findings(evidence, verdict, display, field, summary, format_display(display))
        return _Alike(evidence.until, policy, known, findings, like_signed(evidence.dkim), written)

    def _renewed(self, findings: Findings, signatures: Signatures, written: Written) -> Findings:
        """The same of a message that differs in nothing but the octets of its signatures."""
        evidence = msgspec.structs.replace(findings.evidence, dkim=signatures.found, queries=signatures.allowance.asked)
        return msgspec.structs.replace(findings, evidence=evidence, field=written.field(evidence, self._lines))

    def _checked(self, findings: Findings, examination: Examination, recipients: Sequence[Recipient]) -> Findings:
        """The same, unless it has come too often."""
        evidence, verdict = findings.evidence, findings.verdict
        if not evidence.dkim or verdict.action is not Action.ACCEPT:
            return findings
        if not self._is_replay(examination, evidence, recipients):
            return findings
        verdict = msgspec.structs.replace(verdict, action=Action.JUNK, reasons=(REPLAYED, *verdict.reasons))
        display = msgspec.structs.replace(findings.display, standing=Standing.UNVERIFIED)
        return msgspec.structs.replace(findings, verdict=verdict, display=display, note=format_display(display))

    def _is_replay(self, examination: Examination, evidence: Evidence, recipients: Sequence[Recipient]) -> bool:
        if self._replays is None or trusted_sealer(evidence, self._policy().sealers):
            return False
        return self._replays.is_replay(evidence, examination.close(), recipients)

    def _written(self, evidence: Evidence) -> Written | None:
        """What our field says of a domain, which is still at hand; None of what is told of one message alone."""
        if evidence.arc.status is not ArcStatus.NONE or isinstance(evidence.author, Ambiguous):
            return None
        key = (evidence.peer, evidence.helo, evidence.mail_from.rpartition("@")[2])
        known = self._fields.get(key)
        if known is None or not known.tells(evidence):
            known = write(evidence, self._authserv_id)
            self._fields.put(key, known)
        return known


def likeness_of(examination: Examination, peer: str, helo: str, mail_from: str) -> Likeness | None:
    """All that the findings about a message follow from but its signatures; None where they follow from more."""
    header = examination.close()
    if examination.chain is not None or header.excess:
        return None
    authors = header.all("from")
    if len(authors) != 1 or has_false_from(header):
        return None
    return peer, helo, mail_from, authors[0], tuple(header.all("reply-to")), examination.signatures is not None


def like_signed(found: Sequence[Verification]) -> list[Verification]:
    """Signatures without their octets: those that are equal then say the same."""
    return [msgspec.structs.replace(one, signature=b"") for one in found]


class _Alike(msgspec.Struct, frozen=True):
    """What was found of a message just like this one (the next of a list, a program's next notice)."""

    until: float
    policy: Policy
    known: Iterable[str]
    findings: Findings
    signed: list[Verification]
    """What the signatures say, without their octets."""
    written: Written | None

    def still_holds(self, policy: Policy, known: Iterable[str], now: float) -> bool:
        return self.until > now and self.policy is policy and self.known is known
