"""A TLS report as values, to and from JSON (RFC 8460 sections 4.3 and 4.4).

Reading is bounded: 10 MiB, 1000 policies, 10,000 failures; unknown members
are passed over, and text is cut at 2000 characters.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

MAX_OCTETS: Final = 10 * 1024 * 1024
MAX_POLICIES: Final = 1000
MAX_FAILURES: Final = 10_000
MAX_TEXT: Final = 2000
MAX_LINES: Final = 200
MAX_COUNT: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Sessions that failed alike. Empty is what was not said."""

    result_type: str
    count: int
    sending_mta_ip: str = ""
    receiving_mx_hostname: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: str = ""
    reason_code: str = ""
    additional_information: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """What one policy met. ``policy_type`` is ``tlsa``, ``sts`` or ``no-policy-found``."""

    policy_type: str
    domain: str
    successes: int
    failures: int
    policy: tuple[str, ...] = ()
    mx_hosts: tuple[str, ...] = ()
    details: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReport:
    """``begin`` and ``end`` in seconds since 1970."""

    organization: str
    contact: str
    report_id: str
    begin: int
    end: int
    policies: tuple[PolicyReport, ...]


def format_report(report: TlsReport) -> bytes:
    """The JSON file."""
    return msgspec.json.encode(
        {
            "organization-name": report.organization,
            "date-range": {"start-datetime": _date(report.begin), "end-datetime": _date(report.end)},
            "contact-info": report.contact,
            "report-id": report.report_id,
            "policies": [_policy(one) for one in report.policies],
        }
    )


def _policy(one: PolicyReport) -> dict[str, Any]:
    policy: dict[str, Any] = {"policy-type": one.policy_type, "policy-domain": one.domain}
    if one.policy:
        policy["policy-string"] = one.policy
    if one.mx_hosts:
        policy["mx-host"] = one.mx_hosts
    found: dict[str, Any] = {
        "policy": policy,
        "summary": {"total-successful-session-count": one.successes, "total-failure-session-count": one.failures},
    }
    if one.details:
        found["failure-details"] = [_failure(detail) for detail in one.details]
    return found


_NAMES: Final = {
    "sending-mta-ip": "sending_mta_ip",
    "receiving-mx-hostname": "receiving_mx_hostname",
    "receiving-mx-helo": "receiving_mx_helo",
    "receiving-ip": "receiving_ip",
    "failure-reason-code": "reason_code",
    "additional-information": "additional_information",
}


def _failure(one: Failure) -> dict[str, Any]:
    found: dict[str, Any] = {"result-type": one.result_type, "failed-session-count": one.count}
    return found | {name: text for name, own in _NAMES.items() if (text := getattr(one, own))}


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_report(octets: bytes) -> TlsReport:
    """The report in an unpacked JSON file; raises ``ValueError`` when it is none."""
    if len(octets) > MAX_OCTETS:
        raise ValueError("too large")
    try:
        found = msgspec.json.decode(octets)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise ValueError("not JSON") from None
    about = _members(found)
    dates = _members(about.get("date-range"))
    policies = _items(about.get("policies"), MAX_POLICIES)
    if not policies or not _text(about, "report-id"):
        raise ValueError("not a TLS report")
    return TlsReport(
        organization=_text(about, "organization-name"),
        contact=_text(about, "contact-info"),
        report_id=_text(about, "report-id"),
        begin=_seconds(_text(dates, "start-datetime")),
        end=_seconds(_text(dates, "end-datetime")),
        policies=tuple([_read_policy(_members(one)) for one in policies]),
    )


def _read_policy(found: dict[str, Any]) -> PolicyReport:
    policy, summary = _members(found.get("policy")), _members(found.get("summary"))
    hosts = policy.get("mx-host", policy.get("mx-host-pattern"))
    return PolicyReport(
        policy_type=_text(policy, "policy-type").lower(),
        domain=_text(policy, "policy-domain").lower().rstrip("."),
        successes=_count(summary.get("total-successful-session-count")),
        failures=_count(summary.get("total-failure-session-count")),
        policy=_lines(policy.get("policy-string")),
        mx_hosts=_lines([hosts] if isinstance(hosts, str) else hosts),
        details=tuple([_read_failure(_members(one)) for one in _items(found.get("failure-details"), MAX_FAILURES)]),
    )


def _read_failure(found: dict[str, Any]) -> Failure:
    return Failure(
        result_type=_text(found, "result-type").lower(),
        count=_count(found.get("failed-session-count")),
        **{own: _text(found, name) for name, own in _NAMES.items()},
    )


def _members(found: object) -> dict[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("not an object where one should be")  # noqa: TRY004 - what the file says
    return found


def _items(found: object, most: int) -> list[Any]:
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > most:
        raise ValueError("not a list where one should be, or a longer one")
    return found


def _lines(found: object) -> tuple[str, ...]:
    return tuple([one[:MAX_TEXT] for one in _items(found, MAX_LINES) if isinstance(one, str)])


def _text(found: dict[str, Any], name: str) -> str:
    text = found.get(name, "")
    return text[:MAX_TEXT].strip() if isinstance(text, str) else ""


def _count(found: object) -> int:
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 15:
        found = int(found)  # some write numbers as text
    if found is None:
        return 0
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= MAX_COUNT:
        raise ValueError("bad count")
    return found


def _seconds(text: str) -> int:
    """RFC 3339 section 5.6."""
    try:
        when = datetime.fromisoformat(text)
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError("bad date") from None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a summary: what failed towards a domain, and how; ``result_type`` empty for successes."""

    domain: str
    policy_type: str
    result_type: str
    count: int


def summarise(reports: Iterable[TlsReport]) -> tuple[Line, ...]:
    """All reports as lines: failures first, the most sessions first."""
    counts: dict[tuple[str, str, str], int] = {}
    for report in reports:
        for one in report.policies:
            key = (one.domain, one.policy_type, "")
            counts[key] = counts.get(key, 0) + one.successes
            for detail in one.details:
                key = (one.domain, one.policy_type, detail.result_type)
                counts[key] = counts.get(key, 0) + detail.count
    lines = [Line(*key, count) for key, count in counts.items() if count]
    return tuple(sorted(lines, key=lambda line: (not line.result_type, -line.count, line.domain, line.result_type)))
