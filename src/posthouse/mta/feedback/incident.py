"""One message that failed, as the report about it says it: what was found, and its header without its recipients."""

from collections.abc import Sequence
from typing import Final

import msgspec

from posthouse.filter.evidence import Evidence, dkim_result, is_within, results_of, spf_result
from posthouse.mail.envelope import Envelope
from posthouse.mta.feedback.letters import GENERATOR, Sign, address
from posthouse.standards.authres.results import MethodResult
from posthouse.standards.dkim.verify import Result as DkimWord
from posthouse.standards.dkim.verify import Verification
from posthouse.standards.dmarcreport.failure import FailureReport
from posthouse.standards.dmarcreport.failuremail import format_failure_content
from posthouse.standards.dmarcreport.options import MECHANISMS
from posthouse.standards.dmarcreport.redact import Redaction
from posthouse.standards.imf.date import format_date
from posthouse.standards.imf.header import parse_header
from posthouse.standards.spf.evaluate import Result as SpfWord

BAD_SPF: Final = frozenset({SpfWord.FAIL, SpfWord.SOFTFAIL, SpfWord.PERMERROR})
BAD_DKIM: Final = frozenset({DkimWord.FAIL, DkimWord.PERMERROR, DkimWord.POLICY, DkimWord.NEUTRAL})
MOST_HEADER: Final = 32 * 1024


class Incident(msgspec.Struct):
    """``failure`` is what is told (``dmarc``, ``signature``, ``spf``), ``domains`` are those of the recipients."""

    trace: str
    failure: str
    evidence: Evidence
    delivery: str
    header: bytes
    domains: frozenset[str]
    at: float
    count: int = 1

    @property
    def domain(self) -> str:
        """Whose record asks for it."""
        return self.evidence.dmarc.policy_domain

    @property
    def spf_domain(self) -> str:
        """Whose SPF record did not help; empty if it did, or nothing was asked."""
        spf = self.evidence.spf
        return "" if spf is None or spf.passed else spf.domain


def spf_failed(evidence: Evidence) -> bool:
    """Whether the check of the road has failed, whoever it is about."""
    return evidence.spf is not None and evidence.spf.verdict.result in BAD_SPF


def failed_signature(evidence: Evidence) -> Verification | None:
    """A signature that does not hold: best the author's own, then one that might have been aligned with him."""
    dmarc = evidence.dmarc
    failed = [one for one in evidence.dkim if one.result in BAD_DKIM]
    failed.sort(key=lambda one: (one.domain != dmarc.author, not is_within(one.domain, dmarc.policy_domain)))
    return next(iter(failed), None)


def write_incident(
    one: Incident, spf_record: str, to: Sequence[str], sign: Sign, *, hostname: str, now: float, token: str, key: bytes
) -> tuple[Envelope, bytes]:
    """The mail about it; ``key`` is what recipients hide behind."""
    redaction = Redaction(key, one.domains)
    content = format_failure_content(
        report_of(one, spf_record, redaction),
        redaction.header(parse_header(_whole_fields(one.header))),
        authserv_id=hostname,
        submitter=sign.submitter,
        boundary=f"report-{token}",
    )
    return address(content, to, sign, now=now, token=token)


def _whole_fields(header: bytes) -> bytes:
    """Without the field that was cut: half an address is not known as one."""
    if len(header) <= MOST_HEADER:
        return header
    fields = parse_header(header).fields
    return header[: fields[-1].start] if fields else b""


def report_of(one: Incident, spf_record: str, redaction: Redaction) -> FailureReport:
    """What a program reads of it."""
    evidence = one.evidence
    aligned = {found.mechanism for found in evidence.dmarc.aligned}
    signature = failed_signature(evidence)
    return FailureReport(
        feedback_type="auth-failure",
        user_agent=f"{GENERATOR}/1",
        auth_failure=one.failure,
        identity_alignment=tuple([name for name in MECHANISMS if name not in aligned]) or ("none",),
        delivery_result=one.delivery,
        source_ip=evidence.peer,
        reported_domains=(evidence.dmarc.author,),
        mail_from=redaction.text(evidence.mail_from.encode()).decode("utf-8", "replace"),
        dkim_domain=signature.domain if signature else "",
        dkim_identity=f"@{signature.identity}" if signature and signature.identity else "",
        dkim_selector=signature.selector if signature else "",
        spf_record=spf_record,
        arrived=format_date(one.at).decode(),
        incidents=one.count,
        results=(_result(one, signature, redaction),),
    )


def _result(one: Incident, signature: Verification | None, redaction: Redaction) -> MethodResult:
    """RFC 6591 section 3.1: of one method, that which is told of."""
    evidence = one.evidence
    if one.failure == "signature" and signature is not None:
        return dkim_result(signature)
    if one.failure == "spf" and evidence.spf is not None:
        sender = redaction.text(evidence.mail_from.encode()).decode("utf-8", "replace")
        return spf_result(evidence.spf, msgspec.structs.replace(evidence, mail_from=sender))
    return next(found for found in results_of(evidence) if found.method == "dmarc")
