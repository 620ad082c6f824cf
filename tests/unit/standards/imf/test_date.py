"""A date is read in every form that ever was a standard, and written in the one of today."""

import pytest

from posthouse.standards.imf.date import Moment, format_date, parse_date


@pytest.mark.parametrize(
    ("octets", "moment"),
    [
        (b"Sat, 21 Nov 2026 14:00:00 +0000", Moment(1795269600, 0)),
        (b" 21 Nov 2026 15:30:00 +0130", Moment(1795269600, 90)),
        (b"21 Nov 26 09:00 EST", Moment(1795269600, -300)),
        (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", Moment(880127706, -360)),
        (b"Thu,\r\n 1 Jan 1970 00:00:00 GMT", Moment(0, 0)),
        (b"1 Jan 1970 00:00:00 XYZ (what)", Moment(0, 0)),
        (b"1 Jan 1970 00:00:00", Moment(0, 0)),
        (b"1 Jan 1970 01:00:00 (here) +0100", Moment(0, 60)),
        (b"(a (b)) Thu (day), 1 (\\)) Jan (c(d(e))) 1970 00 (h): 00 (m): 00 GMT (", Moment(0, 0)),
        (b"(" * 100 + b")" * 100 + b"1 Jan 1970 00:00 Z", Moment(0, 0)),
    ],
)
def test_dates(octets, moment):
    assert parse_date(octets) == moment


@pytest.mark.parametrize(
    "octets",
    [b"", b"tomorrow", b"32 Jan 2020 00:00 GMT", b"1 Foo 2020 00:00 GMT", b"1 Jan 2020 25:00 GMT", b"1 Jan 2020 00:61 GMT",
     b"1 Jan 0000 00:00:00 +0000", b" " * 100_000, b"1" * 100_000],
)  # fmt: skip
def test_what_is_no_date(octets):
    with pytest.raises(ValueError):
        parse_date(octets)


@pytest.mark.parametrize("offset", [0, 90, -330, 840])
def test_what_we_write_we_read(offset):
    assert parse_date(format_date(1795269600.9, offset)) == Moment(1795269600, offset)
