"""Searching finds what is there, in whatever charset it was written."""

import asyncio

import pytest

from posthouse.ms import search
from posthouse.standards.mime.encodedword import decode_words

LETTERS = (
    b"From: Bob <bob@office.test>\r\nSubject: plans\r\nDate: Sat, 21 Nov 2026 23:30:00 -0500\r\n\r\nSee you.\r\n",
    (b"From: carol@office.test\r\nSubject: =?iso-8859-1?q?GR=DC=DFE?=\r\n\r\nAnything else?\r\n" + b"x" * 500),
    (
        b"From: bob@office.test\r\nSubject: coded\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\nw4RyZ2VyIG1pdCBkZW0gUGxhbg==\r\n"
    ),
)


@pytest.fixture
async def reader(alice):
    for octets, flags in zip(LETTERS, ("(\\Seen) ", "(\\Flagged $Work) ", ""), strict=True):
        await alice.says(f"APPEND INBOX {flags}{{{len(octets)}+}}\r\n".encode() + octets)
    await alice.says("SELECT INBOX")
    return alice


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("SEARCH RETURN (SAVE) CHARSET KOI7 ALL", ""),
        ("UID SEARCH RETURN (COUNT SAVE) CHARSET KOI7 ALL", ""),
        ("SEARCH CHARSET KOI7 ALL", "1 2"),
        ("SEARCH RETURN (COUNT) CHARSET KOI7 ALL", "1 2"),
        ("SEARCH RETURN (SAVE) FOO", "1 2"),  # BAD changes nothing
    ],
)
async def test_a_search_that_should_save_and_fails_saves_nothing(reader, command, left):
    """RFC 5182 section 2.1."""
    await reader.says("SEARCH RETURN (SAVE) 1:2")
    await reader.says(command)
    assert (await reader.says("SEARCH $"))[0] == f"* SEARCH {left}".rstrip()


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("ALL", "1 2 3"),
        ("SEEN", "1"),
        ("UNSEEN NOT FLAGGED", "3"),
        ("KEYWORD $work", "2"),
        ("OR SEEN FLAGGED", "1 2"),
        ("2:*", "2 3"),
        ("UID 1,3", "1 3"),
        ("FROM bob", "1 3"),
        ("SUBJECT PLANS", "1"),
        ("SUBJECT grüße", "2"),
        ("BODY ärger", "3"),
        ("BODY see", "1"),
        ("TEXT plan", "1 3"),
        ("TEXT BASE64", "3"),
        ("NOT BODY you", "2 3"),
        ("OR BODY you SUBJECT coded", "1 3"),
        ("HEADER date 2026", "1"),
        ('HEADER content-type ""', "3"),
        ("SENTON 21-Nov-2026", "1"),
        ("SENTON 22-Nov-2026", ""),
        ("LARGER 500", "2"),
        ("SMALLER 130", "1"),
        ("SINCE 1-Jan-2020", "1 2 3"),
        ("BEFORE 1-Jan-2020", ""),
        ("NEW", ""),
        ("SEEN BODY nothing", ""),
    ],
)
async def test_criteria(reader, criteria, found):
    lines = await reader.says(f"SEARCH CHARSET UTF-8 {criteria}" if criteria.isascii() else _literal(criteria))
    assert lines[-2] == f"* SEARCH {found}".rstrip()


def _literal(criteria):
    key, _, text = criteria.partition(" ")
    octets = text.encode()
    return f"SEARCH CHARSET UTF-8 {key} {{{len(octets)}+}}\r\n".encode() + octets


REPORT = (
    b"Subject: report\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
    b"--b\r\n\r\nIt failed.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.test\r\n\r\nStatus: 5.1.1\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: the first\r\n\r\nonce written\r\n"
    b"--b\r\nContent-Type: image/png\r\n\r\nunseen\r\n--b--\r\n"
)


@pytest.mark.rfc(9051, "6.4.4", "MAY")
@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ("BODY failed", "1"),
        ('BODY "Status: 5.1.1"', "1"),
        ("TEXT mx.test", "1"),
        ("TEXT once", "1"),
        ("BODY unseen", ""),
    ],
)
async def test_a_report_is_found_by_what_it_says_of_the_delivery(alice, criteria, found):
    """Only media other than TEXT and MESSAGE may be left out."""
    await alice.says(f"APPEND INBOX {{{len(REPORT)}+}}\r\n".encode() + REPORT)
    await alice.says("SELECT INBOX")
    assert (await alice.says(f"SEARCH {criteria}"))[-2] == f"* SEARCH {found}".rstrip()


async def test_an_address_is_found_though_a_comment_stands_in_it(alice):
    """RFC 9051 section 6.4.4: FROM asks for the field of the envelope, which has no comments."""
    letter = b"From: <odd (one) . out (of many)@ (here) office.test>\r\nSubject: (odd.out@office.test)\r\n\r\nHi\r\n"
    await alice.says(f"APPEND INBOX {{{len(letter)}+}}\r\n".encode() + letter)
    await alice.says("SELECT INBOX")
    for criteria, found in [("FROM odd.out@office.test", " 1"), ('FROM "(one)"', " 1"), ("TO odd.out@office.test", "")]:
        assert (await alice.says(f"SEARCH {criteria}"))[-2] == f"* SEARCH{found}"


async def test_a_field_is_decoded_once_however_many_keys_ask_for_it(reader, monkeypatch):
    """Threat R07: a header of 256 KiB, asked by 1,400 keys in one line, kept everybody waiting for half a minute."""
    decoded = []
    monkeypatch.setattr(search, "decode_words", lambda octets: decoded.append(octets) or decode_words(octets))
    for named in ("FROM", "SUBJECT", "HEADER X-None", "TEXT"):
        decoded.clear()
        heard = await reader.says("SEARCH " + " ".join(f"NOT {named} zz{number}" for number in range(20)))
        assert heard[0] == "* SEARCH 1 2 3"
        assert len(decoded) == len(set(decoded))


async def test_no_text_is_decoded_for_who_asks_for_fields(reader, monkeypatch):
    decode, decoded = search._decode, []
    monkeypatch.setattr(search, "_decode", lambda *given: decoded.append(given) or decode(*given))
    assert (await reader.says("SEARCH OR FROM carol SUBJECT plans"))[0] == "* SEARCH 1 2"
    assert not decoded
    assert (await reader.says("SEARCH OR FROM carol BODY you"))[0] == "* SEARCH 1 2"
    assert decoded


async def test_extended_results(reader):
    assert (await reader.says("SEARCH RETURN (MIN MAX COUNT ALL) ALL"))[0].endswith("MIN 1 MAX 3 COUNT 3 ALL 1:3")
    (line, _) = await reader.says("UID SEARCH RETURN (COUNT) SUBJECT nothing")
    assert "UID" in line
    assert line.endswith("COUNT 0")


async def test_a_saved_result_can_be_named(reader):
    assert await reader.says("SEARCH RETURN (SAVE) FROM bob") == ["OK Done"]
    assert await reader.says("FETCH $ (UID)") == ["* 1 FETCH (UID 1)", "* 3 FETCH (UID 3)", "OK Done"]
    assert (await reader.says("SEARCH $ UNSEEN"))[0] == "* SEARCH 3"


@pytest.mark.parametrize(
    ("returns", "told"),
    [
        ("MIN", "MIN 1 MODSEQ {1}"),
        ("MAX", "MAX 3 MODSEQ {3}"),
        ("MIN MAX", "MIN 1 MAX 3 MODSEQ {3}"),
        ("MIN COUNT", "MIN 1 COUNT 3 MODSEQ {2}"),
        ("ALL", "ALL 1:3 MODSEQ {2}"),
    ],
)
async def test_the_mod_sequence_of_an_answer_is_of_what_it_tells(reader, returns, told):
    """RFC 4731 section 3.2."""
    for number in (1, 3, 2):
        await reader.says(f"STORE {number} +FLAGS (\\Answered)")
    lines = (await reader.says("FETCH 1:3 (MODSEQ)"))[:-1]
    modseqs = [line.rpartition("(")[2].rstrip(")") for line in lines if "FETCH" in line]
    assert len(modseqs) == 3
    (line, *_) = await reader.says(f"SEARCH RETURN ({returns}) MODSEQ 1")
    assert line.endswith(told.format("", *modseqs))


async def test_mod_sequences(reader):
    await reader.says("STORE 2 +FLAGS (\\Answered)")
    (_, line, _) = await reader.says("FETCH 2 (MODSEQ)")
    modseq = line.partition("MODSEQ (")[2].partition(")")[0]
    assert (await reader.says(f"SEARCH MODSEQ {modseq}"))[0] == f"* SEARCH 2 (MODSEQ {modseq})"


async def test_a_search_with_many_keys_lets_others_run(reader):
    """Threat H7: what is counted before others get their turn is questions, not messages."""
    for _ in range(5):
        await reader.says("COPY 1:* INBOX")
    turns = 0

    async def neighbour() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(neighbour())
    await reader.says("SEARCH " + " ".join(["OR UID 1 UID 1:*"] * 500))
    task.cancel()
    assert turns > 30
