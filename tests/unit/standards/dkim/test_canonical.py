"""Canonical forms, and that the pieces a body arrives in make no difference."""

import hashlib
import re
from math import inf

import pytest
from dkim import canonicalization
from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.dkim.canonical import (
    MOST_EFFORT,
    BodyHash,
    BodyHashes,
    RelaxedBody,
    SimpleBody,
    TooCostly,
    relaxed_field,
)

BODIES = st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"a", b"\r", b"\n", b"word", b"  "]), max_size=25)


def digest(body: BodyHash, *pieces: bytes) -> bytes:
    for piece in pieces:
        body.update(piece)
    return body.digest()


@pytest.mark.rfc(6376, "3.4.5", "example")
def test_example_of_the_standard() -> None:
    body = b" C \r\nD \t E\r\n\r\n\r\n"
    assert digest(RelaxedBody(), body) == hashlib.sha256(b" C\r\nD E\r\n").digest()
    assert digest(SimpleBody(), body) == hashlib.sha256(b" C \r\nD \t E\r\n").digest()
    assert relaxed_field(b"A: X\r\n") == b"a:X\r\n"
    assert relaxed_field(b"B : Y\t\r\n\tZ  \r\n") == b"b:Y Z\r\n"


@pytest.mark.rfc(6376, "3.4.3", "MUST")
def test_empty_simple_body_is_one_line_end() -> None:
    assert digest(SimpleBody()) == digest(SimpleBody(), b"\r\n\r\n") == hashlib.sha256(b"\r\n").digest()


@pytest.mark.rfc(6376, "3.4.4", "MUST")
def test_relaxed_body_without_text_is_empty() -> None:
    assert digest(RelaxedBody()) == digest(RelaxedBody(), b" \t\r\n\r\n ") == hashlib.sha256(b"").digest()


def test_last_line_without_an_end_gets_one() -> None:
    assert digest(RelaxedBody(), b"a") == digest(RelaxedBody(), b"a \r\n") == hashlib.sha256(b"a\r\n").digest()


@given(BODIES, st.sampled_from([SimpleBody, RelaxedBody]))
def test_any_split_gives_the_same_hash(parts: list[bytes], form: type[SimpleBody | RelaxedBody]) -> None:
    whole = b"".join(parts)
    expected = digest(form(), whole)
    assert digest(form(), *parts) == expected
    assert digest(form(), *(whole[at : at + 1] for at in range(len(whole)))) == expected


@given(BODIES.map(b"".join).filter(lambda body: b"\r" not in body.replace(b"\r\n", b"")))
def test_agrees_with_the_oracle(body: bytes) -> None:
    body += b"\r\n"
    if b"\n" in body.replace(b"\r\n", b""):
        return
    for form, other in ((SimpleBody, canonicalization.Simple), (RelaxedBody, canonicalization.Relaxed)):
        expected = other.canonicalize_body(body)
        if form is SimpleBody and not expected:
            expected = b"\r\n"
        assert digest(form(), body) == hashlib.sha256(expected).digest()


# -- bodies made to cost much: the short ways say the same as the plain one

BLANKS = [b" ", b"\t", b" \t", b"\r\n", b" \r\n", b"   \r\n", b"\t \r\n\r\n", b"\r", b" \r", b"\r\r\n", b"\n", b"\x0b"]
DENSE = [
    b"x  ",
    b"x   ",
    b"x    ",
    b"x     ",
    b"x  \r\n",
    b"\t" * 70 + b"x\r\n",
    b" " * 5000 + b"x",
    b"\r\n" * 900 + b"x",
]


def relaxed_plainly(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4, a line after the other."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize("pattern", BLANKS + DENSE)
@pytest.mark.parametrize("piece", [1000, 4096, 4099])
@pytest.mark.parametrize("ending", [b"", b"x", b" ", b"\r\n", b" x\r\n"])
def test_large_bodies_of_white_space_are_hashed_as_ever(pattern: bytes, piece: int, ending: bytes) -> None:
    body = pattern * (10_000 // len(pattern)) + ending
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    assert digest(RelaxedBody(), *pieces) == hashlib.sha256(relaxed_plainly(body)).digest()
    assert digest(SimpleBody(), *pieces) == digest(SimpleBody(), *(body[at : at + 1] for at in range(len(body))))


# -- bodies that take more effort than they are worth

LETTERS = b"U" * 76 + b"\r\n"
TEXT = b"The quick brown fox jumps over the lazy dog and runs away from it.\r\n"
HTML = b'          <td style="padding:0 10px; font-family: Arial">so much</td>\r\n'


@pytest.mark.parametrize("piece", [1460, 2**30])
@pytest.mark.parametrize("pattern", [b"x  ", b"x    ", b"x \r\n", b" \t \r\n", b" ", b"x\t\t", TEXT])
def test_a_body_of_white_space_is_given_up(pattern: bytes, piece: int) -> None:
    """Its hash is never told, and nothing is worked out any more; who signs it himself has it whatever it takes."""
    body = pattern * (12 * 2**20 // len(pattern))
    given_up = RelaxedBody()
    for at in range(0, len(body), piece):
        given_up.update(body[at : at + piece])
    with pytest.raises(TooCostly, match="white space"):
        given_up.digest()
    given_up.update(b"more")
    with pytest.raises(TooCostly):
        given_up.digest()


def test_who_asks_for_it_has_any_body_hashed() -> None:
    body = b"x  " * 2**20
    assert digest(RelaxedBody(inf), body) == hashlib.sha256(b"x " * (2**20 - 1) + b"x\r\n").digest()


def test_without_blanks_it_takes_no_effort_however_large() -> None:
    body = LETTERS * 100_000
    assert digest(RelaxedBody(0), body) == hashlib.sha256(body).digest()


@pytest.mark.parametrize("piece", [1460, 2**30])
@pytest.mark.parametrize(("pattern", "mebibytes"), [(TEXT, 7), (HTML, 4), (b"%-12d" % 7 * 6 + b"\r\n", 2)])
def test_what_people_write_is_far_less(pattern: bytes, mebibytes: int, piece: int) -> None:
    body = pattern * (mebibytes * 2**20 // len(pattern))
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    assert digest(RelaxedBody(), *pieces) == digest(RelaxedBody(inf), body)


def test_only_the_form_that_is_dear_is_given_up() -> None:
    bodies = BodyHashes()
    bodies.want(relaxed=True)
    bodies.want(relaxed=False)
    body = b"x  " * (MOST_EFFORT // 12)
    bodies.update(body)
    with pytest.raises(TooCostly):
        bodies.digest(relaxed=True)
    assert bodies.digest(relaxed=False) == hashlib.sha256(body + b"\r\n").digest()


def hashes(*pieces: bytes, relaxed: bool = True, simple: bool = True, effort: float = MOST_EFFORT) -> BodyHashes:
    bodies = BodyHashes(effort)
    for form, is_wanted in ((True, relaxed), (False, simple)):
        if is_wanted:
            bodies.want(relaxed=form)
    for piece in pieces:
        bodies.update(piece)
    return bodies


def mebibytes(number: int, pattern: bytes = LETTERS) -> bytes:
    return pattern * (number * 2**20 // len(pattern))


@pytest.mark.parametrize("text", [TEXT, HTML])
def test_a_large_attachment_is_hashed_in_both_forms_with_the_text_beside_it(text: bytes) -> None:
    pieces = mebibytes(1, text), mebibytes(23)
    bodies = hashes(*pieces)
    assert bodies.digest(relaxed=True) == digest(RelaxedBody(inf), *pieces)
    assert bodies.digest(relaxed=False) == digest(SimpleBody(), *pieces)


@pytest.mark.parametrize("larger", [50, 60])
def test_the_largest_message_is_hashed_in_one_form_with_the_text_beside_it(larger: int) -> None:
    """Larger than any that is taken as it is configured: a higher limit is an operator's own choice."""
    pieces = mebibytes(1, TEXT), *[mebibytes(1)] * larger
    assert hashes(*pieces, simple=False).digest(relaxed=True) == digest(RelaxedBody(inf), *pieces)
    assert hashes(*pieces, relaxed=False).digest(relaxed=False) == digest(SimpleBody(), *pieces)


@pytest.mark.parametrize("piece", [65536, 2**30])
@pytest.mark.parametrize(("simple", "before", "after"), [(True, 0, 12), (True, 12, 0), (False, 0, 40), (False, 40, 0)])
def test_the_more_is_hashed_the_less_white_space_there_may_be(
    *, simple: bool, before: int, after: int, piece: int
) -> None:
    """As much text as is looked at in a body by itself; what comes first makes no difference."""
    body = mebibytes(before) + mebibytes(7, TEXT) + mebibytes(after)
    bodies = hashes(*(body[at : at + piece] for at in range(0, len(body), piece)), simple=simple)
    with pytest.raises(TooCostly, match="white space"):
        bodies.digest(relaxed=True)
    if simple:
        assert bodies.digest(relaxed=False) == digest(SimpleBody(), body)


def test_no_body_larger_than_28_mebibytes_is_hashed_in_both_forms() -> None:
    bodies = hashes(*[mebibytes(1)] * 30)
    for relaxed in (True, False):
        with pytest.raises(TooCostly, match="too large to check it in both forms"):
            bodies.digest(relaxed=relaxed)


def test_who_signs_himself_has_both_forms_of_any_body() -> None:
    pieces = mebibytes(9, TEXT), mebibytes(21)
    bodies = hashes(*pieces, effort=inf)
    assert bodies.digest(relaxed=True) == digest(RelaxedBody(inf), *pieces)
    assert bodies.digest(relaxed=False) == digest(SimpleBody(), *pieces)
