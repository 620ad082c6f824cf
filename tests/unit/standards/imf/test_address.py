"""Whatever stands in an address field becomes mailboxes, in one pass, without a call stack to exhaust."""

import pytest

from posthouse.mail.address import Address
from posthouse.standards.imf.address import (
    BEYOND,
    MOST_TOKENS,
    Group,
    Mailbox,
    canonical_domain,
    mailboxes,
    parse_addresses,
)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"alice@office.test", Mailbox(b"", b"alice", b"office.test")),
        (b"<alice@office.test>", Mailbox(b"", b"alice", b"office.test")),
        (b"Alice <alice@office.test>", Mailbox(b"Alice", b"alice", b"office.test")),
        (b"Joe Q. Public <joe@x.test>", Mailbox(b"Joe Q. Public", b"joe", b"x.test")),
        (b'"Public, Joe" <joe@x.test>', Mailbox(b"Public, Joe", b"joe", b"x.test")),
        (b'"a \\"b\\"" <"x y"@z.test>', Mailbox(b'a "b"', b"x y", b"z.test")),
        (b"joe@x.test (Joe Public)", Mailbox(b"Joe Public", b"joe", b"x.test")),
        (b"joe (at home (really)) @ x . test", Mailbox(b"at home (really)", b"joe", b"x.test")),
        (b"<@a.test,@b.test:joe@x.test>", Mailbox(b"", b"joe", b"x.test", b"@a.test,@b.test")),
        (b"joe@[192.0.2.1]", Mailbox(b"", b"joe", b"[192.0.2.1]")),
        (b"=?utf-8?q?J=C3=BC?= <j@x.test>", Mailbox(b"=?utf-8?q?J=C3=BC?=", b"j", b"x.test")),
        ("Jürgen <jürgen@büro.test>".encode(), Mailbox("Jürgen".encode(), "jürgen".encode(), "büro.test".encode())),
        (b"joe <joe@x.test", Mailbox(b"joe", b"joe", b"x.test")),
        (b"postmaster", Mailbox(b"", b"postmaster", b"")),
        (b'"a@b" <c@d.test>', Mailbox(b"a@b", b"c", b"d.test")),
        (b"a@b@c.test", Mailbox(b"", b"a@b", b"c.test")),
    ],
)
def test_one_mailbox(octets, expected):
    assert parse_addresses(octets) == [expected]


def test_a_list_with_groups():
    found = parse_addresses(b"a@x.test, Team: b@x.test, C <c@x.test>; , undisclosed-recipients:;, d@x.test")
    assert found == [
        Mailbox(b"", b"a", b"x.test"),
        Group(b"Team", [Mailbox(b"", b"b", b"x.test"), Mailbox(b"C", b"c", b"x.test")]),
        Group(b"undisclosed-recipients", []),
        Mailbox(b"", b"d", b"x.test"),
    ]
    assert [one.local for one in mailboxes(b"Team: b@x.test;, d@x.test")] == [b"b", b"d"]


@pytest.mark.parametrize("octets", [b"", b" ", b",,,", b"(only a comment)", b"((((", b";"])
def test_nothing_is_nobody(octets):
    assert parse_addresses(octets) == []


def test_addresses_beyond_the_limit_are_left_out():
    assert len(parse_addresses(b"a@x.test," * 3000)) == 2000
    assert len(mailboxes(b"g:a@x.test," * 3000, 10)) <= 10


@pytest.mark.parametrize("bomb", [b"(", b"<", b'"', b"\\", b"a:", b"@", b"()", b"a,"])
def test_a_bomb_is_only_text(bomb):
    parse_addresses(bomb * 100_000)


def test_the_real_address_has_a_canonical_domain():
    (mailbox,) = mailboxes("Jü <jü@BÜRO.test>".encode())
    assert mailbox.address == Address("jü", "xn--bro-hoa.test")


@pytest.mark.parametrize(
    "octets", [b"postmaster", b"a@-", b"a@b c", b"@b.test", b'"a\x00"@b.test', b"a@[1\r\n2]", b"\xff@b.test"]
)
def test_what_is_no_address_gives_none(octets):
    with pytest.raises(ValueError):
        assert mailboxes(octets)[0].address is None


def test_domains_compare_equal_however_they_are_written():
    assert canonical_domain("Büro.Test") == canonical_domain("XN--BRO-HOA.test")


@pytest.mark.parametrize("filling", [b",", b" ;", b"@", b"<>", b"a:", b". "])
def test_a_field_of_separators_is_read_for_so_long_and_says_so(filling):
    """Threat M03; what stands behind them is not passed over in silence (A08)."""
    found = parse_addresses(b"alice@office.test, " + filling * (MOST_TOKENS + 1) + b", bob@office.test")
    assert found[-1] is BEYOND
    assert found[0] == Mailbox(b"", b"alice", b"office.test")
    with pytest.raises(ValueError, match="bad domain"):
        assert BEYOND.address
