"""The mail that carries a TLS report (RFC 8460 sections 5.1 and 5.3)."""

import re
from base64 import encodebytes

from posthouse.standards.tlsrpt.report import TlsReport

_NAME = re.compile(r"[^A-Za-z0-9.-]")
_ID = re.compile(r"[^A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]")


def subject_of(report: TlsReport, domain: str, submitter: str) -> str:
    """The Subject of a report about ``domain`` by ``submitter``."""
    left, _, right = report.report_id.strip("<>").partition("@")
    report_id = f"{_ID.sub('-', left)}@{_NAME.sub('-', right or submitter)}"
    return f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report_id}>"


def filename_of(report: TlsReport, domain: str, submitter: str, *, unique: str = "", packed: bool = True) -> str:
    """The file name."""
    names = [_NAME.sub("-", submitter), _NAME.sub("-", domain), str(report.begin), str(report.end)]
    if unique:
        names.append(re.sub(r"[^A-Za-z0-9]", "", unique))
    return "!".join(names) + (".json.gz" if packed else ".json")


def format_content(report: TlsReport, packed: bytes, *, domain: str, submitter: str, boundary: str) -> bytes:
    """``Subject``, the fields of RFC 8460, MIME and body; the caller puts From, To, Date and Message-ID before it.

    ``packed`` is the JSON in gzip form. The mail needs a DKIM signature, which
    should cover the two TLS-Report fields, and must not be reported about.
    """
    domain, submitter = _NAME.sub("-", domain), _NAME.sub("-", submitter)
    name = filename_of(report, domain, submitter)
    subject = subject_of(report, domain, submitter)
    lines = [
        "Subject: " + subject.replace(" Submitter:", "\r\n\tSubmitter:").replace(" Report-ID:", "\r\n\tReport-ID:"),
        f"TLS-Report-Domain: {domain}",
        f"TLS-Report-Submitter: {submitter}",
        "TLS-Required: No",  # RFC 8689 section 5: else a report about broken TLS could not arrive
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type="tlsrpt";\r\n\tboundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        f"This is an aggregate TLS report about {domain},\r\nmade by {submitter}. The file is meant for programs.\r\n",
        f"--{boundary}",
        "Content-Type: application/tlsrpt+gzip",
        "Content-Transfer-Encoding: base64",
        f'Content-Disposition: attachment;\r\n\tfilename="{name}"',
        "",
        encodebytes(packed).decode("ascii").replace("\n", "\r\n") + f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii", "replace")
