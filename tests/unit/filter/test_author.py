"""One reader of From: what all readers read alike has an author, everything else has none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.filter.author import Ambiguous, Author, author_of
from posthouse.standards.imf.address import mailboxes
from posthouse.standards.imf.header import parse_header

REST = b"To: bob@office.test\r\nSubject: x\r\n\r\nbody From: x@y.test\r\n"


@pytest.mark.parametrize(
    ("line", "address", "name"),
    [
        (b"From: alice@far.test", "alice@far.test", ""),
        (b"FROM:alice@Far.Test", "alice@far.test", ""),
        (b"From: Alice <alice@far.test>", "alice@far.test", "Alice"),
        (b'From: "Smith, Alice" <alice@far.test>', "alice@far.test", "Smith, Alice"),
        (b"From: =?utf-8?q?Al=C3=AFce?= <alice@far.test>", "alice@far.test", "Alïce"),
        (b"From: Alice\r\n\t<alice@far.test>", "alice@far.test", "Alice"),
        (b"From: alice@far.test (Alice)", "alice@far.test", "Alice"),
        (b"From: alice@far.test <alice@far.test>", "alice@far.test", "alice@far.test"),
        (b'From: "eve@bank.test" <alice@far.test>', "alice@far.test", "eve@bank.test"),
        ("From: Älice <älice@bücher.test>".encode(), "älice@xn--bcher-kva.test", "Älice"),
        (b"From: <alice@far.test>", "alice@far.test", ""),
        (b"From: Alice (office) <alice@far.test>", "alice@far.test", "Alice"),
        (b'From: "a.b"@far.test', "a.b@far.test", ""),
        (b"From: x <a@[192.0.2.1]>", "a@[192.0.2.1]", "x"),
        (b"DKIM-Signature: v=1;\r\n z=Date:x|\r\n From:=20a@b.test|\r\nFrom: a@b.test", "a@b.test", ""),
    ],
)
def test_plain_authors(line: bytes, address: str, name: str) -> None:
    found = author_of(parse_header(line + b"\r\n" + REST))
    assert isinstance(found, Author), found
    assert (str(found.address), found.name) == (address, name)


ATTACKS = {
    "none": b"X: y",
    "two": b"From: a@far.test\r\nFrom: b@office.test",
    "two, other case": b"From: a@far.test\r\nfrom: b@office.test",
    "blank before the colon": b"From : b@office.test\r\nX: y",
    "and a good one": b"From : b@office.test\r\nFrom: a@far.test",
    "tab before the colon": b"From\t: b@office.test",
    "folded before the colon": b"From\r\n : b@office.test\r\nFrom: a@far.test",
    "blank before the name": b" From: b@office.test\r\nFrom: a@far.test",
    "blank before the name, further down": b"X: y\r\n From: b@office.test\r\nFrom: a@far.test",
    "NUL before the name": b"\x00From: b@office.test\r\nFrom: a@far.test",
    "NUL after the name": b"From\x00: b@office.test\r\nFrom: a@far.test",
    "high octet after the name": b"From\xa0: b@office.test\r\nFrom: a@far.test",
    "after a bare CR": b"X: y\rFrom : b@office.test\r\nFrom: a@far.test",
    "NUL in it": b"From: a@far.test\x00,b@office.test",
    "bare CR in it": b"From: a@far.test\r b@office.test",
    "two addresses": b"From: a@far.test, b@office.test",
    "two without a comma": b"From: <a@far.test> <b@office.test>",
    "two without a blank": b"From: <a@far.test><b@office.test>",
    "bare and bracketed": b"From: b@office.test <a@far.test>",
    "bracketed and bare": b"From: <a@far.test> b@office.test",
    "group": b"From: g: a@far.test;",
    "empty group": b"From: g:;",
    "route": b"From: <@office.test,@b.test:a@far.test>",
    "route without a colon": b"From: <@office.test,a@far.test>",
    "comment in it": b"From: a@(b.test)far.test",
    "comment in brackets": b"From: <a@far.test(>b@office.test)>",
    "unclosed comment": b"From: a@far.test (b@office.test",
    "unclosed quote": b'From: "b@office.test <a@far.test>',
    "unclosed quote behind": b'From: a@far.test "b@office.test',
    "unclosed quote, the last escaped": b'From: <a@far.test> "b@office.test\\"',
    "unclosed quote of nothing": b'From: a@far.test"',
    "unclosed quotes, many": b"From: <a@far.test> " + b'"\\' * 500,
    "no address": b"From: Alice",
    "empty": b"From:",
    "empty brackets": b"From: Alice <>",
    "no domain": b"From: alice",
    "encoded address": b"From: =?utf-8?b?YWxpY2VAb2ZmaWNlLnRlc3Q=?=",
    "encoded local part": b"From: =?utf-8?q?b=40office.test=3e?=@far.test",
    "quoted address": b'From: "b@office.test"@far.test',
    "quoted brackets": b'From: "<b@office.test>"@far.test',
    "invalid UTF-8": b"From: a@f\xff.test",
    "two at signs": b"From: a@office.test@far.test",
    "list in brackets": b"From: <a@far.test,b@office.test>",
    "semicolon": b"From: a@far.test; b@office.test",
    "blank in the domain": b"From: a@far.test office.test",
    "header after an empty name": b"From: a@far .test",
    "vertical tab on the next line": b"From: a@far.test\r\n\x0b, b@office.test",
    "no-break space on the next line": b"From: a@far.test\r\n\xc2\xa0<b@office.test>",
    "no name on the next line": b"From: a@far.test\r\n: b@office.test\r\nX: y",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_two_readers_would_read_differently_has_no_author(name: str) -> None:
    assert isinstance(author_of(parse_header(ATTACKS[name] + b"\r\n" + REST)), Ambiguous)


@pytest.mark.parametrize(
    "before", [b"X: y\r\n", b"X: y\n", b"X: y\r\n \r\n", b"Received: from a\r\n by b\r\n", b"X: y\r\n\tand from\r\n"]
)
def test_a_from_below_others_is_a_from(before: bytes) -> None:
    assert isinstance(author_of(parse_header(before + b"From: a@far.test\r\n" + REST)), Author)


def test_a_line_that_is_no_field_elsewhere_says_nothing_of_the_author() -> None:
    for garbage in (b"\x0bX: y\r\n", b"no field\r\n"):
        assert isinstance(author_of(parse_header(b"From: a@far.test\r\nX: y\r\n" + garbage + REST)), Author)
        assert isinstance(author_of(parse_header(garbage + b"From: a@far.test\r\n" + REST)), Author)


def test_a_header_cut_short_has_no_author() -> None:
    assert isinstance(author_of(parse_header(b"From: a@b.test\r\n" + b"X: y\r\n" * 2000 + b"\r\n")), Ambiguous)


PIECES = [
    b"a@far.test",
    b"b@office.test",
    b"<",
    b">",
    b",",
    b";",
    b":",
    b"(",
    b")",
    b'"',
    b"\\",
    b" ",
    b"\t",
    b"@",
    b".",
    b"\r\n ",
    b"Alice",
    b"\x00",
    b"\r",
    b"=?utf-8?q?x=40y?=",
    b"\xff",
    b"[",
    b"]",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_whoever_has_an_author_shows_people_the_same_domain(value: bytes) -> None:
    header = parse_header(b"From:" + value + b"\r\n" + REST)
    found = author_of(header)
    if isinstance(found, Author):
        (shown,) = mailboxes(header.first("from") or b"")
        assert shown.address == found.address
        assert value.count(b"<") <= 1 or b'"' in value or b"(" in value
        _agrees_with_a_naive_reader(value, found)


def _agrees_with_a_naive_reader(value: bytes, found: Author) -> None:
    """Outside quotes and comments no address of another domain is left to be seen."""
    if b'"' in value or b"(" in value:
        return
    for domain in ("far.test", "office.test"):
        seen = re.search(rb"@" + domain.encode() + rb"(?![A-Za-z0-9.@=&?_!\x80-\xff-])", value.replace(b"\r\n", b""))
        if seen and domain != found.domain:
            raise AssertionError(value)


@given(st.binary(max_size=200))
def test_any_octets_have_an_author_or_not(octets: bytes) -> None:
    author_of(parse_header(octets))
    author_of(parse_header(b"From: " + octets))
