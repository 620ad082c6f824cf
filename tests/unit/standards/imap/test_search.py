"""SEARCH criteria."""

from datetime import date

import pytest

from posthouse.standards.imap import criteria as c
from posthouse.standards.imap.scanner import ParseError, Scanner
from posthouse.standards.imap.search import parse_search
from posthouse.standards.imap.sequence import SequenceSet


def search(text, *literals, extended=False, depth=50):
    return parse_search(
        Scanner(b" " + text.encode(), list(literals), depth=depth), "t", by_uid=False, extended=extended
    )


@pytest.mark.parametrize(
    ("text", "criteria"),
    [
        ("ALL", c.All()),
        ("unseen", c.Flagged("\\Seen", wanted=False)),
        ("KEYWORD $Forwarded", c.Flagged("$Forwarded")),
        ("1,3:5", c.Numbered(SequenceSet(((1, 1), (3, 5))), by_uid=False)),
        ("UID 7", c.Numbered(SequenceSet(((7, 7),)), by_uid=True)),
        ("$", c.Numbered(SequenceSet((), saved=True), by_uid=False)),
        ('FROM "Smith"', c.HeaderContains("from", "Smith")),
        ('HEADER X-Foo ""', c.HeaderContains("x-foo", "")),
        ("BODY x", c.BodyContains("x")),
        ("TEXT x", c.TextContains("x")),
        ("SINCE 1-Feb-1994", c.Dated(c.Clock.INTERNAL, c.Order.SINCE, date(1994, 2, 1))),
        ('SENTBEFORE "01-FEB-1994"', c.Dated(c.Clock.SENT, c.Order.BEFORE, date(1994, 2, 1))),
        ("SAVEDON 1-Feb-2024", c.Dated(c.Clock.SAVED, c.Order.ON, date(2024, 2, 1))),
        ("LARGER 100", c.Sized(larger=True, octets=100)),
        ("SMALLER 100", c.Sized(larger=False, octets=100)),
        ("OLDER 60", c.Within(older=True, seconds=60)),
        ("MODSEQ 620162338", c.ChangedSince(620162338)),
        ('MODSEQ "/flags/\\\\draft" all 620162338', c.ChangedSince(620162338)),
        ("EMAILID M6d99", c.Identified(thread=False, identity="M6d99")),
        ("NOT SEEN", c.Not(c.Flagged("\\Seen"))),
        ("NOT NOT SEEN", c.Not(c.Not(c.Flagged("\\Seen")))),
        ("OR SEEN DRAFT", c.Or(c.Flagged("\\Seen"), c.Flagged("\\Draft"))),
        ("OR OR ALL SEEN NOT DRAFT", c.Or(c.Or(c.All(), c.Flagged("\\Seen")), c.Not(c.Flagged("\\Draft")))),
        ("SEEN DRAFT", c.And((c.Flagged("\\Seen"), c.Flagged("\\Draft")))),
        ("(SEEN DRAFT) ALL", c.And((c.And((c.Flagged("\\Seen"), c.Flagged("\\Draft"))), c.All()))),
        ("((ALL))", c.All()),
        ("OR (SEEN) (ALL DRAFT)", c.Or(c.Flagged("\\Seen"), c.And((c.All(), c.Flagged("\\Draft"))))),
    ],
)  # fmt: skip
def test_criteria(text, criteria):
    assert criteria == search(text).criteria


@pytest.mark.parametrize(
    "text",
    ["", "(", ")", "()", "(ALL", "ALL)", "NOT", "OR ALL", "OR ALL ", "NOT (", "FOO", "ALL  ALL", "ALL ", "FROM", "SINCE x",
     "SINCE 31-Feb-2000", 'SINCE "1-Feb-2000', "LARGER -1", "KEYWORD \\Seen", "HEADER a:b c", "UID", "MODSEQ x", "RETURN (FOO) ALL",
     "RETURN () ", "OR(ALL) ALL"],
)  # fmt: skip
def test_refuse(text):
    with pytest.raises(ParseError):
        search(text)


def test_returns():
    assert search("ALL").returns is None
    assert search("ALL", extended=True).returns == {"ALL"}
    assert search("RETURN () ALL").returns == {"ALL"}
    assert search("RETURN (MIN COUNT SAVE) ALL").returns == {"MIN", "COUNT", "SAVE"}


def test_charset():
    event = search("CHARSET utf-8 SUBJECT {2}\r\n", "ü".encode())
    assert ("UTF-8", c.HeaderContains("subject", "ü")) == (event.charset, event.criteria)


def test_unknown_charset():
    with pytest.raises(ParseError) as caught:
        search("CHARSET KOI8-R ALL")
    assert caught.value.code == "BADCHARSET (US-ASCII UTF-8)"


@pytest.mark.parametrize(
    "text", ["(" * 60 + "ALL" + ")" * 60, "NOT " * 60 + "ALL", "OR ALL " * 60 + "ALL", "(NOT " * 5000]
)
def test_nesting_is_bounded(text):
    """Threat I02: refused in words, without recursion."""
    with pytest.raises(ParseError) as caught:
        search(text)
    assert "nested" in caught.value.text


def test_depth_that_people_need():
    assert search("OR ALL " * 48 + "ALL")


def test_keys_that_read_every_message_are_few():
    """Threat I02: a search costs its keys times the mailbox."""
    assert search("OR " * 19 + "BODY a " * 19 + "TEXT b")
    with pytest.raises(ParseError) as caught:
        search(" ".join(["NOT BODY x"] * 21))
    assert (caught.value.condition, caught.value.code) == ("NO", "LIMIT")
