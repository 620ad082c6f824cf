import pytest

from posthouse.mail.reply import reply
from posthouse.standards.smtp.events import AuthResponse, AuthStart
from posthouse.testing.wire import HELLO, MAIL, smtp


@pytest.mark.rfc(4954, "3", "MUST")
def test_mechanisms_are_offered_under_tls():
    wire = smtp(tls=True)
    wire.client(HELLO)
    assert b"250-AUTH PLAIN LOGIN\r\n" in wire.written


@pytest.mark.rfc(4954, "4", "MUST")
def test_no_plaintext_mechanism_in_the_clear():
    with smtp(HELLO) as wire:
        wire.client("AUTH PLAIN AGEAYg==")
        wire.server("538 5.7.11")


@pytest.mark.rfc(4954, "4", "MUST")
def test_after_success_another_auth_is_503():
    with smtp(HELLO, "AUTH PLAIN AGEAYg==", tls=True) as wire:
        wire.client("AUTH PLAIN AGEAYg==")
        wire.server("503")


@pytest.mark.rfc(4954, "4", "MUST")
def test_within_a_transaction_it_is_503():
    with smtp(HELLO, MAIL, tls=True) as wire:
        wire.client("AUTH PLAIN AGEAYg==")
        wire.server("503")


@pytest.mark.rfc(4954, "4", "MUST")
def test_an_unknown_mechanism_is_504_with_5_5_4():
    with smtp(HELLO, tls=True) as wire:
        wire.client("AUTH GSSAPI")
        wire.server("504 5.5.4")


@pytest.mark.rfc(4954, "4", "MUST")
def test_a_challenge_without_text_is_334_and_a_space():
    with smtp(HELLO, tls=True) as wire:
        wire.client("AUTH PLAIN")
        assert wire.written == b"334 \r\n"
        wire.written = b""


@pytest.mark.rfc(4954, "4", "MUST")
def test_a_star_cancels_with_501():
    with smtp(HELLO, "AUTH PLAIN", tls=True) as wire:
        wire.client("*")
        wire.server("501")
        assert wire.door.heard[-1] == AuthResponse(None)


@pytest.mark.rfc(4954, "4", "MUST")
def test_an_equals_sign_is_a_response_of_no_octets():
    with smtp(HELLO, tls=True) as wire:
        wire.client("AUTH PLAIN =")
        wire.server("235")
        assert wire.door.heard[-1] == AuthStart("PLAIN", b"")


@pytest.mark.rfc(4954, "4", "MUST")
@pytest.mark.parametrize("bad", ["=AAA", "AAA=BBB", "AA=A", "A", "AAAA!", "AAAA AAAA", "AA\u00e9A"])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_not_base64_is_501_with_5_5_2(bad, at_once):
    with smtp(HELLO, *([] if at_once else ["AUTH PLAIN"]), tls=True) as wire:
        wire.client(f"AUTH PLAIN {bad}" if at_once else bad)
        wire.server("501 5.5.2")


@pytest.mark.rfc(4954, "4", "MUST")
def test_a_response_of_12288_octets_is_heard_and_a_longer_one_is_500_with_5_5_6():
    with smtp(HELLO, "AUTH PLAIN", tls=True) as wire:
        wire.client("AAAA" * 3071)
        wire.server("235")
    with smtp(HELLO, "AUTH PLAIN", tls=True) as wire:
        wire.client("AAAA" * 3072)
        wire.server("500 5.5.6")


@pytest.mark.rfc(4954, "4", "MAY")
def test_after_a_failure_another_try_or_none():
    with smtp(HELLO, tls=True) as wire:
        wire.door.instead[AuthStart] = reply(535, "5.7.8", "no")
        wire.client("AUTH PLAIN AGEAYg==")
        wire.server("535")
        assert not wire.core.authenticated
        wire.client("AUTH PLAIN AGEAYg==")
        wire.server("235")
        wire.client(MAIL)
        wire.server("250")


@pytest.mark.rfc(4954, "4", "MUST")
def test_with_a_challenge_to_come_auth_ends_its_group():
    wire = smtp(HELLO, tls=True)
    wire.client("AUTH LOGIN", MAIL)
    wire.server("554")
    wire.hangs_up()


@pytest.mark.rfc(4954, "5", "MUST")
@pytest.mark.parametrize(("value", "meant"), [("<>", "<>"), ("e+3Dmc2@example.com", "e=mc2@example.com")])
def test_the_auth_parameter_is_a_mailbox_in_xtext_or_empty(value, meant):
    with smtp(HELLO, tls=True) as wire:
        wire.client(f"{MAIL} AUTH={value}")
        wire.server("250")
        assert wire.door.heard[-1].auth == meant


@pytest.mark.rfc(4954, "5", "MUST")
@pytest.mark.parametrize("value", ["", "a", "a@b@c", "+0D+0A", "<a@b.example>"])
def test_another_auth_parameter_is_an_error(value):
    with smtp(HELLO, tls=True) as wire:
        wire.client(f"{MAIL} AUTH={value}")
        wire.server("501")
