"""The mail that carries an aggregate report: its subject, its file, its parts (RFC 9990 section 3.5.2)."""

import re
from base64 import encodebytes
from dataclasses import dataclass

from posthouse.standards.dmarcreport.report import AggregateReport

_DOT_ATOM = re.compile(r"[^A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.@]")
_NAME = re.compile(r"[^A-Za-z0-9.-]")
_SUBJECT = re.compile(
    r"\s*Report\s+Domain:\s*(?P<domain>[^\s]{1,255})\s+Submitter:\s*(?P<submitter>[^\s]{1,255})"
    r"(?:\s+Report-ID:\s*<?(?P<id>[^\s>]{1,255})>?)?\s*\Z",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"(?P<receiver>[^!/\\\s]{1,255})!(?P<domain>[^!/\\\s]{1,255})!(?P<begin>[0-9]{1,12})!(?P<end>[0-9]{1,12})"
    r"(?:!(?P<unique>[^!/\\\s]{1,255}))?\.(?P<kind>xml\.gz|xml|zip)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What subject or file name say; the report itself is the authority."""

    domain: str
    submitter: str
    report_id: str = ""


def subject_of(report: AggregateReport, submitter: str) -> str:
    """The Subject; readers recognise duplicates by its Report-ID."""
    report_id = _DOT_ATOM.sub("-", report.report_id)
    domain, submitter = _NAME.sub("-", report.published.domain), _NAME.sub("-", submitter)
    return f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report_id}>"


def filename_of(report: AggregateReport, submitter: str, *, unique: str = "", packed: bool = True) -> str:
    """The file name; a report that is sent again has the same."""
    names = [_NAME.sub("-", submitter), _NAME.sub("-", report.published.domain), str(report.begin), str(report.end)]
    if unique:
        names.append(re.sub(r"[^A-Za-z0-9]", "", unique))
    return "!".join(names) + (".xml.gz" if packed else ".xml")


def parse_subject(text: str) -> Parcel | None:
    """What a Subject says about the report, None if it is not that of one."""
    found = _SUBJECT.match(text[:2000])
    return Parcel(found["domain"].lower(), found["submitter"].lower(), found["id"] or "") if found else None


def parse_filename(text: str) -> Parcel | None:
    """The same of a file name."""
    found = _FILE.match(text[:2000])
    return Parcel(found["domain"].lower(), found["receiver"].lower(), found["unique"] or "") if found else None


def format_content(report: AggregateReport, packed: bytes, *, submitter: str, boundary: str) -> bytes:
    """``Subject``, MIME fields and body of the mail; the caller puts From, To, Date and Message-ID before it.

    ``packed`` is the XML in gzip form, ``boundary`` something that nobody guesses.
    """
    name = filename_of(report, submitter)
    words = (
        f"This is an aggregate report about mail in the name of {_NAME.sub('-', report.published.domain)},\r\n"
        f"made by {submitter}. The file is meant for programs.\r\n"
    )
    lines = [
        "Subject: "
        + subject_of(report, submitter)
        .replace(" Submitter:", "\r\n\tSubmitter:")
        .replace(" Report-ID:", "\r\n\tReport-ID:"),
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        words,
        f"--{boundary}",
        f'Content-Type: application/gzip;\r\n\tname="{name}"',
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment;\r\n\tfilename="{name}"',
        "",
        encodebytes(packed).decode("ascii").replace("\n", "\r\n") + f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii", "replace")
