"""Laws of the classifier: bounded tokens for any octets, odds between 0 and 1, lessons that leave no trace."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from posthouse.filter.classifier.combining import belief, combine, weight_of
from posthouse.filter.classifier.tokens import LONGEST, MOST, tokens_of
from posthouse.filter.classifier.words import LONGEST as LONGEST_WORD
from posthouse.filter.classifier.words import words_of

FIELDS = st.sampled_from([
    b"From: a <a@b.test>\r\n", b"Subject: =?utf-8?b?4oCL?= x\r\n", b"Content-Type: text/html\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Type: text/plain; charset=utf-16\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n",
])  # fmt: skip
PIECES = st.sampled_from([
    b"word ", b"<p>", b"<!--", b"--b\r\n", b"--b--\r\n", b"\r\n", b"http://a.test/", b"://", b"&#x2028;", b"\xe2\x80\x8b",
    "贷款".encode(), b"=\r\n", b"\xff\xfe", b"Content-Type: text/html\r\n\r\n", b"</b", b"A" * 30,
])  # fmt: skip
MESSAGES = st.builds(
    lambda fields, body: b"".join(fields) + b"\r\n" + b"".join(body),
    st.lists(FIELDS, max_size=4),
    st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=60),
)


def _is_plain_western(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return unicodedata.is_normalized("NFKC", character)


@given(st.one_of(MESSAGES, st.binary(max_size=600)))
def test_any_octets_have_a_bounded_number_of_bounded_tokens_and_always_the_same(octets):
    tokens = tokens_of(octets)
    assert len(tokens) <= MOST
    assert len(set(tokens)) == len(tokens)
    assert all(0 < len(token) <= LONGEST for token in tokens)
    assert tokens_of(octets) == tokens


@given(st.text(max_size=300))
def test_words_are_bounded_and_lower_case(text):
    words = list(words_of(text, 50))
    assert len(words) <= 50
    assert all(2 <= len(word) <= LONGEST_WORD for word in words)


WESTERN = [one for one in map(chr, range(0x20, 0x2100)) if _is_plain_western(one)]


@given(st.text(alphabet=WESTERN, max_size=200))
def test_the_fast_road_finds_the_same_words(text):
    assert set(words_of(text, 999)) == set(words_of(text + " \u0142", 999))


@given(st.text(alphabet="abcdefgh ,.!", max_size=200), st.sampled_from(["\u200b", "\u00ad", "\u2060"]))
def test_what_cannot_be_seen_changes_no_word(text, hidden):
    assert list(words_of(hidden.join(text), 999)) == list(words_of(text, 999))


@given(st.lists(st.floats(0.005, 0.995), max_size=400))
def test_odds_are_odds_and_turn_round(beliefs):
    odds = combine([weight_of(f"t{at}", one) for at, one in enumerate(beliefs)])
    turned = combine([weight_of(f"t{at}", 1 - one) for at, one in enumerate(beliefs)])
    assert 0 <= odds.junk <= 1
    assert abs(odds.junk + turned.junk - 1) < 1e-6 or len(beliefs) > 100
    assert -3 <= odds.score <= 6.5


@given(st.integers(-5, 500), st.integers(-5, 500), st.integers(0, 500), st.integers(0, 500), st.floats(0.005, 0.995))
def test_beliefs_are_beliefs(junk, good, junk_mails, good_mails, before):
    assert 0.005 <= belief(junk, good, junk_mails, good_mails, before=before) <= 0.995


def test_the_worst_messages_are_done_and_bounded():
    """A megabyte each of what makes careless parsers quadratic: such a one would not come to an end here."""
    bodies = [
        b"<",
        b"<b",
        b"<!--",
        b"<script",
        b"http://",
        b"http://@",
        b"--b\r\n",
        b"=?utf-8?q?",
        b"&#",
        b"\xe2\x80\x8b",
        b"\xe8\xb4\xb7",
    ]
    for body in bodies:
        for head in (b"Content-Type: text/html\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n", b"Subject: "):
            octets = head + b"\r\n" * (head != b"Subject: ") + body * (1_000_000 // len(body))
            assert len(tokens_of(octets)) <= MOST
