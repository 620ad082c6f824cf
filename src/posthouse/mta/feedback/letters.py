"""What is told about one domain and one day, written as the mail that tells it."""

import gzip
from collections.abc import Sequence
from typing import Final

import msgspec

from posthouse.mail.envelope import Body, Envelope, Notify, Recipient
from posthouse.mta.feedback.rows import DMARC, Heap
from posthouse.mta.feedback.sessions import SessionRow
from posthouse.standards.dmarcreport import envelope as dmarc_mail
from posthouse.standards.dmarcreport import write as dmarc_file
from posthouse.standards.dmarcreport.report import AggregateReport, Published, Row
from posthouse.standards.imf.date import format_date
from posthouse.standards.smtp.grammar import parse_mailbox
from posthouse.standards.tlsrpt import envelope as tls_mail
from posthouse.standards.tlsrpt.report import Failure, PolicyReport, TlsReport
from posthouse.standards.tlsrpt.report import format_report as format_tls

GENERATOR: Final = "Posthouse"

Report = AggregateReport | TlsReport
Rows = Sequence[tuple[bytes, int]]


class Sign(msgspec.Struct, frozen=True):
    """Who we are to those who read our reports."""

    organization: str
    contact: str
    """An address of ours; its domain is the submitter."""

    @property
    def submitter(self) -> str:
        return self.contact.rpartition("@")[2]


def make_report(heap: Heap, rows: Rows, unlisted: int, begin: int, end: int, sign: Sign) -> Report:
    """The report about ``heap``, from ``begin`` to ``end`` (not included)."""
    report_id = f"{begin}.{end}.{heap.domain}@{sign.submitter}"
    if heap.kind == DMARC:
        decoder = msgspec.msgpack.Decoder(Row)
        errors = (f"{unlisted} messages are not listed",) if unlisted else ()
        return AggregateReport(
            organization=sign.organization,
            email=sign.contact,
            report_id=report_id,
            begin=begin,
            end=end - 1,
            published=msgspec.msgpack.decode(heap.head, type=Published),
            rows=tuple([_counted(decoder.decode(row), count) for row, count in rows]),
            errors=errors,
            generator=GENERATOR,
        )
    return TlsReport(
        organization=sign.organization,
        contact=sign.contact,
        report_id=report_id,
        begin=begin,
        end=end - 1,
        policies=_policies(heap.domain, rows, unlisted),
    )


def _counted(row: Row, count: int) -> Row:
    return Row(**{name: getattr(row, name) for name in Row.__slots__} | {"count": count})


def _policies(domain: str, rows: Rows, unlisted: int) -> tuple[PolicyReport, ...]:
    decoder = msgspec.msgpack.Decoder(SessionRow)
    good: dict[str, int] = {}
    bad: dict[str, list[Failure]] = {}
    for octets, count in rows:
        row = decoder.decode(octets)
        good.setdefault(row.policy, 0)
        if row.failure:
            failure = Failure(
                result_type=row.failure, count=count, receiving_mx_hostname=row.host, receiving_ip=row.address
            )
            bad.setdefault(row.policy, []).append(failure)
        else:
            good[row.policy] += count
    found = []
    for at, (policy, successes) in enumerate(good.items()):
        details = tuple(bad.get(policy, ()))
        failures = sum([one.count for one in details]) + (unlisted if at == 0 else 0)
        found.append(
            PolicyReport(policy_type=policy, domain=domain, successes=successes, failures=failures, details=details)
        )
    return tuple(found)


def pack(report: Report) -> bytes:
    """The file, in gzip form."""
    octets = dmarc_file.format_report(report) if isinstance(report, AggregateReport) else format_tls(report)
    return gzip.compress(octets, mtime=0)


def format_mail(
    report: Report, domain: str, to: Sequence[str], sign: Sign, *, now: float, token: str
) -> tuple[Envelope, bytes]:
    """The mail with it, from which nothing comes back that would have to be reported."""
    submitter, packed = sign.submitter, pack(report)
    if isinstance(report, AggregateReport):
        content = dmarc_mail.format_content(report, packed, submitter=submitter, boundary=f"report-{token}")
    else:
        content = tls_mail.format_content(
            report, packed, domain=domain, submitter=submitter, boundary=f"report-{token}"
        )
    return address(content, to, sign, now=now, token=token)


def address(content: bytes, to: Sequence[str], sign: Sign, *, now: float, token: str) -> tuple[Envelope, bytes]:
    """``content`` as a mail of ours: from the null reverse-path."""
    lines = [
        f"From: {_phrase(sign.organization)}<{sign.contact}>",
        f"To: {', '.join(f'<{one}>' for one in to)}",
        f"Date: {format_date(now).decode()}",
        f"Message-ID: <{token}@{sign.submitter}>",
        "",
    ]
    recipients = tuple([Recipient(parse_mailbox(one), notify=Notify.NEVER) for one in to])
    return Envelope(None, recipients, body=Body.SEVENBIT), "\r\n".join(lines).encode("ascii", "replace") + content


def _phrase(text: str) -> str:
    """``text`` before an address (RFC 5322 section 3.4): what could be misread is left out."""
    kept = "".join(mark for mark in text if mark.isascii() and (mark.isalnum() or mark in " .-_"))[:100].strip()
    return f'"{kept}" ' if kept else ""
