"""Dots are doubled, the end is marked, and nothing bare gets out, however the content is cut."""

import pytest

from posthouse.standards.smtp.stuffing import BareLineEnd, Stuffing


def stuff(*chunks: bytes) -> bytes:
    stuffing = Stuffing()
    return b"".join(stuffing.add(chunk) for chunk in chunks) + stuffing.end()


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"..a\r\n.\r\n", b"...a\r\n..\r\n.\r\n"),
        (b"\r\n.\r\nMAIL FROM:<x@y>\r\n", b"\r\n..\r\nMAIL FROM:<x@y>\r\n.\r\n"),
        (b"\r\n", b"\r\n.\r\n"),
        (b"a.b.\r\n", b"a.b.\r\n.\r\n"),
    ],
)
def test_content_on_the_wire(content, wire):
    assert stuff(content) == wire
    assert stuff(*(content[at : at + 1] for at in range(len(content)))) == wire


@pytest.mark.parametrize(
    "content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r", b"\n", b"\r\n\n.\r\n", b"\r\r\n", b"a\n.\nb\r\n"]
)
def test_bare_line_ends_do_not_leave(content):
    with pytest.raises(BareLineEnd):
        stuff(content)
    with pytest.raises(BareLineEnd):
        stuff(*(content[at : at + 1] for at in range(len(content))))
