"""What a message is made of: the same words however they are written, and nothing without a bound."""

import base64
import quopri

import pytest

from posthouse.filter.classifier.tokens import LONGEST, MOST, tokens_of
from posthouse.filter.classifier.words import hosts_of, words_of
from posthouse.filter.display import Display, Flag, Standing

HEAD = b"From: Ann <ann@shop.test>\r\nTo: b@office.test\r\nSubject: Hello =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
TEXT = "Buy viagra today, grüne Wiesen. http://www.evil.test/x?y"


def tokens(body: bytes, fields: bytes = b"", **given) -> set[str]:
    return set(tokens_of(HEAD + fields + b"\r\n" + body, **given))


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"Content-Type: text/plain; charset=utf-8\r\n", TEXT.encode()),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n", TEXT.encode("latin-1")),
        (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n", base64.encodebytes(TEXT.encode())),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n", quopri.encodestring(TEXT.encode())),
        (b"Content-Type: text/html; charset=utf-8\r\n", b"<p>" + TEXT.replace("viagra", "via<b></b>gra").encode() + b"</p>"),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + TEXT.encode() + b"\r\n--b--\r\n",
        ),
        (b"", TEXT.replace("viagra", "v\u200bia\u00adgra").encode()),
        (b"", TEXT.replace("viagra", "".join(chr(ord(one) + 0xFEE0) for one in "viagra")).encode()),
        (b"", TEXT.replace("viagra", "VIAGRA").encode()),
    ],
)  # fmt: skip
def test_words_and_hosts_are_seen_through_every_wrapping(fields, body):
    found = tokens(body, fields)
    assert {"viagra", "today", "grüne", "wiesen", "url:www.evil.test", "url:evil.test"} <= found


def test_the_header_says_who_writes_with_what():
    found = tokens(b"x", b"X-Mailer: BulkMail 3.1\r\nList-Unsubscribe: <x>\r\n")
    assert {"from:ann@shop.test", "from:shop.test", "name:ann", "s:hello", "s:grüße", "mailer:bulkmail"} <= found
    assert {"h:list-unsubscribe", "h:no-date", "h:no-message-id", "type:text/plain"} <= found


def test_who_vouches_for_it_is_a_word_like_others():
    assert {"auth:verified", "by:shop.test"} <= tokens(b"x", display=Display(Standing.VERIFIED, "shop.test"))
    forged = tokens(b"x", display=Display(Standing.FORGED, "shop.test", (Flag.LOOKALIKE,)))
    assert {"auth:forged", "warned:lookalike"} <= forged
    assert "by:shop.test" not in forged


def test_files_are_named_by_their_kind_only():
    body = (
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>secret words</p>\r\n--b\r\nContent-Type: application/zip\r\n"
        b'Content-Disposition: attachment; filename="rechnung.PDF.zip"\r\n\r\nAAAA\r\n--b--\r\n'
    )
    found = tokens(body, b"Content-Type: multipart/mixed; boundary=b\r\n")
    assert {"file:application/zip", "file:.zip", "type:html alone", "secret"} <= found


def test_scripts_without_spaces_are_read_in_pairs():
    assert {"免费", "费贷", "贷款"} <= set(words_of("免费贷款", 100))


def test_western_letters_are_the_same_words_on_both_roads():
    text = "ÄRGER über naïve Größen, \u201cCafé\u201d \u2014 coöperate, £5 señor"
    assert words_of(text, 99) == words_of(text + " \u0142", 99)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see http://a.b.test/x and https://a.b.test/y", ["a.b.test", "b.test"]),
        ("http://user@evil.test/", ["evil.test"]),
        ("http://127.0.0.1/x", ["an address"]),
        ("http:/", []),
        ("no link", []),
    ],
)
def test_hosts_of_links(text, found):
    assert hosts_of(text) == found


def test_there_are_never_more_than_so_many_nor_longer_ones():
    words = " ".join(f"word{number:x}" for number in range(20_000)) + " " + "x" * 100_000 + " http://" + "h" * 500
    found = tokens_of(HEAD + b"Subject: " + b"s" * 5000 + b"\r\n\r\n" + words.encode())
    assert len(found) == MOST
    assert max(map(len, found)) <= LONGEST


def test_short_runs_and_numbers_are_no_words():
    assert words_of("a bc DEF 123 4th x1y", 10) == ["def", "x1y"]
