import pytest

from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import MailFrom, RcptTo
from posthouse.testing.wire import HELLO, MAIL, RCPT, smtp


@pytest.mark.rfc(2920, "3.1", "MAY")
def test_rset_mail_and_rcpt_stand_anywhere_in_a_group():
    with smtp(HELLO) as wire:
        wire.client(MAIL, RCPT, "RSET", MAIL, RCPT, RCPT, "DATA")
        wire.server("250", "250", "250", "250", "250", "250", "354")
        wire.client(".")
        wire.server("250")


@pytest.mark.rfc(2920, "3.1", "MUST")
@pytest.mark.parametrize("command", ["EHLO a.example", "VRFY b", "NOOP", "STARTTLS"])
def test_what_must_be_last_in_a_group_and_is_not_ends_the_session(command):
    wire = smtp(HELLO)
    wire.client(command, MAIL)
    wire.server("554")
    wire.hangs_up()


@pytest.mark.rfc(2920, "3.1", "MUST")
def test_quit_is_the_last_word():
    wire = smtp(HELLO)
    wire.client("QUIT", MAIL)
    wire.server("221")
    wire.hangs_up()
    assert not any(isinstance(event, MailFrom) for event in wire.door.heard)


@pytest.mark.rfc(2920, "3.2", "MUST NOT")
def test_a_group_is_never_flushed_and_its_answers_keep_their_order():
    with smtp(HELLO) as wire:
        wire.door.instead[RcptTo] = reply(550, "5.1.1", "nobody")
        wire.client(MAIL, RCPT, "RCPT TO:<", RCPT)
        wire.server("250", "550", "501", "250")


@pytest.mark.rfc(2920, "3.1", "MAY")
def test_the_content_may_be_followed_by_the_next_transaction():
    with smtp(HELLO, MAIL, RCPT, "DATA") as wire:
        wire.client("x", ".", MAIL, RCPT, "DATA")
        wire.server("250", "250", "250", "354")
        wire.client("y", ".", "QUIT")
        wire.server("250", "221")
        assert wire.door.delivered == [b"x\r\n", b"y\r\n"]


@pytest.mark.rfc(2920, "3.2", "SHOULD")
def test_a_group_with_all_recipients_refused_gets_no_354():
    with smtp(HELLO) as wire:
        wire.door.instead[RcptTo] = reply(550, "5.1.1", "nobody")
        wire.client(MAIL, RCPT, "DATA")
        wire.server("250", "550", "554")
