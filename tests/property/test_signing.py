"""Whatever our own people write, in whatever pieces it comes, the signatures hold; and two readers agree on that."""

import asyncio

import dkim
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_ed25519, generate_rsa, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.dkim.verify import Result, Verifier
from posthouse.standards.imf.header import parse_header
from posthouse.testing.zone import Zone

NOW = 1_700_000_000
PAIRS = {"r": generate_rsa(), "e": generate_ed25519()}
KEYS = [signing_key("office.test", selector, pair.der) for selector, pair in PAIRS.items()]
RECORDS = {f"{selector}._domainkey.office.test": pair.record.encode() for selector, pair in PAIRS.items()}
ZONE = Zone({name: {"txt": (record,)} for name, record in RECORDS.items()})

texts = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
gaps = st.sampled_from((" ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", " \r\n  "))
values = st.lists(st.tuples(texts, gaps), max_size=6).map(
    lambda pairs: "".join(text + gap for text, gap in pairs) + "x"
)
names = st.sampled_from(("Subject", "To", "Cc", "Date", "X-Other", "Reply-To", "List-Id", "MIME-Version", "subject"))
headers = st.lists(st.tuples(names, values), max_size=8)
bodies = st.lists(
    st.sampled_from(("hello", " ", "\t", "\r\n", "\r\n\r\n", "  there", ".", "..", "\u00fc", "x" * 70)), max_size=20
).map("".join)


@settings(max_examples=150)
@given(headers, bodies, st.integers(1, 50))
def test_what_is_signed_verifies(fields, text, piece):
    """By our own verifier and by dkimpy."""
    body = text.encode() + b"\r\n" if text else b""  # as SMTP ends it; without, two readings of white space differ
    header = b"From: alice@office.test\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in fields)
    content = header + b"\r\n" + body
    hashed = RelaxedBody()
    for at in range(0, len(body), piece):
        hashed.update(body[at : at + piece])
    signatures = format_signatures(parse_header(content), hashed.digest(), KEYS, now=NOW, expires_at=2**33)
    message = signatures + content
    verifier = Verifier(parse_header(message))
    verifier.update(body)
    results = asyncio.run(verifier.finish(ZONE, NOW))
    assert [one.result for one in results] == [Result.PASS, Result.PASS]
    for which in (0, 1):
        assert dkim.DKIM(message).verify(idx=which, dnsfunc=lambda name, timeout=5: RECORDS[name.decode().rstrip(".")])
