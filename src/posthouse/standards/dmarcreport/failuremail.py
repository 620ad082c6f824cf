"""The mail that tells of one message that failed: an ARF report (RFC 5965, RFC 6591, RFC 9991 section 4)."""

import re
from collections.abc import Iterator

from posthouse.standards.authres.write import format_results
from posthouse.standards.dmarcreport.failure import FailureReport

MAX_VALUE = 900
_NAME = re.compile(r"[^A-Za-z0-9.-]")
_UNSAFE = re.compile(r"[^\x20-\x7e]")


def format_failure(report: FailureReport, *, authserv_id: str) -> bytes:
    """The ``message/feedback-report``: what a program reads. ``report.results`` are of one method."""
    lines = [f"{name}: {_UNSAFE.sub('?', value[:MAX_VALUE])}\r\n" for name, value in _fields(report) if value]
    results = format_results(authserv_id, report.results).decode("utf-8")
    return "".join([*lines, results]).encode("ascii", "replace")


def _fields(report: FailureReport) -> Iterator[tuple[str, str]]:
    yield "Feedback-Type", report.feedback_type
    yield "User-Agent", report.user_agent
    yield "Version", "1"
    yield "Original-Mail-From", f"<{report.mail_from}>"
    yield "Arrival-Date", report.arrived
    yield "Source-IP", report.source_ip
    for domain in report.reported_domains:
        yield "Reported-Domain", domain
    yield "Auth-Failure", report.auth_failure
    yield "Identity-Alignment", ", ".join(report.identity_alignment)
    yield "Delivery-Result", report.delivery_result
    yield "DKIM-Domain", report.dkim_domain
    yield "DKIM-Identity", report.dkim_identity
    yield "DKIM-Selector", report.dkim_selector
    yield "SPF-DNS", report.spf_record
    yield "Incidents", str(report.incidents)


def format_spf_record(domain: str, record: str) -> str:
    """The value of ``SPF-DNS`` (RFC 6591 section 4)."""
    quoted = record[: MAX_VALUE // 3].replace("\\", "\\\\").replace('"', '\\"')
    return f'txt : {domain} : "{quoted}"'


def format_failure_content(
    report: FailureReport, header: bytes, *, authserv_id: str, submitter: str, boundary: str
) -> bytes:
    """``Subject``, MIME fields and body; the caller puts From, To, Date and Message-ID before it.

    ``header`` are the fields of the message as they may be shown, nothing but ASCII.
    """
    domain = _NAME.sub("-", report.reported_domains[0] if report.reported_domains else "")
    words = (
        f"A message in the name of {domain} came to {submitter} from {report.source_ip},\r\n"
        "and not all that should prove who sent it did. Below is what was found,\r\n"
        "and its header without those whom it was for.\r\n"
    )
    lines = [
        f"Subject: DMARC failure report for {domain}",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=feedback-report;\r\n\tboundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        words,
        f"--{boundary}",
        "Content-Type: message/feedback-report",
        "",
        format_failure(report, authserv_id=authserv_id).decode("ascii"),
        f"--{boundary}",
        "Content-Type: text/rfc822-headers",
        "",
        header.decode("ascii", "replace"),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii", "replace")
