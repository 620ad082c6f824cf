"""Whatever pieces a content comes in: the same header, the same beginning, the same signatures."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.filter.examination import Examination, examine
from posthouse.standards.dkim.canonical import RelaxedBody
from posthouse.standards.dkim.keypair import generate_ed25519, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.imf.header import HEADER_OCTETS, parse_header
from posthouse.testing.zone import Zone

PAIR = generate_ed25519()
PLAIN = b"From: a@far.test\r\nSubject: x\r\n\r\nhello\r\n\r\nbye\r\n"


def signed() -> bytes:
    header, body = parse_header(PLAIN), RelaxedBody()
    body.update(PLAIN[header.body_start :])
    return format_signatures(header, body.digest(), [signing_key("far.test", "s", PAIR.der)], now=0) + PLAIN


LETTER = signed()


@given(st.lists(st.integers(0, len(LETTER)), max_size=12))
def test_any_split_says_the_same(places: list[int]) -> None:
    cuts = sorted({0, *places, len(LETTER)})
    examination, stored = Examination(), b""
    for start, stop in pairwise(cuts):
        complete_before = examination.header is not None
        is_complete = examination.feed(LETTER[start:stop])
        if complete_before:
            stored += LETTER[start:stop]
        elif is_complete:
            stored += examination.beginning
        assert is_complete or examination.held_octets == stop
    assert examination.close().octets == parse_header(LETTER).octets
    assert stored == LETTER
    zone = Zone({"s._domainkey.far.test": {"txt": (PAIR.record.encode(),)}})
    assert examination.signatures is not None
    (found,) = asyncio.run(examination.signatures.finish(zone, 100))
    assert found.result.value == "pass", found


@pytest.mark.parametrize("content", [b"", b"\r\nbody", b"\nbody", b"From: x", b"From: x\r\n", b"garbage", b"\r"])
def test_odd_beginnings(content: bytes) -> None:
    whole = examine(content)
    for size in (1, 2, 3):
        examination = Examination()
        for at in range(0, len(content), size):
            examination.feed(content[at : at + size])
        assert examination.close().octets == whole.close().octets
        assert content.startswith(examination.beginning)


def test_a_header_without_end_is_held_up_to_its_limit() -> None:
    examination = Examination()
    while not examination.feed(b"X: y\r\n" * 1000):
        assert examination.held_octets <= HEADER_OCTETS + 4
    assert examination.close().excess == "L4"
    assert examination.held_octets == 0


def test_without_verification_no_signature_is_looked_at() -> None:
    examination = Examination(verifies=False)
    assert examination.feed(LETTER)
    assert (examination.signatures, examination.chain) == (None, None)


MARKED = st.sampled_from([b"\n--", b"\nbegin", b"-ANTIVIRUS-TEST-FILE!", b"- -", b"\nbegi", b"\n-", b"words\r\n"])


@given(st.lists(MARKED, max_size=4), st.lists(st.integers(0, 80), min_size=1, max_size=6))
def test_a_mark_in_a_body_is_seen_wherever_it_is_cut(words: list[bytes], places: list[int]) -> None:
    content = b"Subject: s\r\n\r\n" + b"line\r\n".join(words) + b"end\r\n"
    examination = Examination()
    start = content.index(b"\r\n\r\n") + 4
    inner = {start + place for place in places if start + place < len(content)}
    for begin, end in pairwise(sorted({0, start, len(content)} | inner)):
        examination.feed(content[begin:end])
    body = content[start - 1 :]
    assert examination.is_bare is not any(mark in body for mark in (b"\n--", b"\nbegin", b"-ANTIVIRUS-TEST-FILE!"))


def test_what_came_in_one_piece_was_not_watched() -> None:
    assert not examine(b"Subject: s\r\n\r\nnothing\r\n").is_bare
