"""Header text in any charset comes out as text, and a bomb comes out as itself."""

import pytest

from posthouse.standards.mime.encodedword import decode_words, encode_words


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"plain", "plain"),
        ("schön".encode(), "schön"),
        (b"sch\xf6n", "schön"),
        (b"=?iso-8859-1?q?sch=F6n?=", "schön"),
        (b"=?UTF-8?B?c2Now7Zu?= es", "schön es"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?=\r\n =?iso-8859-1?q?=E4?=", "aä"),
        (b"=?utf-8?q?_a_?=", " a "),
        (b"=?utf-8?q?J=C3?= =?utf-8?q?=BC?=", "Jü"),
        (b"=?utf-8*de?q?ja?=", "ja"),
        (b"=?utf-8?x?ja?=", "=?utf-8?x?ja?="),
        (b"=?utf-7?q?+ADw-?=", "+ADw-"),
        (b"=?no-such?q?=C3=BC?=", "ü"),
        (b"=?utf-8?b?c2Now7Z?=", "schö"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"=?utf-8?q?Ist_das_sch=C3=B6n??=", "Ist das schön?"),
        (b"=?utf-8?q?Was?_Sch=C3=B6n!?= ja", "Was? Schön! ja"),
        (b"=?utf-8?q?ganz sch=C3=B6n alt?=", "ganz schön alt"),
        (b"=?utf-8?q?ganz =?utf-8?q?alt?=", "=?utf-8?q?ganz alt"),
        (b"=?utf-8?q?ganz\r\n alt?=", "=?utf-8?q?ganz\r\n alt?="),
        (b"=?utf-8?b?YQ==? b?=", "=?utf-8?b?YQ==? b?="),
        (b"=?utf-8?q?a=?=", "a"),
    ],
)
def test_words(octets, text):
    assert decode_words(octets) == text


def test_split_characters_across_neighbours_are_joined():
    assert decode_words(b"=?utf-8?b?w7w=?= =?utf-8?b?w7w=?=") == "üü"


@pytest.mark.parametrize("bomb", [b"=?", b"=?a?q?x?= ", b"=?a?q?", b"=?a?b?====?=", b"=?a?q?x ", b"=?a?q??x"])
def test_a_bomb_is_only_text(bomb):
    decode_words(bomb * 50_000)


@pytest.mark.parametrize("text", ["plain", "schön", "=?x", "ü" * 200, "line\nbreak", "😀" * 40])
def test_what_we_write_we_read(text):
    encoded = encode_words(text)
    assert decode_words(encoded) == text
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert b"\n" not in encoded.replace(b"\r\n ", b"")
