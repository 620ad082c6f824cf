"""Byte-stuffing, whole and in chunks."""

import pytest

from posthouse.standards.pop3.stuffing import Stuffer


def stuff(*chunks: bytes) -> bytes:
    stuffer = Stuffer()
    return b"".join([*(stuffer.stuff(chunk) for chunk in chunks), stuffer.end()])


@pytest.mark.parametrize(
    ("octets", "expected"),
    [(b"", b".\r\n"), (b"a\r\n", b"a\r\n.\r\n"), (b"a", b"a\r\n.\r\n"), (b".\r\n", b"..\r\n.\r\n"), (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
     (b"..\r\n", b"...\r\n.\r\n"), (b"a.b\r\n", b"a.b\r\n.\r\n"), (b"a\r\n\r\n", b"a\r\n\r\n.\r\n")],
)  # fmt: skip
def test_lines_that_begin_with_a_dot_get_another(octets: bytes, expected: bytes) -> None:
    assert expected == stuff(octets)
    assert expected == stuff(*(octets[at : at + 1] for at in range(len(octets))))


def test_a_bare_line_feed_cannot_end_the_answer() -> None:
    """Clients that end lines at LF would take the rest of the message for our next answer."""
    assert b"\n.\n" not in stuff(b"a\n.\n+OK 0 messages\r\n")
    assert b"\n.\r\n+OK" not in stuff(b"a\n.\r\n+OK 0 messages\r\n")
