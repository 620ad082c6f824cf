"""Date and time of a message (RFC 5322 section 3.3), the obsolete forms included (section 4.3)."""

import re
from datetime import date

import msgspec

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_MONTH = {name.lower().encode(): number for number, name in enumerate(MONTHS, 1)}
_ZONE = {b"ut": 0, b"gmt": 0, b"z": 0, b"est": -300, b"edt": -240, b"cst": -360, b"cdt": -300,
         b"mst": -420, b"mdt": -360, b"pst": -480, b"pdt": -420}  # fmt: skip
_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST = 256
"""No date needs more octets; what is longer is cut before it is looked at."""
_S = rb"[ \t\r\n]*+"
_DATE = re.compile(
    _S + rb"(?:[A-Za-z]++" + _S + rb",?+" + _S + rb")?+(\d{1,2})[ \t\r\n-]*+([A-Za-z]{3})[a-z]*+[ \t\r\n.-]*+(\d{2,4})"
    + rb"[ \t\r\n,]++(\d{1,2})" + _S + rb":" + _S + rb"(\d{2})(?:" + _S + rb":" + _S + rb"(\d{2})(?:\.\d++)?)?+"
    + _S + rb"(?:([+-]\d{4})|([A-Za-z]++))?+"
)  # fmt: skip
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.)*+\)", re.DOTALL)
"""The innermost ones."""


class Moment(msgspec.Struct, frozen=True):
    """An instant and the zone it was told in."""

    seconds: int
    """Since 1970, UTC."""
    offset_minutes: int
    """East of Greenwich."""


def parse_date(octets: bytes) -> Moment:
    """The instant a Date field names; raises ValueError when it names none."""
    octets = octets[:_LONGEST]
    while b"(" in octets and (bare := _COMMENT.sub(b" ", octets)) != octets:
        octets = bare
    match = _DATE.match(octets)
    if match is None:
        raise ValueError("not a date")
    day, month, year, hour, minute, second, offset, zone = match.groups()
    minutes = (
        _offset(offset) if offset else _ZONE.get((zone or b"").lower(), 0)
    )  # RFC 5322 section 4.3: unknown is -0000
    number = _MONTH.get(month.lower())
    if number is None or int(hour) > 24 or int(minute) > 59 or int(second or 0) > 60:
        raise ValueError("not a date")
    days = date(_century(year), number, int(day)).toordinal() - _EPOCH
    seconds = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second or 0) - minutes * 60
    return Moment(seconds, minutes)


def format_date(seconds: float, offset_minutes: int = 0) -> bytes:
    """``date-time`` (RFC 5322 section 3.3) with the day of the week."""
    local = int(seconds) + offset_minutes * 60
    days, rest = divmod(local, 86400)
    day = date.fromordinal(days + _EPOCH)
    sign = "-" if offset_minutes < 0 else "+"
    zone = abs(offset_minutes)
    return (
        f"{DAYS[day.weekday()]}, {day.day:02d} {MONTHS[day.month - 1]} {day.year:04d}"
        f" {rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d} {sign}{zone // 60:02d}{zone % 60:02d}"
    ).encode("ascii")


def _offset(zone: bytes) -> int:
    minutes = int(zone[1:3]) * 60 + int(zone[3:5])
    if minutes >= 100 * 60:
        raise ValueError("not a zone")
    return -minutes if zone.startswith(b"-") else minutes


def _century(year: bytes) -> int:
    """RFC 5322 section 4.3: two digits up to 49 are 20nn, others and three digits are added to 1900."""
    number = int(year)
    if len(year) == 2:
        return number + (2000 if number < 50 else 1900)
    return number + 1900 if len(year) == 3 else number
