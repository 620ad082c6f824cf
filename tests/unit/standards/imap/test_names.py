"""Mailbox names: what a stranger may call a mailbox (threat I07)."""

import pytest

from posthouse.standards.imap.names import BadName, parse_mailbox_name


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"inbox", "INBOX"),
        (b"Inbox/Old", "INBOX/Old"),
        (b"inboxes", "inboxes"),
        (b"Entw&APw-rfe", "Entwürfe"),
        (b"a&-b", "a&b"),
        (b"Sent Items", "Sent Items"),
        (b"&U,BTFw-/x", "\u53f0\u5317/x"),
    ],
)
def test_good_names(octets, name):
    assert name == parse_mailbox_name(octets, utf8=False)


@pytest.mark.parametrize(
    "octets",
    [b"", b"/", b"/etc/passwd", b"..", b"a/../b", b"a//b", b"a/", b"./a", b"~root", b"#news", b"a*", b"a%b", b"a\x00b", b"a\nb",
     b"a\x7f", b"&", b"&AGE-", b"&AAA-", b"&2AA-", b"&Jjo!", b"&U,BTFw-&ZeVnLIqe-", b"\xff", b"x" * 256, b"/".join([b"a"] * 11)],
)  # fmt: skip
def test_bad_names(octets):
    with pytest.raises(BadName):
        parse_mailbox_name(octets, utf8=False)


@pytest.mark.parametrize("name", ["a\u0085b", "a\u2028b", "\x1bx", "a/..", "ü" * 128])
def test_bad_names_in_utf8(name):
    with pytest.raises(BadName):
        parse_mailbox_name(name.encode(), utf8=True)


def test_only_ascii_letters_make_inbox():
    """``\u0131nbox``, with a dotless i, in capitals reads INBOX; it is no way into it."""
    assert parse_mailbox_name("\u0131nbox".encode(), utf8=True) == "\u0131nbox"


def test_names_are_in_one_normal_form():
    assert parse_mailbox_name("U\u0308".encode(), utf8=True) == "Ü"


def test_a_trailing_delimiter_announces_children():
    assert parse_mailbox_name(b"foo/", utf8=False, make=True) == "foo"


@pytest.mark.parametrize("octets", [b"&" * 100_000, b"&A" * 4096, "a\u0301\u0316".encode() * 20_000])
def test_a_name_is_no_bomb(octets):
    """Shifts that never end, and marks that wait to be put in order: with quadratic work these would not end."""
    with pytest.raises(BadName):
        parse_mailbox_name(octets, utf8=octets[:1] != b"&")
