"""Reports that others sent, as they are kept: lines that an operator can act on, bounded whatever was sent."""

from collections.abc import AsyncIterator, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from posthouse.mta.feedback.rows import day_of
from posthouse.standards.dmarcreport.failure import FailureReport
from posthouse.standards.dmarcreport.report import AggregateReport, Row
from posthouse.standards.tlsrpt.report import TlsReport
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

DMARC: Final = "report.dmarc"
TLS: Final = "report.tls"
FAILURE: Final = "report.failure"
KINDS: Final = (DMARC, TLS, FAILURE)

MOST_LINES: Final = 1000
"""Of one report; the most messages first."""
MOST_TEXT: Final = 255
MOST_ERRORS: Final = 5
PAGE: Final = 100


class Sender(msgspec.Struct, frozen=True, omit_defaults=True):
    """Messages that came to the reporter from one address and went alike. ``dkim`` and ``spf``: aligned or not."""

    source: str
    author: str
    count: int
    disposition: str
    dkim: str
    spf: str
    signers: tuple[str, ...] = ()
    """``DOMAIN:RESULT``, as the reporter found them."""
    path: str = ""
    """The same of SPF."""
    why: tuple[str, ...] = ()
    """Why the policy was not followed."""

    @property
    def passed(self) -> bool:
        return "pass" in {self.dkim, self.spf}

    @property
    def refused(self) -> bool:
        return self.disposition in {"reject", "quarantine"}


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """Sessions that went alike; ``failure`` is empty for those that went well."""

    policy: str
    failure: str
    count: int
    host: str = ""
    address: str = ""
    why: str = ""


class Arrived(msgspec.Struct, omit_defaults=True):
    """One report. ``begin`` and ``end`` in seconds since 1970; ``unlisted`` is what has no line."""

    kind: str
    domain: str
    reporter: str
    report_id: str
    begin: int
    end: int
    contact: str = ""
    policy: str = ""
    senders: tuple[Sender, ...] = ()
    sessions: tuple[Session, ...] = ()
    failure: FailureReport | None = None
    unlisted: int = 0
    errors: tuple[str, ...] = ()
    proven: str = ""
    """The domain that is proven to have sent it; empty if none is."""

    @property
    def by(self) -> str:
        """Who reports, as he says, and who that is proven to be if it is not the same."""
        if self.proven and self.reporter.lower() == self.proven:
            return self.reporter
        return f"{self.reporter} ({self.proven or 'unproven'})"


def from_aggregate(report: AggregateReport) -> Arrived:
    """An aggregate report, equal lines added up."""
    counts: dict[Sender, int] = {}
    for row in report.rows:
        key = _sender(row)
        counts[key] = counts.get(key, 0) + row.count
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0].source))
    published = report.published
    words = {"p": published.p, "sp": published.sp, "np": published.np, "t": published.testing}
    return Arrived(
        kind=DMARC,
        domain=_cut(published.domain),
        reporter=_cut(report.organization or report.email),
        report_id=_cut(report.report_id),
        begin=report.begin,
        end=report.end,
        contact=_cut(report.email),
        policy=_cut(" ".join(f"{name}={value}" for name, value in words.items() if value)),
        senders=tuple([msgspec.structs.replace(one, count=count) for one, count in ranked[:MOST_LINES]]),
        unlisted=sum([count for _, count in ranked[MOST_LINES:]]),
        errors=tuple(map(_cut, report.errors[:MOST_ERRORS])),
    )


def _sender(row: Row) -> Sender:
    return Sender(
        source=row.source,
        author=_cut(row.header_from),
        count=0,
        disposition=_cut(row.disposition),
        dkim=_cut(row.dkim),
        spf=_cut(row.spf),
        signers=tuple([_cut(f"{one.domain}:{one.result}") for one in row.dkim_results[:3]]),
        path=_cut(f"{row.spf_results[0].domain}:{row.spf_results[0].result}") if row.spf_results else "",
        why=tuple([_cut(one.type) for one in row.overrides[:3]]),
    )


def from_tls(report: TlsReport) -> list[Arrived]:
    """A TLS report, one for each domain that it tells of."""
    found: dict[str, list[Session]] = {}
    for one in report.policies:
        lines = found.setdefault(one.domain, [])
        if one.successes:
            lines.append(Session(_cut(one.policy_type), "", one.successes))
        told = 0
        for detail in one.details:
            told += detail.count
            lines.append(
                Session(
                    _cut(one.policy_type),
                    _cut(detail.result_type),
                    detail.count,
                    _cut(detail.receiving_mx_hostname),
                    _cut(detail.receiving_ip or detail.sending_mta_ip),
                    _cut(detail.reason_code or detail.additional_information),
                )
            )
        if one.failures > told:
            lines.append(Session(_cut(one.policy_type), "validation-failure", one.failures - told))
    return [_of_tls(report, domain, lines) for domain, lines in found.items()]


def _of_tls(report: TlsReport, domain: str, lines: list[Session]) -> Arrived:
    lines.sort(key=lambda one: -one.count)
    return Arrived(
        kind=TLS,
        domain=_cut(domain),
        reporter=_cut(report.organization or report.contact),
        report_id=_cut(report.report_id),
        begin=report.begin,
        end=report.end,
        contact=_cut(report.contact),
        sessions=tuple(lines[:MOST_LINES]),
        unlisted=sum([one.count for one in lines[MOST_LINES:]]),
    )


def from_failure(report: FailureReport, seconds: int) -> Arrived:
    """A failure report (RFC 6591, RFC 9991), as of the moment it came."""
    text = repr(report)
    return Arrived(
        kind=FAILURE,
        domain=_cut(report.reported_domains[0]) if report.reported_domains else "",
        reporter=_cut(report.user_agent),
        report_id=blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest(),
        begin=seconds,
        end=seconds,
        failure=report,
    )


def _cut(text: str) -> str:
    return text[:MOST_TEXT]


def note_of(arrived: Arrived, now: float, keep_seconds: float) -> Note:
    """How it is kept; the same report again takes the same place."""
    name = f"{arrived.reporter}\0{arrived.report_id}\0{arrived.begin}"
    digest = blake2b(name.encode("utf-8", "replace"), digest_size=12).hexdigest()
    end = min(max(arrived.end, 0), int(now))  # nobody else decides how long it is shown
    return Note(
        arrived.kind,
        f"{day_of(end)}/{arrived.domain}/{digest}",
        msgspec.msgpack.encode(arrived),
        int(now * 1000),
        int((now + keep_seconds) * 1000),
    )


async def stored(store: Store, kind: str, *, since: str = "", domain: str = "") -> AsyncIterator[Arrived]:
    """What is kept of ``kind``, from the day ``since`` on, about ``domain`` and those below it."""
    decoder = msgspec.msgpack.Decoder(Arrived)
    after = since
    while page := await store.list_notes(kind, after=after, limit=PAGE):
        for note in page:
            about = note.key.split("/")[1]
            if not domain or about == domain or about.endswith("." + domain):
                yield decoder.decode(note.value)
        after = page[-1].key


def is_ours(arrived: Arrived, domains: Sequence[str]) -> bool:
    """Whether it is about a domain of ours or one below; nothing else is anybody's business to tell us."""
    domain = arrived.domain
    return "/" not in domain and any(domain == one or domain.endswith("." + one) for one in domains)
