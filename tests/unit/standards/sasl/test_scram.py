"""SCRAM-SHA-256 against itself and against an independent implementation."""

import pytest
from scramp import ScramClient as OracleClient
from scramp import ScramMechanism
from scramp.core import ScramException

from posthouse.standards.sasl.scram import (
    ScramClient,
    derive_verifier,
    format_server_first,
    format_verifier,
    parse_client_first,
    parse_verifier,
    verify_client_final,
)

SALT = bytes(range(16))
VERIFIER = derive_verifier("pencil", SALT, 4096)


def converse(client: ScramClient, verifier=VERIFIER) -> tuple[bytes | None, bool]:
    """Our client with our server: the server's last word, and what the client thinks of it."""
    first = parse_client_first(client.first())
    server_first = format_server_first(first, "servernonce", verifier.salt, verifier.iterations)
    final = verify_client_final(client.final(server_first.encode()), first, server_first, verifier)
    return final, final is not None and client.verify(final)


def test_both_sides_are_proved() -> None:
    final, proved = converse(ScramClient("user", "pencil", "abc"))
    assert final is not None
    assert proved


def test_a_wrong_password_proves_nothing() -> None:
    assert converse(ScramClient("user", "pencils", "abc")) == (None, False)


def test_a_server_that_does_not_know_the_verifier_is_found_out() -> None:
    client = ScramClient("user", "pencil", "abc")
    client.final(b"r=abcdef,s=AAAA,i=4096")
    assert not client.verify(b"v=" + b"A" * 43 + b"=")
    assert not client.verify(b"e=other-error")


@pytest.mark.parametrize("username", ["user", "us,er=name", "älice@office.test"])
def test_our_server_agrees_with_another_client(username: str) -> None:
    oracle = OracleClient(["SCRAM-SHA-256"], username, "pencil")
    first = parse_client_first(oracle.get_client_first().encode())
    assert username == first.username
    server_first = format_server_first(first, "servernonce", SALT, 4096)
    oracle.set_server_first(server_first)
    final = verify_client_final(oracle.get_client_final().encode(), first, server_first, VERIFIER)
    assert final is not None
    oracle.set_server_final(final.decode())


@pytest.mark.parametrize("password", ["pencil", "pässwörd", "with space"])
def test_our_client_agrees_with_another_server(password: str) -> None:
    mechanism = ScramMechanism()
    info = mechanism.make_auth_info(password, iteration_count=4096)
    oracle = mechanism.make_server(lambda _: info)
    client = ScramClient("user", password, "abc")
    oracle.set_client_first(client.first().decode())
    oracle.set_client_final(client.final(oracle.get_server_first().encode()).decode())
    assert client.verify(oracle.get_server_final().encode())


def test_another_server_refuses_our_wrong_password() -> None:
    mechanism = ScramMechanism()
    info = mechanism.make_auth_info("pencil", iteration_count=4096)
    oracle = mechanism.make_server(lambda _: info)
    client = ScramClient("user", "wrong", "abc")
    oracle.set_client_first(client.first().decode())
    with pytest.raises(ScramException):
        oracle.set_client_final(client.final(oracle.get_server_first().encode()).decode())


def test_a_verifier_comes_back_from_text() -> None:
    assert parse_verifier(format_verifier(VERIFIER)) == VERIFIER


@pytest.mark.parametrize(
    "text", ["", "SCRAM-SHA-1$1:a$b:c", "SCRAM-SHA-256$x:AA==$AA==:AA==", "SCRAM-SHA-256$1:!$AA==:AA=="]
)
def test_a_broken_verifier_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_verifier(text)


@pytest.mark.parametrize(
    "server_first",
    [b"", b"r=abc,s=AAAA,i=4096", b"r=xyzdef,s=AAAA,i=4096", b"r=abcdef,s=AAAA,i=0", b"r=abcdef,s=AAAA,i=2147483648",
     b"r=abcdef,s=AAAA,i=1000001", b"m=x,r=abcdef,s=AAAA,i=1", b"r=abcdef,s=!,i=4096", b"r=abcdef,i=4096,s=AAAA", b"\xff"],
)  # fmt: skip
def test_a_client_is_not_led_astray_by_a_server(server_first: bytes) -> None:
    """Threat A07: too much work, a changed nonce, another form."""
    with pytest.raises(ValueError):
        ScramClient("user", "pencil", "abc").final(server_first)


def test_a_proof_of_another_exchange_is_no_proof() -> None:
    client = ScramClient("user", "pencil", "abc")
    first = parse_client_first(client.first())
    replayed = client.final(format_server_first(first, "one", SALT, 4096).encode())
    assert verify_client_final(replayed, first, format_server_first(first, "two", SALT, 4096), VERIFIER) is None
