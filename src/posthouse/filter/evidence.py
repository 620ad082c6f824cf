"""What was found out about one message: plain values, gathered once, judged and shown elsewhere."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from posthouse.filter.author import Ambiguous, Author
from posthouse.standards.arc.verify import Chain
from posthouse.standards.arc.verify import Status as ArcStatus
from posthouse.standards.authres.results import MethodResult, Property
from posthouse.standards.dkim.verify import Result as DkimResult
from posthouse.standards.dkim.verify import Verification
from posthouse.standards.dmarc.evaluate import Evaluation
from posthouse.standards.dmarc.evaluate import Result as DmarcResult
from posthouse.standards.spf.evaluate import Result as SpfResult
from posthouse.standards.spf.evaluate import Verdict as SpfVerdict


@dataclass(frozen=True, slots=True)
class SpfEvidence:
    """One check: ``identity`` is ``helo`` or ``mailfrom``, ``domain`` what was asked about."""

    identity: str
    domain: str
    verdict: SpfVerdict

    @property
    def passed(self) -> bool:
        return self.verdict.result is SpfResult.PASS


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. ``mail_from`` is empty for the null reverse-path."""

    author: Author | Ambiguous
    peer: str
    helo: str
    mail_from: str
    spf_helo: SpfEvidence | None = None
    spf_mail: SpfEvidence | None = None
    dkim: tuple[Verification, ...] = ()
    dmarc: Evaluation = Evaluation(DmarcResult.NONE, "")
    arc: Chain = Chain(ArcStatus.NONE)
    reply_to: tuple[str, ...] = ()
    """The domains in Reply-To."""
    exempt: str = ""
    """Why nothing is asked of this client (``relay network``, ``authenticated``); empty for strangers."""
    queries: int = 0
    """How many questions to the DNS it took."""
    until: float = 0.0
    """How long what was found out of the road and the policy may be believed of another message (monotonic)."""

    @property
    def spf(self) -> SpfEvidence | None:
        """The check that counts: of MAIL FROM, or of HELO if there is none (RFC 7208 section 2.4)."""
        return self.spf_mail or self.spf_helo

    @property
    def signers(self) -> tuple[str, ...]:
        """The domains whose signatures hold, top to bottom."""
        return passing(self.dkim)

    @property
    def is_temporary(self) -> bool:
        """Whether some answer about the author's own domain is missing that another day may bring."""
        if self.dmarc.result is DmarcResult.TEMPERROR:
            return True
        if not isinstance(self.author, Author):
            return False
        return self.lacks_proof_of(self.author.domain)

    def lacks_proof_of(self, domain: str) -> bool:
        """Whether an answer is missing that could have proven ``domain``."""
        spf = self.spf
        if spf is not None and spf.verdict.result is SpfResult.TEMPERROR and may_align(spf.domain, domain):
            return True
        return any(one.result is DkimResult.TEMPERROR and may_align(one.domain, domain) for one in self.dkim)


def passing(dkim: Sequence[Verification]) -> tuple[str, ...]:
    """The domains whose signatures hold, top to bottom."""
    return tuple([one.domain for one in dkim if one.result is DkimResult.PASS])


def is_within(one: str, domain: str) -> bool:
    """Whether ``one`` is ``domain`` or a name below it."""
    return one == domain or one.endswith("." + domain)


def may_align(one: str, other: str) -> bool:
    """Whether two domains might belong together: they share at least their last two labels."""
    return one == other or one.split(".")[-2:] == other.split(".")[-2:]


def summary_of(evidence: Evidence) -> tuple[str, ...]:
    """The evidence in a few words each, for the ledger."""
    if evidence.exempt:
        return ()
    said = [
        f"spf={one.verdict.result.value} {one.identity} {one.domain}"
        for one in (evidence.spf_helo, evidence.spf_mail)
        if one is not None
    ]
    said += [dkim_in_words(one) for one in evidence.dkim]
    dmarc = evidence.dmarc
    said.append(f"dmarc={dmarc.result.value} {dmarc.author}" + (f" p={dmarc.policy.value}" if dmarc.record else ""))
    if evidence.arc.status is not ArcStatus.NONE:
        said.append(f"arc={evidence.arc.status.value}")
    return tuple(said)


def dkim_in_words(one: Verification) -> str:
    """A signature, for the ledger."""
    return f"dkim={one.result.value} {one.domain} {one.reason}".rstrip()


def results_of(evidence: Evidence) -> list[MethodResult]:
    """The evidence as Authentication-Results tells it (RFC 8601 section 2.7)."""
    results = [spf_result(one, evidence) for one in (evidence.spf_helo, evidence.spf_mail) if one is not None]
    results += [dkim_result(one) for one in evidence.dkim]
    if not evidence.exempt or evidence.dmarc.result is DmarcResult.PASS:
        results.append(_dmarc(evidence))
    if evidence.arc.status is not ArcStatus.NONE:
        results.append(_arc(evidence))
    return results


def spf_result(one: SpfEvidence, evidence: Evidence) -> MethodResult:
    """RFC 8601 section 2.7.2."""
    value = evidence.helo if one.identity == "helo" else evidence.mail_from
    return MethodResult(
        "spf", one.verdict.result.value, one.verdict.reason, "", (Property("smtp", one.identity, value),)
    )


def dkim_result(one: Verification) -> MethodResult:
    """RFC 8601 section 2.7.1."""
    properties = []
    if one.domain:
        properties = [
            Property("header", "d", one.domain),
            Property("header", "s", one.selector),
            Property("header", "a", one.algorithm),
        ]
        properties.append(Property("header", "b", start_of(one.signature)))  # RFC 6008
    comment = f"{one.bits} bits" if one.bits else ""
    return MethodResult("dkim", one.result.value, one.reason, comment, tuple(properties))


def start_of(signature: bytes) -> str:
    """RFC 6008 section 3: as much of ``b`` as tells signatures apart, eight characters at least."""
    return b64encode(signature[:9]).decode()


def _dmarc(evidence: Evidence) -> MethodResult:
    author, found = evidence.author, evidence.dmarc
    if isinstance(author, Ambiguous):
        return MethodResult("dmarc", "permerror", f"the From {author.reason}")
    comment = f"p={found.published.value} dom={found.policy_domain}" if found.policy_domain else ""
    return MethodResult(
        "dmarc", found.result.value, found.reason, comment, (Property("header", "from", author.domain),)
    )


def _arc(evidence: Evidence) -> MethodResult:
    chain = evidence.arc
    sealer = chain.sealers[-1] if chain.sealers else ""
    properties = (Property("smtp", "remote-ip", evidence.peer),)  # RFC 8617 section 6
    return MethodResult("arc", chain.status.value, chain.reason, f"i={chain.highest} {sealer}".strip(), properties)
