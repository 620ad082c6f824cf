import pytest

from posthouse.lib.linebuffer import LineBuffer


def filled(*pieces: bytes) -> LineBuffer:
    buffer = LineBuffer()
    for piece in pieces:
        buffer.feed(piece)
    return buffer


@pytest.mark.parametrize("pieces", [(b"one\r\ntwo\r\nthr",), (b"o", b"ne\r", b"\ntw", b"o\r\n", b"thr")])
def test_gives_complete_lines_and_keeps_the_rest(pieces):
    buffer = filled(*pieces)
    assert [buffer.line(), buffer.line(), buffer.line()] == [b"one\r\n", b"two\r\n", None]
    assert len(buffer) == 3
    buffer.feed(b"ee\n")
    assert buffer.line() == b"three\n"
    assert not buffer


def test_a_line_that_drips_in_is_found_when_its_end_comes():
    buffer = LineBuffer()
    for octet in b"NOOP\r":
        buffer.feed(bytes([octet]))
        assert buffer.line() is None
    buffer.feed(b"\nQUIT\r\n")
    assert [buffer.line(), buffer.line()] == [b"NOOP\r\n", b"QUIT\r\n"]


def test_a_piece_that_came_whole_is_not_copied():
    piece = b"x" * 70000
    assert filled(piece).rest() is piece


def test_counts_lines_and_rest_mix():
    buffer = filled(b"BDAT 3\r\nab", b"cRSET\r\nrest")
    assert buffer.line() == b"BDAT 3\r\n"
    assert buffer.take(3) == b"abc"
    assert buffer.peek(1) == b"R"
    assert buffer.peek(4) == b"RSET"
    assert buffer.line() == b"RSET\r\n"
    assert buffer.take(100) == b"rest"
    assert buffer.peek(1) == b""
    assert buffer.rest() == b""


def test_clear_lets_go_and_tells_how_much():
    buffer = filled(b"a\r\n", b"bc")
    assert buffer.clear() == 5
    buffer.feed(b"\n")
    assert buffer.line() == b"\n"
