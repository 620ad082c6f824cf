"""Threat S09: whatever stands behind MAIL and RCPT, the answer is one of the few that grammar allows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.standards.smtp.grammar import format_unitext, format_xtext, parse_mailbox, parse_unitext, parse_xtext
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection
from posthouse.testing.wire import Wire

OFFER = Offer(hostname="h.test", max_octets=1000, mechanisms=("PLAIN",))

words = st.sampled_from(
    ["MAIL FROM:", "RCPT TO:", "mail from: ", "MAIL", " ", "  ", "<", ">", "@", "a", "b.example", "a@b.example", "<a@b.example>", "<>", '"', "\\",
     "[", "]", "192.0.2.1", "IPv6:::1", ".", "..", "-", ",", ":", ";", "=", "+", "+40", "+00", "%", "!", "SIZE=", "9" * 20, "BODY=", "8BITMIME",
     "BINARYMIME", "SMTPUTF8", "RET=", "FULL", "ENVID=", "NOTIFY=", "NEVER", "SUCCESS", "DELAY", "ORCPT=", "rfc822;", "utf-8;", "\\x{FC}",
     "AUTH=", "HOLDFOR=", "\u00fc", "\u3002", "xn--", "\u200d", "\u0661", "<a@b.example> ", "x" * 70]
)  # fmt: skip
lines = st.lists(words, max_size=12).map("".join)
shaped = st.tuples(
    st.sampled_from(["MAIL FROM:<a@b.example>", "RCPT TO:<a@b.example>", "MAIL FROM:<>"]),
    st.lists(st.tuples(st.sampled_from([" ", "  "]), words, words), max_size=5),
).map(lambda parts: parts[0] + "".join("".join(part) for part in parts[1]))


@settings(max_examples=2500)
@given(st.one_of(lines, shaped), st.booleans())
def test_only_the_replies_that_grammar_allows(line, utf8):
    wire = Wire(ServerConnection(OFFER))
    wire.client("EHLO a.example")
    if line[:1] in "Rr":
        wire.client("MAIL FROM:<a@b.example>" + " SMTPUTF8" * utf8)
    wire.written = b""
    wire.client("MAIL FROM:<a@b.example>" + line if not (line[:4].isascii() and line[:4].isalpha()) else line)
    assert wire.written.count(b"\r\n") == 1
    assert wire.written[:3] in {b"250", b"500", b"501", b"503", b"552", b"553", b"555"}
    assert not wire.core.closed


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_xtext_there_and_back(text):
    assert parse_xtext(format_xtext(text)) == text


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=80))
def test_unitext_there_and_back(text):
    encoded = format_unitext(text)
    assert encoded.isascii()
    assert parse_unitext(encoded) == text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30))
def test_any_local_part_survives_its_quoting(local):
    from posthouse.mail.address import Address

    assert parse_mailbox(str(Address(local, "b.example"))) == Address(local, "b.example")
