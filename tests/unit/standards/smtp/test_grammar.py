import pytest

from posthouse.mail.address import Address
from posthouse.standards.smtp.grammar import (
    format_unitext,
    format_xtext,
    parse_domain,
    parse_mailbox,
    parse_path,
    parse_unitext,
    parse_xtext,
)


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("<a@b.example>", "a", "b.example"),
        ("<A.b+c/d=e@B.EXAMPLE>", "A.b+c/d=e", "b.example"),
        ("<!#$%&'*+-/=?^_`{|}~@b.example>", "!#$%&'*+-/=?^_`{|}~", "b.example"),
        ('<"a b"@b.example>', "a b", "b.example"),
        ('<"a\\"\\\\b@c"@b.example>', 'a"\\b@c', "b.example"),
        ('<"a.b"@b.example>', "a.b", "b.example"),
        ("<a@[192.0.2.1]>", "a", "[192.0.2.1]"),
        ("<a@[IPv6:2001:DB8:0::1]>", "a", "[IPv6:2001:db8::1]"),
        ("<a@[ipv6:::ffff:192.0.2.1]>", "a", "[IPv6:::ffff:c000:201]"),
        ("<a@xn--bcher-kva.example>", "a", "xn--bcher-kva.example"),
        ("<a@b\u00fccher.example>", "a", "xn--bcher-kva.example"),
        ("<a@B\u00dcCHER.example>", "a", "xn--bcher-kva.example"),
        ("<j\u00fcrgen@b.example>", "j\u00fcrgen", "b.example"),
        ("<@relay.example:a@b.example>", "a", "b.example"),
        ("<@r1.example,@[192.0.2.1]:a@b.example>", "a", "b.example"),
        ("<postmaster>", "postmaster", ""),
        ("<PostMaster>", "PostMaster", ""),
        ("<a@localhost>", "a", "localhost"),
        ("<user%inner.example@b.example>", "user%inner.example", "b.example"),
        ("<inner.example!user@b.example>", "inner.example!user", "b.example"),
    ],
)
def test_a_path_is_the_address_it_means(text, local, domain):
    assert parse_path(text) == (Address(local, domain), "")


def test_what_follows_a_path_is_left():
    assert parse_path("<a@b.example> SIZE=1 X") == (Address("a", "b.example"), "SIZE=1 X")
    assert parse_path('<"a"@b.example>  SIZE=1') == (Address("a", "b.example"), "SIZE=1")
    assert parse_path("<>") == (None, "")
    assert parse_path("<> SIZE=1") == (None, "SIZE=1")


@pytest.mark.parametrize(
    "text",
    [
        "", "<", ">", "a@b.example", "<a@b.example", "a@b.example>", "<a>", "<@>", "<a@>", "<@b.example>", "< a@b.example>",
        "<a @b.example>", "<a@b.example >", "<a@b@c.example>", "<a..b@c.example>", "<.a@c.example>", "<a.@c.example>",
        "<a@.example>", "<a@b..example>", "<a@b.example.>", "<a@-b.example>", "<a@b-.example>", "<a@b_c.example>",
        '<"a@b.example>', '<"a""b"@c.example>', '<"a"b@c.example>', '<""@c.example>', '<"a\\"@c.example>', '<"a\nb"@c.example>',
        "<a@[1.2.3]>", "<a@[1.2.3.4>", "<a@1.2.3.4]>", "<a@[256.1.1.1]>", "<a@[::1]>", "<a@[IPv6:fe80::1%eth0]>", "<a@[x:y]>",
        "<a@[IPv6:1.2.3.4]>", "<a@b.example>x", "<a@b.example>,<c@d.example>", "<<a@b.example>>", "<>x", "<a(c)@b.example>",
        "<@r.example;a@b.example>", "<@r.example,:a@b.example>", "<r.example:a@b.example>", "<@r.example:a>x", "<a\u0085@b.example>",
        "<a@\u200b.example>", "<a@" + "\u00fc" * 300 + ">", "<a@xn--\u00fc.example>",
    ],
)  # fmt: skip
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError):
        parse_path(text)


def test_the_parts_of_a_path_have_lengths():
    """RFC 5321 section 4.5.3.1: local-part 64, domain 255, path 256 with its brackets."""
    assert parse_path(f"<{'a' * 64}@b.example>")
    with pytest.raises(ValueError):
        parse_path(f"<{'a' * 65}@b.example>")
    label = "b" * 63
    domain = f"{label}.{label}.{label}"
    assert parse_path(f"<{'a' * 62}@{domain}>")
    with pytest.raises(ValueError):
        parse_path(f"<{'a' * 63}@{domain}>")
    with pytest.raises(ValueError):
        parse_path(f"<a@{'b' * 64}.example>")
    with pytest.raises(ValueError):
        parse_path('<"' + "a" * 63 + '"@b.example>')
    with pytest.raises(ValueError):
        parse_path("<" + "\u00fc" * 33 + "@b.example>")


def test_hostile_lengths_cost_no_time_to_speak_of():
    for text in (
        "<" + "a." * 1000,
        "<a@" + "b-" * 1000,
        '<"' + "\\a" * 1000,
        "<" + "@a," * 700,
        "<a@" + "b" * 2000,
        "<" + "@" * 2000,
    ):
        with pytest.raises(ValueError):
            parse_path(text + ">")


def test_an_address_formats_to_what_parses_to_it():
    for text in ("a@b.example", '"a b"@b.example', '"a\\"b\\\\"@b.example', "a@[IPv6:2001:db8::1]"):
        assert str(parse_mailbox(text)) == text


@pytest.mark.parametrize("text", ["a", "<a@b.example>", "a@b.example ", "a@b.example>", "postmaster", "a@b.example\n"])
def test_a_mailbox_is_an_address_and_nothing_else(text):
    with pytest.raises(ValueError):
        parse_mailbox(text)


def test_domains_meet_in_one_spelling():
    assert parse_domain("EXAMPLE.Org") == "example.org"
    assert parse_domain("B\u00fccher.example") == "xn--bcher-kva.example"
    with pytest.raises(ValueError):
        parse_domain("example.org\n")


class TestXtext:
    def test_decodes(self):
        assert parse_xtext("a+40b+2B+3D") == "a@b+="
        assert parse_xtext("plain@b.example") == "plain@b.example"

    @pytest.mark.parametrize("text", ["a=b", "+4", "+4g", "+4a", "a b", "+0D+0A", "+00", "+7F", "+80", "\u00fc", "a\n"])
    def test_what_could_forge_a_line_is_refused(self, text):
        """Postfix, June 2026: ENVID and ORCPT with ``+00`` reached the next server."""
        with pytest.raises(ValueError):
            parse_xtext(text)

    def test_formats(self):
        assert format_xtext("a b+c=d") == "a+20b+2Bc+3Dd"
        with pytest.raises(ValueError):
            format_xtext("a\r\nRCPT TO:<x>")


class TestUnitext:
    def test_decodes_both_forms(self):
        assert parse_unitext("j\\x{FC}rgen@b.example") == "j\u00fcrgen@b.example"
        assert parse_unitext("j\u00fcrgen@b.example") == "j\u00fcrgen@b.example"
        assert parse_unitext("a\\x{5C}b") == "a\\b"

    @pytest.mark.parametrize("text", ["a\\b", "\\x{0A}", "\\x{D800}", "\\x{110000}", "\\x{fc}", "\\x{}", "a\\x{85}"])
    def test_what_is_no_character_is_refused(self, text):
        with pytest.raises(ValueError):
            parse_unitext(text)

    def test_formats(self):
        assert format_unitext("j\u00fcrgen+x@b.example") == "j\\x{FC}rgen\\x{2B}x@b.example"
