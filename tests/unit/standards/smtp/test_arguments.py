"""What stands behind a verb, by where the session stands."""

import pytest

from posthouse.standards.smtp import refusals
from posthouse.standards.smtp.arguments import READERS, is_one_trip, parse_base64
from posthouse.standards.smtp.events import AuthStart, Hello, StartTls
from posthouse.standards.smtp.offer import Offer
from posthouse.standards.smtp.standing import Standing
from posthouse.standards.smtp.states import COMMANDS


def standing(*, under_tls: bool = False, authenticated: bool = False, **offer: object) -> Standing:
    made = Standing(Offer(hostname="mx.office.test", max_octets=1000, **offer))
    made.under_tls, made.authenticated = under_tls, authenticated
    return made


def test_every_command_has_its_reader_but_the_one_that_octets_follow():
    assert set(COMMANDS) - set(READERS) == {"BDAT"}


def test_lmtp_is_greeted_with_lhlo_and_smtp_is_not():
    """RFC 2033 section 4.1."""
    assert READERS["LHLO"](standing(lmtp=True), "here") == Hello("LHLO", "here")
    assert READERS["LHLO"](standing(), "here") is refusals.UNKNOWN
    assert READERS["EHLO"](standing(lmtp=True), "here") is refusals.UNKNOWN


def test_tls_is_begun_where_it_is_offered_and_once():
    """RFC 3207 section 4."""
    assert READERS["STARTTLS"](standing(starttls=True), "") == StartTls()
    assert READERS["STARTTLS"](standing(starttls=True), "now") is refusals.NO_ARGUMENT
    assert READERS["STARTTLS"](standing(starttls=True, under_tls=True), "") is refusals.ALREADY_SECURE
    assert READERS["STARTTLS"](standing(), "") is refusals.NOT_IMPLEMENTED


def test_nobody_logs_in_in_the_clear_or_twice():
    """Threat A10."""
    assert READERS["AUTH"](standing(), "PLAIN") is refusals.NO_LOGIN
    assert READERS["AUTH"](standing(mechanisms=("PLAIN",)), "PLAIN") is refusals.LOGIN_NEEDS_TLS
    again = standing(mechanisms=("PLAIN",), under_tls=True, authenticated=True)
    assert READERS["AUTH"](again, "PLAIN") is refusals.ALREADY_KNOWN


@pytest.mark.parametrize(
    ("argument", "event"),
    [
        ("plain", AuthStart("PLAIN", None)),
        ("PLAIN =", AuthStart("PLAIN", b"")),
        ("PLAIN AGEAYg==", AuthStart("PLAIN", b"\0a\0b")),
        ("PLAIN AGEAYg", refusals.BAD_BASE64),
        ("PLAIN A GEAYg==", refusals.BAD_BASE64),
        ("", refusals.ARGUMENT),
        ("SMOKE", refusals.UNKNOWN_MECHANISM),
    ],
)
def test_a_login_with_and_without_its_first_response(argument, event):
    """RFC 4954 section 4."""
    assert READERS["AUTH"](standing(mechanisms=("PLAIN",), under_tls=True), argument) == event


def test_what_needs_one_trip_only():
    assert is_one_trip("plain AGEAYg==")
    assert not is_one_trip("PLAIN")
    assert not is_one_trip("SCRAM-SHA-256 biws")


def test_base64_is_strict():
    assert parse_base64("YQ==") == b"a"
    assert [parse_base64(text) for text in ("YQ", "YQ==YQ==", "Y Q==", "\xe4")] == [None] * 4
