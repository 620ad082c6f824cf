"""Reading an aggregate report that anybody may have sent (RFC 9990, RFC 7489 appendix C, older drafts).

SECURITY. Expat without document types: a DTD ends the reading before any
entity could be made (billion laughs). One pass, no tree; depth, text and
number of records are bounded, so that time and memory grow with what came.
Namespaces: none, the old and the new one; elements of any other, extensions,
are passed over.
"""

from ipaddress import ip_address
from typing import Final
from xml.parsers import expat

from posthouse.standards.dmarcreport.report import AggregateReport, DkimResult, Override, Published, Row, SpfResult
from posthouse.standards.dmarcreport.unpack import MAX_OCTETS
from posthouse.standards.dmarcreport.write import NAMESPACE, OLD_NAMESPACE

MAX_ROWS: Final = 50_000
MAX_DEPTH: Final = 16
MAX_NAME: Final = 64
"""Of an element; paths are put together at each end tag, and must be short."""
MAX_TEXT: Final = 2000
MAX_LISTED: Final = 100
"""Signatures, results and reasons of one record, and errors of one report."""
MAX_COUNT: Final = 10**12
_KNOWN = {"", NAMESPACE, OLD_NAMESPACE}

Fields = dict[str, str]


def parse_report(octets: bytes) -> AggregateReport:
    """The report in an unpacked XML file; raises ``ValueError`` when it is none."""
    if len(octets) > MAX_OCTETS:
        raise ValueError("too large")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(octets.lstrip(b"\xef\xbb\xbf \t\r\n"), True)
    except (expat.ExpatError, LookupError, UnicodeError):
        raise ValueError("not well-formed") from None
    return reader.report()


def _refuse_doctype(*_: object) -> None:
    raise ValueError("a document type, which reports do not have")


class _Reader:
    """What the parser calls. Text is kept by path; a record is made when it ends."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._foreign = 0
        self._text = ""
        self._fields: Fields = {}
        self._errors: list[str] = []
        self._rows: list[Row] = []
        self._fresh()

    def _fresh(self) -> None:
        self._record: Fields = {}
        self._item: Fields = {}
        self._overrides: list[Override] = []
        self._dkim: list[DkimResult] = []
        self._spf: list[SpfResult] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if len(self._path) + self._foreign >= MAX_DEPTH:
            raise ValueError("too deep")
        if len(local) > MAX_NAME:
            raise ValueError("an element that no report has")
        if self._foreign or space not in _KNOWN:
            self._foreign += 1
            return
        if not self._path and local != "feedback":
            raise ValueError("not an aggregate report")
        self._path.append(local)
        self._text = ""

    def text(self, text: str) -> None:
        if not self._foreign and len(self._text) < MAX_TEXT:
            self._text = (self._text + text)[:MAX_TEXT]

    def end(self, _: str) -> None:
        if self._foreign:
            self._foreign -= 1
            return
        path = "/".join(self._path[1:])
        text, self._text = self._text.strip(), ""
        self._path.pop()
        if path.startswith("record"):
            self._end_in_record(path, text)
        elif path == "report_metadata/error":
            if len(self._errors) < MAX_LISTED:
                self._errors.append(text)
        elif text:
            self._fields.setdefault(path, text)

    def _end_in_record(self, path: str, text: str) -> None:
        match path:
            case "record":
                self._add_row()
            case "record/row/policy_evaluated/reason":
                self._overrides.append(Override(self._item.get("type", "other"), self._item.get("comment", "")))
                self._item = {}
            case "record/auth_results/dkim":
                item, self._item = self._item, {}
                self._dkim.append(
                    DkimResult(
                        item.get("domain", ""),
                        item.get("selector", ""),
                        item.get("result", "none").lower(),
                        item.get("human_result", ""),
                    )
                )
            case "record/auth_results/spf":
                item, self._item = self._item, {}
                self._spf.append(
                    SpfResult(
                        item.get("domain", ""),
                        item.get("result", "none").lower(),
                        item.get("scope", "mfrom"),
                        item.get("human_result", ""),
                    )
                )
            case _:
                listed = path.startswith(("record/auth_results/", "record/row/policy_evaluated/reason/"))
                (self._item if listed else self._record).setdefault(path.rpartition("/")[2], text)

    def _add_row(self) -> None:
        if len(self._rows) >= MAX_ROWS:
            raise ValueError("too many records")
        found = self._record
        self._rows.append(
            Row(
                source=str(ip_address(found.get("source_ip", ""))),
                count=_number(found.get("count", ""), MAX_COUNT),
                disposition=found.get("disposition", "none").lower(),
                dkim=found.get("dkim", "fail").lower(),
                spf=found.get("spf", "fail").lower(),
                header_from=found.get("header_from", "").lower(),
                envelope_from=found.get("envelope_from", "").lower(),
                envelope_to=found.get("envelope_to", "").lower(),
                overrides=tuple(self._overrides[:MAX_LISTED]),
                dkim_results=tuple(self._dkim[:MAX_LISTED]),
                spf_results=tuple(self._spf[:MAX_LISTED]),
            )
        )
        self._fresh()

    def report(self) -> AggregateReport:
        about = {name.rpartition("/")[2]: text for name, text in self._fields.items() if name.startswith("report_")}
        policy = {name.rpartition("/")[2]: text for name, text in self._fields.items() if name.startswith("policy_")}
        if not policy.get("domain") or not about.get("report_id"):
            raise ValueError("neither a domain nor an id")
        begin, end = _seconds(about.get("begin", "")), _seconds(about.get("end", ""))
        names = ("sp", "np", "adkim", "aspf", "fo", "testing", "discovery_method")
        return AggregateReport(
            organization=about.get("org_name", ""),
            email=about.get("email", ""),
            report_id=about["report_id"],
            begin=begin,
            end=end,
            published=Published(
                domain=policy["domain"].lower().rstrip("."),
                p=policy.get("p", "none").lower(),
                **{name: policy.get(name, "") for name in names},
            ),
            rows=tuple(self._rows),
            contact=about.get("extra_contact_info", ""),
            errors=tuple(self._errors),
            generator=about.get("generator", ""),
        )


def _seconds(text: str) -> int:
    """Some write fractions of a second."""
    return _number(text.partition(".")[0], 2**40)


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15 or int(text) > most:
        raise ValueError("bad number")
    return int(text)
