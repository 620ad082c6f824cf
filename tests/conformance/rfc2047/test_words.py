"""RFC 2047: the examples of section 8, as a reader shows them."""

import pytest

from posthouse.standards.mime.encodedword import decode_words, encode_words


@pytest.mark.rfc(2047, "8", "MUST")
@pytest.mark.parametrize(
    ("octets", "shown"),
    [
        (b"=?ISO-8859-1?Q?a?=", "a"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
        (b"=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"),
        (b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
         "If you can read this you understand the example."),
        (b"=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
    ],
)  # fmt: skip
def test_examples(octets, shown):
    assert decode_words(octets) == shown


@pytest.mark.rfc(2047, "2", "MUST NOT")
def test_a_word_of_ours_is_at_most_75_octets():
    for line in encode_words("Größe" * 50).split(b"\r\n "):
        assert len(line) <= 75


@pytest.mark.rfc(2047, "5", "MUST NOT")
def test_a_character_of_ours_is_never_cut_in_two():
    for word in encode_words("aü" * 60).split(b"\r\n "):
        assert "\ufffd" not in decode_words(word)


@pytest.mark.rfc(2047, "6.3", "MUST")
def test_what_is_no_word_stays_as_it_is():
    assert decode_words(b"=?a?x?c?= =?utf-8?q?x") == "=?a?x?c?= =?utf-8?q?x"
