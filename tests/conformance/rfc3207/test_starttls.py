import pytest

from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import MailFrom, StartTls
from posthouse.testing.wire import HELLO, MAIL, RCPT, TLS, smtp


@pytest.mark.rfc(3207, "4", "MUST")
def test_starttls_takes_no_parameters():
    with smtp(HELLO) as wire:
        wire.client("STARTTLS now")
        wire.server("501")
        assert not wire.core.wants_tls


@pytest.mark.rfc(3207, "4", "MUST")
def test_after_the_220_nothing_but_the_handshake_is_read():
    wire = smtp(HELLO)
    wire.client("STARTTLS")
    wire.server("220")
    assert wire.core.wants_tls
    assert wire.core.next_event() is None


@pytest.mark.rfc(3207, "4.1", "MUST")
def test_a_454_leaves_everything_as_it_was():
    with smtp(HELLO, MAIL, RCPT) as wire:
        wire.door.instead[StartTls] = reply(454, "4.7.0", "not available")
        wire.client("STARTTLS")
        wire.client("DATA")
        wire.server("454", "354")
        wire.client(".")
        wire.server("250")


@pytest.mark.rfc(3207, "4.2", "MUST")
def test_the_server_forgets_what_the_client_said_before():
    with smtp(HELLO, MAIL, RCPT, "STARTTLS") as wire:
        wire.secured()
        wire.client("DATA")
        wire.client(RCPT)
        wire.server("503", "503")


@pytest.mark.rfc(3207, "4.2", "MUST")
def test_a_hello_is_needed_again():
    with smtp(HELLO, "STARTTLS") as wire:
        wire.secured()
        wire.client(MAIL)
        wire.server("503")
        wire.client(HELLO)
        wire.written = b""
        wire.client(MAIL)
        wire.server("250")


@pytest.mark.rfc(3207, "4.2", "MUST NOT")
def test_under_tls_starttls_is_not_offered():
    wire = smtp(HELLO, "STARTTLS")
    wire.secured()
    wire.client(HELLO)
    assert b"STARTTLS" not in wire.written
    wire.written = b""
    wire.client("STARTTLS")
    wire.server("503")


@pytest.mark.rfc(3207, "5", "MUST")
@pytest.mark.parametrize("later", [False, True])
def test_a_command_in_the_clear_is_never_heard_under_tls(later):
    wire = smtp(HELLO)
    if later:
        wire.client("STARTTLS")
        wire.server("220")
        wire.core.receive_data(MAIL.encode() + b"\r\n")
        wire.core.secured(TLS)
    else:
        wire.client("STARTTLS", MAIL)
        wire.server("554")
    wire.hangs_up()
    assert not any(isinstance(event, MailFrom) for event in wire.door.heard)
