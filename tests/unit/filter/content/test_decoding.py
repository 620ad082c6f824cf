"""Transfer encodings as every reader might undo them."""

import base64

import pytest

from posthouse.filter.content.decoding import DECODINGS, decodings, encodings_of, uu_files
from posthouse.testing.carriers import lines, uuencoded


@pytest.mark.parametrize(
    ("values", "encodings", "is_odd"),
    [
        ([], [b"7bit"], False),
        ([b"BASE64 "], [b"base64"], False),
        ([b"7bit", b"base64"], [b"7bit", b"base64"], True),
        ([b"base64 (really)"], [b"base64"], True),
        ([b'"quoted-printable"'], [b"quoted-printable"], True),
        ([b"x-base-64"], [b"base64"], True),
        ([b"x-uue"], [b"x-uue"], True),
        ([b"rot13"], [b"rot13"], True),
    ],
)
def test_what_a_field_may_mean(values: list[bytes], encodings: list[bytes], is_odd: bool) -> None:
    assert encodings_of(values) == (encodings, is_odd)


def test_padding_within_is_read_in_every_way() -> None:
    coded = base64.b64encode(b"one!") + base64.b64encode(b"two!")
    found = decodings(coded, [b"base64"], is_odd=False)
    assert found[0] == b"one!"
    assert b"one!two!" in found


def test_a_plain_part_that_looks_like_base64_is_decoded_too() -> None:
    assert b"hidden " * 20 in decodings(lines(b"hidden " * 20), [b"7bit"], is_odd=False)
    assert decodings(b"Just a text.", [b"7bit"], is_odd=False) == [b"Just a text."]


def test_there_are_never_more_than_four() -> None:
    octets = b"YQ==YmI=Y2Nj=41\r\nbegin 644 a\r\n"
    assert len(decodings(octets, [b"base64", b"quoted-printable", b"x-uuencode", b"7bit"], is_odd=True)) <= DECODINGS


def test_uuencoded_files_have_names_and_contents_even_without_an_end() -> None:
    octets = (
        b"Hello\r\n"
        + uuencoded(b"one", "a b.txt")
        + b"and\r\n"
        + uuencoded(b"two" * 40, "c.txt").replace(b"end\r\n", b"")
    )
    assert uu_files(octets) == [(b"a b.txt", b"one"), (b"c.txt", b"two" * 40)]


def test_a_uuencoded_file_may_begin_with_the_text_or_with_a_line_and_nowhere_else() -> None:
    one, other = uuencoded(b"one", "one.txt"), uuencoded(b"two", "two.txt")
    assert uu_files(one + other) == [(b"one.txt", b"one"), (b"two.txt", b"two")]
    assert uu_files(b" " + one + b"> " + other) == []
