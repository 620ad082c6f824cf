"""PLAIN and LOGIN messages."""

import pytest

from posthouse.standards.sasl.plain import (
    PlainMessage,
    format_plain,
    parse_login_name,
    parse_login_password,
    parse_plain,
)


def test_a_message_has_three_parts() -> None:
    assert PlainMessage("", "alice", "pass word") == parse_plain(b"\0alice\0pass word")
    assert PlainMessage("bob", "alice", "x") == parse_plain(b"bob\0alice\0x")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"alice",
        b"a\0b",
        b"\0\0x",
        b"\0a\0",
        b"a\0b\0c\0d",
        b"\0\xff\0x",
        b"\0" + b"a" * 256 + b"\0x",
        b"\0a\0" + b"x" * 1025,
    ],
)
def test_any_other_form_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError):
        parse_plain(octets)


def test_what_we_format_we_parse() -> None:
    assert PlainMessage("z", "älice", "pässword") == parse_plain(format_plain("älice", "pässword", "z"))


def test_a_nul_cannot_be_smuggled_into_a_message() -> None:
    with pytest.raises(ValueError):
        format_plain("alice\0bob", "x")


@pytest.mark.parametrize("octets", [b"", b"a\0b", b"\xff"])
def test_login_takes_plain_text_only(octets: bytes) -> None:
    with pytest.raises(ValueError):
        parse_login_name(octets)
    with pytest.raises(ValueError):
        parse_login_password(octets)
