"""Tokens of a command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.imap.scanner import ParseError, Scanner
from posthouse.standards.imap.text import format_string


def scan(text: bytes, *literals: bytes, **options) -> Scanner:
    return Scanner(text, list(literals), **options)


@pytest.mark.parametrize(
    ("wire", "octets"),
    [(b'""', b""), (b'"a\\"b"', b'a"b'), (b'"\\\\"', b"\\"), (b'"\\\\\\""', b'\\"'), (b'"\\\\\\\\"', b"\\\\"), (b'"\\"\\\\"', b'"\\')],
)  # fmt: skip
def test_quoted(wire, octets):
    scanner = scan(wire)
    assert octets == scanner.string()
    assert scanner.at_end


@given(st.text('ab\\"', max_size=20))
def test_quoted_reads_what_was_written(text):
    assert text.encode() == scan(format_string(text.encode())).string()


@pytest.mark.parametrize(
    "wire", [b"", b'"', b'"a', b'"\\a"', b'"a\\"', b'"a\x00"', b'"a\r\n"', b"a", b"{3}", b"{3}\n", b"{a}\r\n"]
)
def test_no_string(wire):
    with pytest.raises(ParseError):
        scan(wire, b"abc").string()


def test_literals_come_in_their_order():
    scanner = scan(b"{1}\r\n {1+}\r\n", b"a", b"b")
    assert scanner.string() == b"a"
    scanner.space()
    assert scanner.string() == b"b"
    scanner.end()


def test_nil():
    assert scan(b"nil").nstring() is None
    assert scan(b'"NIL"').nstring() == b"NIL"
    assert scan(b"NIL").astring() == b"NIL"


@pytest.mark.parametrize("wire", [b"-1", b"", b"x", b"4294967296", b"99999999999999999999999"])
def test_numbers_are_bounded(wire):
    with pytest.raises(ParseError):
        scan(wire).number()


def test_flags():
    assert frozenset({"\\Seen", "$Label"}) == scan(b"(\\SEEN $Label $LABEL \\Recent)").flag_list()
    assert frozenset() == scan(b"()").flag_list()


@pytest.mark.parametrize("wire", [b"(a b", b"a", b"(a  b)", b"(\\Foo)", b"(a])", b"(" + b"x" * 101 + b")", b"( a)"])
def test_no_flags(wire):
    with pytest.raises(ParseError):
        scan(wire).flag_list()


def test_many_flags_are_refused_in_words():
    with pytest.raises(ParseError) as caught:
        scan(b"(" + b" ".join(b"k%d" % n for n in range(101)) + b")").flag_list()
    assert (caught.value.condition, caught.value.code) == ("NO", "LIMIT")
