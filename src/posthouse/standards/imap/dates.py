"""Dates of IMAP (RFC 9051 section 9: ``date``, ``date-time``)."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

from posthouse.standards.imap.scanner import ParseError, Scanner

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DATE = re.compile(rb'"?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})"?')
_DATE_TIME = re.compile(
    rb'"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_date(scanner: Scanner) -> date:
    """``date``, quoted or not."""
    text = scanner.match(_DATE, "Date expected")
    found = _DATE.fullmatch(text)
    if found is None or text.startswith(b'"') != text.endswith(b'"'):
        raise ParseError("Date expected")
    try:
        return date(int(found[3]), _month(found[2]), int(found[1]))
    except ValueError as error:
        raise ParseError("No such date") from error


def parse_date_time(scanner: Scanner) -> int:
    """``date-time`` as seconds since 1970. It is a date in UTC too: no year 0, no year 10000."""
    found = _DATE_TIME.fullmatch(scanner.match(_DATE_TIME, "Date and time expected"))
    if found is None:
        raise ParseError("Date and time expected")
    hours, minutes = int(found[8]), int(found[9])
    offset = timedelta(hours=hours, minutes=minutes)
    try:
        at = datetime(
            int(found[3]),
            _month(found[2]),
            int(found[1]),
            int(found[4]),
            int(found[5]),
            min(int(found[6]), 59),
            tzinfo=timezone(-offset if found[7] == b"-" else offset),
        ).astimezone(UTC)
        return (at - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise ParseError("No such date") from error


def _month(name: bytes) -> int:
    return MONTHS.index(name.decode("ascii").upper()) + 1
