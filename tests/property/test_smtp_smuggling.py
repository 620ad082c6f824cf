"""Threat S01: nothing but CRLF.CRLF ends a message, however the octets are cut."""

import pytest

from posthouse.standards.smtp.events import ContentChunk, EndContent, Event, MailFrom
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.server import ServerConnection
from posthouse.testing.wire import Wire

OFFER = Offer(hostname="mx.office.test", max_octets=100_000)

ENDINGS = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r.\n", b"\n.\r",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\0\n", b"\r\0\n.\r\n", b"\0\r\n.\n", b"\r\r\n.\r\r\n", b"\n\n.\n\n", b"\r\n.\r\r\n",
    b"\r\n.\n\r\n", b"\n\r.\r\n", b"\r\n..\n", b"\n..\r\n", b"\r\n.\r.\r\n", b"\r\n.\x0b\n", b"\n.\n\r", b"\r\r.\r\r",
]  # fmt: skip
FORGED = b"MAIL FROM:<ceo@victim.example>\r\nRCPT TO:<b@office.test>\r\nDATA\r\nSubject: forged\r\n"
HEAD = b"Subject: real\r\n\r\nhello"


def up_to_content() -> Wire:
    wire = Wire(ServerConnection(OFFER))
    wire.client("EHLO a.example")
    wire.client("MAIL FROM:<a@a.example>", "RCPT TO:<b@office.test>")
    return wire


def senders(heard: list[Event]) -> int:
    return sum(isinstance(event, MailFrom) for event in heard)


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_no_other_ending_ends_data(ending):
    body = HEAD + ending + FORGED
    stream = body + b"\r\n.\r\n"
    for cut in range(len(stream) + 1):
        wire = up_to_content()
        wire.client("DATA")
        wire.written = b""
        for piece in (stream[:cut], stream[cut:]):
            if piece:
                wire.client(piece)
        wire.server("550 5.6.11")
        wire.hangs_up()
        assert senders(wire.door.heard) == 1
        assert wire.door.delivered == []


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_no_ending_at_all_ends_a_chunk(ending):
    body = HEAD + ending + FORGED
    stream = b"BDAT %d LAST\r\n" % len(body) + body
    for cut in range(len(stream) + 1):
        wire = up_to_content()
        wire.written = b""
        for piece in (stream[:cut], stream[cut:]):
            if piece:
                wire.client(piece)
        wire.server("550 5.6.11")
        wire.hangs_up()
        assert senders(wire.door.heard) == 1
        assert wire.door.delivered == []


@pytest.mark.parametrize("ending", [b"\r\n.\r\n", b"\r\n..\r\n", b"\r\n.x\r\n", b"\r\n\r\n.\r\n\r\n"], ids=repr)
def test_clean_lines_with_dots_are_content_of_a_chunk(ending):
    """The benign twin: in a chunk a dot means nothing."""
    body = HEAD + ending + FORGED
    stream = b"BDAT %d LAST\r\n" % len(body) + body
    for cut in range(len(stream)):
        wire = up_to_content()
        wire.client(stream[:cut] or b"")
        wire.client(stream[cut:])
        assert wire.door.delivered == [body]


def test_a_stuffed_forgery_is_content():
    """The benign twin: what a good client stuffs arrives as it was."""
    body = HEAD + b"\r\n.\r\n" + FORGED + b"..\r\n.a\r\n\r\n"
    stream = body.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    for cut in range(1, len(stream)):
        wire = up_to_content()
        wire.client("DATA")
        wire.client(stream[:cut])
        wire.client(stream[cut:])
        assert wire.door.delivered == [body]
        assert isinstance(wire.door.heard[-1], EndContent)
        assert sum(isinstance(event, ContentChunk) for event in wire.door.heard) == 1


def test_two_chunks_that_share_a_line_end_are_clean_and_a_lone_half_is_not():
    wire = up_to_content()
    wire.written = b""
    wire.client(b"BDAT 2\r\na\rBDAT 3 LAST\r\n\nb\r")
    wire.server("250", "550 5.6.11")
    wire = up_to_content()
    wire.client(b"BDAT 2\r\na\rBDAT 4 LAST\r\n\nb\r\n")
    assert wire.door.delivered == [b"a\r\nb\r\n"]
