import pytest

from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import EndContent, RcptTo
from posthouse.testing.wire import MAIL, RCPT, smtp

LHLO = "LHLO client.example"


def lmtp(*said, **offer):
    return smtp(*said, lmtp=True, starttls=False, mechanisms=(), **offer)


@pytest.mark.rfc(2033, "4.1", "MUST")
@pytest.mark.parametrize("verb", ["HELO", "EHLO"])
def test_helo_and_ehlo_are_500(verb):
    with lmtp() as wire:
        wire.client(f"{verb} client.example")
        wire.server("500")


@pytest.mark.rfc(2033, "4.1", "MUST")
def test_lhlo_is_what_ehlo_is_in_smtp():
    wire = lmtp()
    wire.client(LHLO)
    assert wire.written.startswith(b"250-mx.office.test\r\n250-PIPELINING\r\n")


@pytest.mark.rfc(2033, "5", "MUST")
@pytest.mark.parametrize("keyword", [b"PIPELINING", b"ENHANCEDSTATUSCODES", b"8BITMIME"])
def test_the_extensions_that_an_lmtp_server_has(keyword):
    wire = lmtp()
    wire.client(LHLO)
    assert b"250-" + keyword + b"\r\n" in wire.written


@pytest.mark.rfc(2033, "4.2", "MUST")
def test_data_without_an_accepted_recipient_is_503():
    with lmtp(LHLO) as wire:
        wire.door.instead[RcptTo] = reply(550, "5.1.1", "nobody")
        wire.client(MAIL, RCPT, "DATA")
        wire.server("250", "550", "503")


@pytest.mark.rfc(2033, "4.2", "MUST")
def test_one_reply_for_each_accepted_recipient_even_for_the_same_one_twice():
    with lmtp(LHLO, MAIL, RCPT, RCPT) as wire:
        wire.door.instead[RcptTo] = reply(550, "5.1.1", "nobody")
        wire.client("RCPT TO:<nobody@office.test>")
        wire.client("DATA")
        wire.server("550", "354")
        wire.client("x", ".")
        wire.server("250", "250")


@pytest.mark.rfc(2033, "4.2", "MUST")
def test_no_event_comes_before_the_last_of_these_replies():
    wire = lmtp(LHLO, MAIL, RCPT, RCPT, "DATA")
    core = wire.core
    core.receive_data(b"x\r\n.\r\nNOOP\r\n")
    core.next_event()
    assert isinstance(core.next_event(), EndContent)
    core.send(reply(250, "2.0.0", "one"))
    assert core.next_event() is None
    core.send(reply(450, "4.2.2", "two"))
    assert type(core.next_event()).__name__ == "Noop"


@pytest.mark.rfc(2033, "4.3", "MUST")
def test_the_last_chunk_has_a_reply_for_each_and_the_others_one():
    with lmtp(LHLO, MAIL, RCPT, RCPT) as wire:
        wire.client(b"BDAT 3\r\nx\r\n")
        wire.server("250")
        wire.client(b"BDAT 0 LAST\r\n")
        wire.server("250", "250")


@pytest.mark.rfc(2033, "4.3", "MUST")
def test_the_last_chunk_without_recipients_has_none():
    with lmtp(LHLO, MAIL) as wire:
        wire.client(b"BDAT 3 LAST\r\nx\r\n")
        assert wire.written == b""
        wire.client("NOOP")
        wire.server("250")
