"""Failure reports in the Abuse Reporting Format (RFC 5965, RFC 6591, RFC 9991), and how those of others are read.

The machine-readable part alone is read here: fields as of a header, at most
64 KiB. What message it is about stands in the next part of the mail.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from posthouse.standards.authres.read import parse_results
from posthouse.standards.authres.results import MethodResult
from posthouse.standards.imf.header import Header, parse_header

MAX_OCTETS = 64 * 1024
MAX_TEXT = 1000
MAX_LISTED = 20
_COMMENT = re.compile(r"\([^()]*+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureReport:
    """One message that failed, or ``incidents`` alike. Empty is what was not said."""

    feedback_type: str
    """``auth-failure``, ``abuse``, … (RFC 5965 section 3.1)."""
    user_agent: str = ""
    auth_failure: str = ""
    """``dmarc``, ``dkim``, ``spf``, … (RFC 6591 section 3.1)."""
    identity_alignment: tuple[str, ...] = ()
    """What of ``dkim`` and ``spf`` did not align (RFC 9991 section 4)."""
    delivery_result: str = ""
    source_ip: str = ""
    reported_domains: tuple[str, ...] = ()
    mail_from: str = ""
    recipients: tuple[str, ...] = ()
    dkim_domain: str = ""
    dkim_identity: str = ""
    dkim_selector: str = ""
    spf_record: str = ""
    arrived: str = ""
    incidents: int = 1
    results: tuple[MethodResult, ...] = ()


def parse_failure(octets: bytes) -> FailureReport:
    """A ``message/feedback-report`` body; raises ``ValueError`` when it is none."""
    fields = parse_header(octets[:MAX_OCTETS])
    kind = _word(fields, "feedback-type")
    if not kind or not _text(fields, "version"):
        raise ValueError("not a feedback report")  # RFC 5965 section 3.1
    return FailureReport(
        feedback_type=kind,
        user_agent=_text(fields, "user-agent"),
        auth_failure=_word(fields, "auth-failure"),
        identity_alignment=_words(_word(fields, "identity-alignment")),
        delivery_result=_word(fields, "delivery-result"),
        source_ip=_address(_word(fields, "source-ip")),
        reported_domains=_all(fields, "reported-domain"),
        mail_from=_text(fields, "original-mail-from").strip("<>"),
        recipients=_all(fields, "original-rcpt-to"),
        dkim_domain=_text(fields, "dkim-domain").lower(),
        dkim_identity=_text(fields, "dkim-identity"),
        dkim_selector=_text(fields, "dkim-selector"),
        spf_record=_text(fields, "spf-dns"),
        arrived=_text(fields, "arrival-date") or _text(fields, "received-date"),
        incidents=_count(_word(fields, "incidents")),
        results=_results(fields),
    )


def _text(fields: Header, name: str) -> str:
    return (fields.first(name) or b"")[:MAX_TEXT].decode("utf-8", "replace").strip()


def _word(fields: Header, name: str) -> str:
    """In lower case, without the comments that RFC 5965 section 3.5 allows."""
    return _COMMENT.sub("", _text(fields, name)).strip().lower()


def _all(fields: Header, name: str) -> tuple[str, ...]:
    texts = (_COMMENT.sub("", value[:MAX_TEXT].decode("utf-8", "replace")) for value in fields.all(name))
    found = (text.strip().strip("<>").lower() for text in texts)
    return tuple([one for one in found if one][:MAX_LISTED])


def _words(text: str) -> tuple[str, ...]:
    return tuple([word.strip().lower() for word in text.split(",") if word.strip()][:MAX_LISTED])


def _address(text: str) -> str:
    try:
        return str(ip_address(text.removeprefix("ipv6:")))
    except ValueError:
        return ""


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 1


def _results(fields: Header) -> tuple[MethodResult, ...]:
    found: list[MethodResult] = []
    for value in fields.all("authentication-results")[:MAX_LISTED]:
        try:
            found += parse_results(value).results
        except ValueError:
            continue
    return tuple(found[:MAX_LISTED])
