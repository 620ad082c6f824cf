"""Strings and names on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.imap.scanner import Scanner
from posthouse.standards.imap.text import (
    decode_utf7,
    encode_utf7,
    format_astring,
    format_mailbox,
    format_nstring,
    format_string,
)


@pytest.mark.parametrize(
    ("octets", "wire"),
    [
        (b"", b'""'),
        (b"a b", b'"a b"'),
        (b'a"\\', b'"a\\"\\\\"'),
        (b"\xff", b"{1}\r\n\xff"),
        (b"a\r\n", b"{3}\r\na\r\n"),
    ],
)
def test_strings(octets, wire):
    assert wire == format_string(octets)


def test_no_nul_goes_out():
    assert b"\x00" not in format_string(b"a\x00b")


def test_nil_is_not_a_string():
    assert (format_nstring(None), format_nstring(b"NIL")) == (b"NIL", b'"NIL"')
    assert format_astring(b"nil") == b'"nil"'
    assert format_astring(b"X-Foo") == b"X-Foo"


@pytest.mark.parametrize(
    ("name", "wire"),
    [("INBOX", "INBOX"), ("a&b", "a&-b"), ("Entwürfe", "Entw&APw-rfe"), ("~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e", "~peter/mail/&U,BTFw-/&ZeVnLIqe-")],
)  # fmt: skip
def test_modified_utf7(name, wire):
    """The last is the example of RFC 3501 section 5.1.3."""
    assert wire == encode_utf7(name)
    assert name == decode_utf7(wire)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_utf7_there_and_back(name):
    assert encode_utf7(name).isascii()
    assert name == decode_utf7(encode_utf7(name))


@given(st.text(max_size=20))
def test_only_one_spelling_is_a_name(text):
    try:
        name = decode_utf7(text)
    except ValueError:
        return
    assert text == encode_utf7(name)


@given(st.binary(max_size=50))
def test_a_quoted_string_reads_back(octets):
    wire = format_string(octets)
    if wire.startswith(b'"'):
        assert octets == Scanner(wire, []).string()


def test_mailboxes():
    assert format_mailbox("Entwürfe", utf8=False) == b'"Entw&APw-rfe"'
    assert '"Entwürfe"'.encode() == format_mailbox("Entwürfe", utf8=True)
