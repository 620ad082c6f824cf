"""The client side of login, with the example of RFC 7677 section 3."""

import pytest

from posthouse.lib.sansio import RemoteError
from posthouse.standards.sasl.client import Plain, PlainLogin, ScramSha256, choose

FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
NONCE = "rOprNGfwEbeRWgbNEkqO"


def test_scram_as_the_standard_shows_it():
    login = ScramSha256("user", "pencil", NONCE)
    assert login.initial() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert login.respond(FIRST).endswith(b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    assert login.respond(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") == b""
    assert login.proved


def test_a_server_that_does_not_know_the_password_is_not_believed():
    login = ScramSha256("user", "pencil", NONCE)
    login.respond(FIRST)
    with pytest.raises(RemoteError):
        login.respond(b"v=AAAA")
    assert not login.proved


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"r=other,s=AAAA,i=4096",
        FIRST.replace(b"4096", b"99999999"),
        FIRST.replace(b"4096", b"0"),
        b"r=" + NONCE.encode() + b",s=AA==,i=1",
        b"\xff\x00",
        FIRST.replace(b"W22Z", b"!!!!"),
    ],
)
def test_challenges_that_make_no_sense_end_the_exchange(challenge):
    with pytest.raises(RemoteError):
        ScramSha256("user", "pencil", NONCE).respond(challenge)


def test_names_with_commas_and_equals_signs_are_escaped():
    assert ScramSha256("a,b=c", "x", "n").initial() == b"n,,n=a=2Cb=3Dc,r=n"


def test_plain_and_login():
    assert Plain("user", "pass").initial() == b"\0user\0pass"
    login = PlainLogin("user", "pass")
    assert (login.initial(), login.respond(b"Username:"), login.respond(b"Password:")) == (None, b"user", b"pass")
    with pytest.raises(RemoteError):
        login.respond(b"again")


def test_a_password_in_the_clear_only_where_it_is_safe():
    offered = frozenset({"PLAIN", "LOGIN"})
    assert choose(offered, "u", "p", nonce="n", secured=False) is None
    assert isinstance(choose(offered, "u", "p", nonce="n", secured=True), Plain)
    assert isinstance(choose(frozenset({"LOGIN"}), "u", "p", nonce="n", secured=True), PlainLogin)
    assert isinstance(choose(offered | {"SCRAM-SHA-256"}, "u", "p", nonce="n", secured=False), ScramSha256)
