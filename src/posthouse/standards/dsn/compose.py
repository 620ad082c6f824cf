"""Writing a report: multipart/report with text for people, fields for programs, and the message (RFC 6522, RFC 3464).

With ``utf8`` the internationalised media types are used (RFC 6533); without it
every address is ASCII and UTF-8 in an original recipient is written as
utf-8-addr-xtext. Control characters in what servers said become spaces.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from posthouse.standards.dsn.report import DeliveryStatus, Named, RecipientStatus
from posthouse.standards.imf.date import format_date

MAX_DIAGNOSTIC = 512
MAX_LINE = 900
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Returned:
    """The third part: the whole message, or only its header."""

    octets: bytes
    whole: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """What stands around the status: who writes to whom, when, and what he says. All checked values of ours."""

    sender: str
    """The header From: a display name and an address of ours."""
    to: str
    subject: str
    text: str
    date: float
    message_id: str
    boundary: str
    """A token that nobody could have put into the message."""
    utf8: bool = False


def compose(letter: Letter, status: DeliveryStatus, returned: Returned | None) -> bytes:
    """The octets of the report."""
    boundary = letter.boundary
    parts = [_text(letter), _status(status, utf8=letter.utf8)]
    if returned is not None and returned.octets:
        parts.append(_returned(returned, utf8=letter.utf8))
    head = [
        f"From: {letter.sender}",
        f"To: <{letter.to}>",
        f"Subject: {letter.subject}",
        f"Date: {format_date(letter.date).decode()}",
        f"Message-ID: <{letter.message_id}>",
        "Auto-Submitted: auto-replied",  # RFC 3834 section 5.1
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"',
    ]
    if any(not part.isascii() for part in parts):
        head.append("Content-Transfer-Encoding: 8bit")
    mark = f"--{boundary}\r\n".encode()
    octets = "\r\n".join(head).encode() + b"\r\n\r\n"
    # The CRLF before a boundary is the boundary's (RFC 2046 section 5.1.1): a part keeps its own.
    octets += b"".join(mark + part + b"\r\n" for part in parts)
    return octets + f"--{boundary}--\r\n".encode()


def _text(letter: Letter) -> bytes:
    lines = [_CONTROLS.sub(" ", line) for line in letter.text.split("\n")]
    body = "\r\n".join(lines).encode()
    encoding = "7bit" if body.isascii() else "8bit"
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


def _status(status: DeliveryStatus, *, utf8: bool) -> bytes:
    """RFC 3464 section 2.1: a block about the message, then one about each recipient."""
    blocks = [_message_fields(status), *(_recipient_fields(one, utf8=utf8) for one in status.recipients)]
    body = "\r\n".join("".join(f"{line}\r\n" for line in block) for block in blocks).encode()
    kind = "global-delivery-status" if utf8 else "delivery-status"
    encoding = "" if body.isascii() else "Content-Transfer-Encoding: 8bit\r\n"
    return f"Content-Type: message/{kind}\r\n{encoding}\r\n".encode() + body


def _message_fields(status: DeliveryStatus) -> Iterable[str]:
    if status.envid is not None:
        yield f"Original-Envelope-Id: {_line(status.envid)}"
    yield f"Reporting-MTA: dns; {status.reporting_mta}"
    if status.arrived is not None:
        yield f"Arrival-Date: {format_date(status.arrived).decode()}"


def _recipient_fields(one: RecipientStatus, *, utf8: bool) -> Iterable[str]:
    if one.original is not None:
        yield f"Original-Recipient: {_named(one.original, utf8=utf8)}"
    yield f"Final-Recipient: {_named(one.final, utf8=utf8)}"
    yield f"Action: {one.action.value}"
    yield f"Status: {one.status}"
    if one.remote_mta:
        yield f"Remote-MTA: dns; {_line(one.remote_mta)}"
    if one.diagnostic:
        said = _line(one.diagnostic)[:MAX_DIAGNOSTIC]
        yield f"Diagnostic-Code: smtp; {said if utf8 else said.encode('ascii', 'replace').decode()}"
    if one.last_attempt is not None:
        yield f"Last-Attempt-Date: {format_date(one.last_attempt).decode()}"
    if one.retry_until is not None:
        yield f"Will-Retry-Until: {format_date(one.retry_until).decode()}"


def _named(named: Named, *, utf8: bool) -> str:
    r"""RFC 6533 section 3: UTF-8 as it is where it may stand, in ``\x{…}`` elsewhere."""
    text = _line(named.text)[:MAX_LINE]
    if text.isascii():
        return f"{_line(named.kind)}; {text}"
    return f"utf-8; {text}" if utf8 else f"utf-8; {to_xtext(text)}"


def to_xtext(text: str) -> str:
    """utf-8-addr-xtext (RFC 6533 section 3)."""
    return "".join(c if "!" <= c <= "~" and c not in "\\+=" else f"\\x{{{ord(c):X}}}" for c in text)


def _returned(returned: Returned, *, utf8: bool) -> bytes:
    if returned.whole:
        kind = "message/global" if utf8 else "message/rfc822"
    else:
        kind = "message/global-headers" if utf8 else "text/rfc822-headers"
    encoding = b"" if returned.octets.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return f"Content-Type: {kind}\r\n".encode() + encoding + b"\r\n" + returned.octets


def _line(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()
