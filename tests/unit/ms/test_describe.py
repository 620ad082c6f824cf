"""Facts say once what every reader asks, and never fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.ms.describe import ENOUGH_OCTETS, describe, describe_beginning, structure_of
from posthouse.storage.mailbox import Facts

LETTER = (
    b"From: Alice <alice@x.test>\r\nTo: bob@office.test\r\nSubject: Re: [list] plans\r\n"
    b"Date: Sat, 21 Nov 2026 14:00:00 +0000\r\nMessage-ID: <3@x.test>\r\n"
    b"References: <1@x.test> <2@x.test>\r\nIn-Reply-To: <2@x.test>\r\n\r\nSee you.\r\n"
)


def test_a_letter():
    facts = describe(b"Return-Path: <alice@x.test>\r\n", LETTER)
    assert facts.message_id == "3@x.test"
    assert facts.thread_keys == ("3@x.test", "2@x.test", "1@x.test")
    assert facts.subject == "plans"
    assert facts.preview == "See you."
    assert facts.sent_at == 1795269600000
    assert facts.envelope == (
        b'("Sat, 21 Nov 2026 14:00:00 +0000" "Re: [list] plans" (("Alice" NIL "alice" "x.test")) '
        b'(("Alice" NIL "alice" "x.test")) (("Alice" NIL "alice" "x.test")) ((NIL NIL "bob" "office.test")) '
        b'NIL NIL "<2@x.test>" "<3@x.test>")'
    )


def test_offsets_count_from_the_blob_whatever_stands_before_it():
    one = describe(b"", LETTER)
    assert one == describe(b"Delivered-To: a@b\r\n", LETTER)
    top = structure_of(one)
    assert LETTER[top.body : top.end] == b"See you.\r\n"


def test_fields_that_stand_in_the_prefix_count():
    facts = describe(b"Message-ID: <ours@office.test>\r\nDate: Thu, 1 Jan 1970 00:00:01 GMT\r\n", b"Subject: x\r\n\r\n")
    assert facts.message_id == "ours@office.test"
    assert facts.sent_at == 1000


def test_a_message_inside_has_its_envelope():
    octets = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: a@b.test\r\n\r\nhello"
    assert b'"inner"' in structure_of(describe(b"", octets)).envelope


@pytest.mark.parametrize(
    "octets",
    [b"", b"\r\n", b"\x00", b"\xff" * 100, b":", b"From: <\r\n", b"Date: 99\r\n\r\n", b"Subject: =?", b"Content-Type: \r\n",
     b'Content-Type: multipart/mixed; boundary="\xff"\r\n\r\n--\xff\r\n\r\n', b"To: " + b"a@b," * 50_000],
)  # fmt: skip
def test_nothing_is_beyond_description(octets):
    facts = describe(b"", octets)
    assert isinstance(facts, Facts)
    assert structure_of(facts).end == len(octets)


def test_at_most_fifty_thread_keys_and_two_hundred_characters_of_subject():
    octets = (
        b"References: " + b"".join(b"<%d@x>\r\n " % n for n in range(500)) + b"\r\nSubject: " + b"s" * 500 + b"\r\n\r\n"
    )
    facts = describe(b"", octets)
    assert len(facts.thread_keys) == 50
    assert facts.thread_keys[:2] == ("0@x", "499@x")
    assert len(facts.subject) == 200


BODIES = st.lists(st.sampled_from([b"words\r\n", b"\r\n", b"x" * 900 + b"\r\n", "zwölf\r\n".encode()]), max_size=6)
HEADERS = st.sampled_from([
    b"",
    b"Content-Type: text/html; charset=utf-8\r\n",
    b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Type: message/delivery-status\r\n",
])  # fmt: skip


@given(HEADERS, BODIES, st.sampled_from([b"", b"Message-ID: <added@here>\r\n"]))
def test_the_beginning_of_a_message_says_what_the_whole_says_or_nothing(header, body, prefix):
    octets = b"From: a@b.test\r\nSubject: s\r\n" + header + b"\r\n" + b"".join(body) + b"line\r\n" * ENOUGH_OCTETS
    found = describe_beginning(prefix, octets[: 2 * ENOUGH_OCTETS], len(octets), octets.count(b"\n"))
    if b"multipart" in header or b"rfc822" in header:
        assert found is None
    else:
        assert found == describe(prefix, octets)


def test_a_header_that_is_not_all_there_says_nothing():
    assert describe_beginning(b"", b"Subject: s\r\n" + b"X: y\r\n" * 20_000, 10_000_000, 30_000) is None
