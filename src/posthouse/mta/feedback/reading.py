"""Reports out of a mail, read where nothing is lost if they are bombs: the work of ``supervisor.workers``.

SECURITY (threat D11, L40). What is unpacked is at most 10 MiB and a hundred
times what came, XML with a document type is no report, and whatever else goes
wrong costs a process that can do nothing else.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from posthouse.mta.feedback.arrived import Arrived, from_aggregate, from_failure, from_tls
from posthouse.standards.dmarcreport.failure import parse_failure
from posthouse.standards.dmarcreport.read import parse_report
from posthouse.standards.dmarcreport.unpack import MAX_OCTETS, unpack
from posthouse.standards.mime.structure import Part, parse_structure
from posthouse.standards.mime.transfer import decode_transfer
from posthouse.standards.tlsrpt.report import parse_report as parse_tls

WORK: Final = "posthouse.mta.feedback.reading:read_message"
SECONDS: Final = 10.0
MOST_REPORTS: Final = 10
"""In one mail."""
MOST_PARTS: Final = 30
"""That are opened."""
PACKED: Final = (b"\x1f\x8b", b"PK\x03\x04")
_TEXTS: Final = frozenset({b"html", b"plain", b"rfc822-headers"})
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*([<{])")


class Read(msgspec.Struct, array_like=True):
    """What was found, and what is wrong with what looked like a report."""

    reports: list[Arrived]
    troubles: list[str] = []


def prepare() -> None:
    """Load what Python loads when it is first needed: a worker cannot any more."""
    read_message(b"Content-Type: application/xml\r\n\r\n<feedback/>", 0)


def read_message(octets: bytes, terms: object) -> Read:
    """The work: all reports in a mail. ``terms`` is when it came, in seconds since 1970."""
    now = terms if isinstance(terms, int) else 0
    found = Read([])
    left = MAX_OCTETS
    for opened, part in enumerate(_leaves(parse_structure(octets))):
        if opened >= MOST_PARTS or len(found.reports) >= MOST_REPORTS or left <= 0:
            break
        try:
            left -= _read_part(octets, part, found.reports, now)
        except ValueError as error:
            found.troubles.append(str(error)[:200])
    del found.reports[MOST_REPORTS:]
    return found


def _read_part(octets: bytes, part: Part, reports: list[Arrived], now: int) -> int:
    """Add the reports of one part; how many octets it was unpacked."""
    if part.type == b"message" and part.subtype == b"feedback-report":
        content = decode_transfer(octets[part.body : part.end], part.encoding)
        reports.append(from_failure(parse_failure(content), now))
        return len(content)
    if part.type in {b"message", b"image", b"video", b"audio"} or (part.type == b"text" and part.subtype in _TEXTS):
        return 0
    content = decode_transfer(octets[part.body : part.end], part.encoding)
    if not content.startswith(PACKED) and not _START.match(content[:200]):
        return 0
    content = unpack(content)
    start = _START.match(content[:200])
    if start is not None and start[1] == b"<":
        reports.append(from_aggregate(parse_report(content)))
    elif start is not None:
        reports.extend(from_tls(parse_tls(content)))
    return len(content)


def _leaves(top: Part) -> Iterator[Part]:
    """The parts that are no multipart, in order. Messages inside are not opened."""
    waiting = [top]
    while waiting:
        part = waiting.pop()
        if part.is_multipart:
            waiting.extend(reversed(part.parts))
        else:
            yield part
