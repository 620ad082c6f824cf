"""An aggregate report as values (RFC 9990 section 3.1). Words of the standard are kept as text: others invent more."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """``policy_published``: the policy as the reporter found it; empty for what it did not say."""

    domain: str
    p: str = "none"
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    fo: str = ""
    testing: str = ""
    discovery_method: str = ""


@dataclass(frozen=True, slots=True)
class Override:
    """``reason``: why the policy was not followed."""

    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class DkimResult:
    domain: str
    selector: str
    result: str
    human_result: str = ""


@dataclass(frozen=True, slots=True)
class SpfResult:
    domain: str
    result: str
    scope: str = "mfrom"
    human_result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``record``: so many messages from one address, all judged alike."""

    source: str
    count: int
    disposition: str
    dkim: str
    """Whether DKIM passed *aligned*: ``pass`` or ``fail``."""
    spf: str
    header_from: str
    envelope_from: str = ""
    envelope_to: str = ""
    overrides: tuple[Override, ...] = ()
    dkim_results: tuple[DkimResult, ...] = ()
    spf_results: tuple[SpfResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateReport:
    """``begin`` and ``end`` in seconds since 1970."""

    organization: str
    email: str
    report_id: str
    begin: int
    end: int
    published: Published
    rows: tuple[Row, ...]
    contact: str = ""
    errors: tuple[str, ...] = ()
    generator: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a summary: what came from one address for one author domain."""

    source: str
    header_from: str
    passed: int
    failed: int
    refused: int

    @property
    def count(self) -> int:
        return self.passed + self.failed


def summarise(reports: Iterable[AggregateReport]) -> tuple[Line, ...]:
    """All reports as lines, the most messages first."""
    passed, failed, refused = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for report in reports:
        for row in report.rows:
            key = (row.source, row.header_from)
            (passed if "pass" in {row.dkim, row.spf} else failed)[key] += row.count
            if row.disposition in {"quarantine", "reject"}:
                refused[key] += row.count
    lines = [Line(*key, passed[key], failed[key], refused[key]) for key in dict.fromkeys([*passed, *failed])]
    return tuple(sorted(lines, key=lambda line: (-line.count, line.source, line.header_from)))
