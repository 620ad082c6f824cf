"""The top of a message, and a message for a client without UTF8."""

import pytest

from posthouse.standards.pop3.excerpt import Excerpt, Surrogate

MESSAGE = b"Subject: x\r\nTo: y\r\n\r\none\r\ntwo\r\nthree\r\n"


def cut(lines: int, *chunks: bytes) -> bytes:
    excerpt = Excerpt(lines)
    return b"".join(excerpt.cut(chunk) for chunk in chunks)


@pytest.mark.parametrize(
    ("lines", "body"),
    [(0, b""), (1, b"one\r\n"), (2, b"one\r\ntwo\r\n"), (3, b"one\r\ntwo\r\nthree\r\n"), (4, b"one\r\ntwo\r\nthree\r\n"), (10**9, b"one\r\ntwo\r\nthree\r\n")],
)  # fmt: skip
def test_the_header_and_so_many_lines(lines: int, body: bytes) -> None:
    expected = b"Subject: x\r\nTo: y\r\n\r\n" + body
    assert expected == cut(lines, MESSAGE)
    assert expected == cut(lines, *(MESSAGE[at : at + 1] for at in range(len(MESSAGE))))


def test_nothing_more_is_wanted_after_the_last_line() -> None:
    excerpt = Excerpt(1)
    excerpt.cut(MESSAGE)
    assert excerpt.done


def test_a_message_without_body_is_all_header() -> None:
    assert cut(5, b"Subject: x\r\n") == b"Subject: x\r\n"


def test_a_message_without_header_is_all_body() -> None:
    assert cut(1, b"\r\none\r\ntwo\r\n") == b"\r\none\r\n"


def convert(*chunks: bytes) -> bytes:
    surrogate = Surrogate()
    return b"".join(surrogate.convert(chunk, last=at == len(chunks) - 1) for at, chunk in enumerate(chunks))


def test_ascii_goes_through_untouched() -> None:
    assert convert(MESSAGE) == MESSAGE


def test_utf8_in_the_header_becomes_encoded_words_and_the_body_stays() -> None:
    octets = "Subject: Grüße aus Ulm\r\nFrom: Jörg <j@x.test>\r\n\r\nGrüße\r\n".encode()
    expected = (
        b"Subject: =?UTF-8?B?R3LDvMOfZQ==?= aus Ulm\r\nFrom: =?UTF-8?B?SsO2cmc=?= <j@x.test>\r\n\r\n"
        + "Grüße\r\n".encode()
    )
    assert expected == convert(octets)
    assert expected == convert(*(octets[at : at + 1] for at in range(len(octets))))


def test_other_octets_are_marked_as_unknown() -> None:
    assert convert(b"Subject: \xe4\r\n\r\n") == b"Subject: =?unknown-8bit?B?5A==?=\r\n\r\n"


def test_long_words_are_split_between_characters() -> None:
    from email.header import decode_header

    word = "ü" * 100
    line = convert(f"Subject: {word}\r\n\r\n".encode()).split(b"\r\n")[0].decode()
    assert all(len(part) <= 75 for part in line.removeprefix("Subject: ").split(" "))
    assert "".join(part.decode(charset) for part, charset in decode_header(line.removeprefix("Subject: "))) == word


def test_an_endless_header_line_is_not_held_back() -> None:
    surrogate = Surrogate()
    given = sum(len(surrogate.convert(b"x" * 65536)) for _ in range(10))
    assert given >= 9 * 65536


def test_a_long_word_in_ascii_is_looked_at_once() -> None:
    word = b"a" * 1_000_000  # minutes, if each of its letters were a place to begin anew
    header = b"Subject: " + word + b" \xc3\xa9\r\n\r\n"
    assert Surrogate().convert(header, last=True) == b"Subject: " + word + b" =?UTF-8?B?w6k=?=\r\n\r\n"
