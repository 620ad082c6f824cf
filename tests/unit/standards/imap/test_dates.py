"""Dates as clients write them."""

from datetime import date

import pytest

from posthouse.standards.imap.dates import parse_date, parse_date_time
from posthouse.standards.imap.scanner import ParseError, Scanner


@pytest.mark.parametrize("text", [b"1-Feb-1994", b"01-feb-1994", b'"1-FEB-1994"'])
def test_date(text):
    assert date(1994, 2, 1) == parse_date(Scanner(text, []))


@pytest.mark.parametrize(
    "text", [b"", b"1-Foo-1994", b"30-Feb-1994", b'"1-Feb-1994', b"1-Feb-94", b"0-Feb-1994", b"1-Feb-0000"]
)
def test_no_date(text):
    with pytest.raises(ParseError):
        parse_date(Scanner(text, []))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b'"17-Jul-1996 02:44:25 -0700"', 837596665),
        (b'" 1-Jan-1970 00:00:01 +0000"', 1),
        (b'"31-Dec-1969 23:59:59 +0000"', -1),
        (b'"31-Dec-2016 23:59:60 +0000"', 1483228799),
        (b'"1-Jan-0001 00:00:00 +0000"', -62135596800),
    ],
)
def test_date_time(text, seconds):
    assert seconds == parse_date_time(Scanner(text, []))


@pytest.mark.parametrize(
    "text",
    [b'"17-Jul-1996 02:44:25"', b"17-Jul-1996 02:44:25 +0000", b'"17-Jul-1996 25:44:25 +0000"', b'"32-Jul-1996 00:00:00 +0000"',
     b'"1-Jan-0001 00:00:00 +0001"', b'"31-Dec-9999 23:59:59 -0001"', b'"1-Jan-2020 00:00:00 +9999"', b'"1-Jan-0000 00:00:00 +0000"'],
)  # fmt: skip
def test_no_date_time(text):
    with pytest.raises(ParseError):
        parse_date_time(Scanner(text, []))
