"""Writing an aggregate report as XML (RFC 9990 section 3.1, RFC 7489 appendix C).

``modern`` chooses the namespace ``urn:ietf:params:xml:ns:dmarc-2.0`` and its
elements; without it the report is one that every reader since 2012 knows.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from posthouse.standards.dmarcreport.report import AggregateReport, DkimResult, Published, Row, SpfResult

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
OLD_NAMESPACE = "http://dmarc.org/dmarc-xml/0.1"
MAX_DKIM_RESULTS = 100
"""RFC 9990 section 3.1.3: no more signatures of a row are worth telling."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARKS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def format_report(report: AggregateReport, *, modern: bool = True, extension: str = "") -> bytes:
    """The XML file. ``extension`` is namespaced XML of ours, well-formed, for the ``extension`` element."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<feedback xmlns="{NAMESPACE}">' if modern else "<feedback>"]
    lines += ["<version>1.0</version>", *_metadata(report, modern=modern), *_published(report.published, modern=modern)]
    if modern and extension:
        lines.append(f"<extension>{extension}</extension>")
    for row in report.rows:
        lines += _record(row, modern=modern)
    lines.append("</feedback>\n")
    return "\n".join(lines).encode("utf-8")


def _metadata(report: AggregateReport, *, modern: bool) -> Iterator[str]:
    yield "<report_metadata>"
    yield _element("org_name", report.organization)
    yield _element("email", report.email)
    yield from _optional("extra_contact_info", report.contact)
    yield _element("report_id", report.report_id)
    yield f"<date_range><begin>{report.begin}</begin><end>{report.end}</end></date_range>"
    if modern:  # RFC 9990 section 3.1.1.3: one at most, of the older form any number
        yield from _optional("error", "; ".join(report.errors))
        yield from _optional("generator", report.generator)
    else:
        yield from (_element("error", error) for error in report.errors)
    yield "</report_metadata>"


def _published(found: Published, *, modern: bool) -> Iterator[str]:
    yield "<policy_published>"
    yield _element("domain", found.domain)
    if modern:
        yield from _optional("discovery_method", found.discovery_method)
        yield _element("p", found.p)
        for name in ("sp", "np", "fo", "adkim", "aspf", "testing"):
            yield from _optional(name, getattr(found, name))
    else:  # RFC 7489 appendix C: sp, pct and fo are not optional
        yield from _optional("adkim", found.adkim)
        yield from _optional("aspf", found.aspf)
        yield _element("p", found.p)
        yield _element("sp", found.sp or found.p)
        yield _element("pct", "0" if found.testing == "y" else "100")
        yield _element("fo", found.fo or "0")
    yield "</policy_published>"


def _record(row: Row, *, modern: bool) -> Iterator[str]:
    yield "<record><row>"
    yield _element("source_ip", row.source)
    yield f"<count>{row.count}</count><policy_evaluated>"
    is_new_word = row.disposition == "pass"
    yield _element("disposition", "none" if is_new_word and not modern else row.disposition)
    yield _element("dkim", row.dkim)
    yield _element("spf", row.spf)
    for override in row.overrides:
        word = "other" if override.type == "policy_test_mode" and not modern else override.type
        yield f"<reason>{_element('type', word)}{''.join(_optional('comment', override.comment))}</reason>"
    yield "</policy_evaluated></row><identifiers>"
    yield from _optional("envelope_to", row.envelope_to)
    yield _element("envelope_from", row.envelope_from)
    yield _element("header_from", row.header_from)
    yield "</identifiers><auth_results>"
    yield from map(_dkim, row.dkim_results[:MAX_DKIM_RESULTS])
    if modern:
        yield from (_spf(replace(one, scope="mfrom")) for one in row.spf_results[:1])
    else:  # RFC 7489 appendix C: at least one
        yield from map(_spf, row.spf_results or (SpfResult(row.envelope_from or row.header_from, "none"),))
    yield "</auth_results></record>"


def _dkim(one: DkimResult) -> str:
    inside = _element("domain", one.domain) + _element("selector", one.selector) + _element("result", one.result)
    return f"<dkim>{inside}{''.join(_optional('human_result', one.human_result))}</dkim>"


def _spf(one: SpfResult) -> str:
    """RFC 9990 section 3.1.1.13: of MAIL FROM alone, HELO's for the null reverse-path (RFC 7208 section 2.4)."""
    inside = _element("domain", one.domain) + _element("scope", one.scope) + _element("result", one.result)
    return f"<spf>{inside}{''.join(_optional('human_result', one.human_result))}</spf>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _optional(name: str, text: str) -> Iterator[str]:
    if text:
        yield _element(name, text)


def escape(text: str) -> str:
    """Text for XML: what XML cannot hold becomes a question mark."""
    return re.sub('[&<>"]', lambda mark: _MARKS[mark[0]], _NOT_XML.sub("?", text[:2000]))
