import pytest

from posthouse.standards.smtp.events import EndContent, MailFrom
from posthouse.testing.wire import HELLO, MAIL, RCPT, smtp


@pytest.mark.rfc(1870, "3", "MAY")
def test_the_keyword_carries_the_largest_size():
    wire = smtp(max_octets=123456)
    wire.client(HELLO)
    assert b"250-SIZE 123456\r\n" in wire.written


@pytest.mark.rfc(1870, "3", "MUST")
@pytest.mark.parametrize(
    ("value", "code"), [("0", "250"), ("00000000000000000010", "250"), ("1" * 21, "501"), ("", "501"), ("x", "501")]
)
def test_a_size_has_one_to_twenty_digits(value, code):
    with smtp(HELLO) as wire:
        wire.client(f"{MAIL} SIZE={value}")
        wire.server(code)


@pytest.mark.rfc(1870, "6.1", "MAY")
def test_a_declared_size_over_the_limit_is_552():
    with smtp(HELLO, max_octets=1000) as wire:
        wire.client(f"{MAIL} SIZE=1001", f"{MAIL} SIZE=1000")
        wire.server("552 5.3.4", "250")


@pytest.mark.rfc(1870, "6.2", "MAY")
def test_a_recipient_is_judged_by_the_declared_size_known_to_the_office():
    with smtp(HELLO) as wire:
        wire.client(f"{MAIL} SIZE=777")
        wire.server("250")
        assert isinstance(wire.core.transaction.mail, MailFrom)
        assert wire.core.transaction.mail.size == 777


@pytest.mark.rfc(1870, "6.3", "MUST NOT")
def test_a_message_larger_than_declared_but_within_the_limit_is_not_truncated():
    with smtp(HELLO, f"{MAIL} SIZE=1", RCPT, "DATA") as wire:
        wire.client("x" * 500, ".")
        wire.server("250")
        assert wire.door.delivered == [b"x" * 500 + b"\r\n"]


@pytest.mark.rfc(1870, "6.3", "MUST")
def test_a_message_over_the_limit_is_refused_whatever_was_declared():
    with smtp(HELLO, f"{MAIL} SIZE=1", RCPT, "DATA", max_octets=1000) as wire:
        wire.client("x" * 500, "y" * 500, ".")
        wire.server("552 5.3.4")


@pytest.mark.rfc(1870, "5", "MUST")
def test_the_size_counts_line_ends_and_not_the_dots_of_the_transport():
    with smtp(HELLO, MAIL, RCPT, "DATA") as wire:
        wire.client("ab", "..", ".")
        wire.server("250")
        assert wire.door.heard[-1] == EndContent(len(b"ab\r\n.\r\n"), lines=2)
