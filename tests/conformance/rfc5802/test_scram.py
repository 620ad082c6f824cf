"""RFC 5802 and RFC 7677: SCRAM-SHA-256 as the standards demand it."""

import pytest

from posthouse.standards.sasl.scram import (
    derive_verifier,
    format_server_first,
    parse_client_first,
    verify_client_final,
)

VERIFIER = derive_verifier("pencil", b"salt" * 4, 4096)


@pytest.mark.rfc(5802, "5.1", "MUST")
def test_a_name_with_a_bare_equals_sign_fails() -> None:
    for name in (b"us=er", b"us=2Cer=", b"=2c"):
        with pytest.raises(ValueError, match="invalid-username-encoding"):
            parse_client_first(b"n,,n=" + name + b",r=abc")


@pytest.mark.rfc(5802, "5.1", "MUST")
def test_an_extension_we_do_not_know_but_must_fails() -> None:
    with pytest.raises(ValueError, match="extensions-not-supported"):
        parse_client_first(b"n,,m=x,n=user,r=abc")


@pytest.mark.rfc(5802, "7", "MUST")
def test_unrecognised_attributes_are_ignored() -> None:
    assert parse_client_first(b"n,,n=user,r=abc,z=what").nonce == "abc"


@pytest.mark.rfc(5802, "6", "MUST")
def test_channel_binding_that_we_do_not_have_fails() -> None:
    with pytest.raises(ValueError, match="channel-binding-not-supported"):
        parse_client_first(b"p=tls-unique,,n=user,r=abc")


@pytest.mark.rfc(5802, "5.1", "MUST")
def test_the_nonce_continues_the_clients() -> None:
    first = parse_client_first(b"n,,n=user,r=abc")
    assert format_server_first(first, "def", b"salt", 4096).startswith("r=abcdef,")


@pytest.mark.rfc(5802, "5.1", "MUST")
def test_the_final_message_repeats_the_nonce() -> None:
    first = parse_client_first(b"n,,n=user,r=abc")
    server_first = format_server_first(first, "def", VERIFIER.salt, 4096)
    proof = b"A" * 43 + b"="
    assert verify_client_final(b"c=biws,r=abcxyz,p=" + proof, first, server_first, VERIFIER) is None


@pytest.mark.rfc(5802, "6", "MUST")
def test_the_header_is_the_one_of_the_first_message() -> None:
    first = parse_client_first(b"n,,n=user,r=abc")
    server_first = format_server_first(first, "def", VERIFIER.salt, 4096)
    with pytest.raises(ValueError, match="channel-bindings-dont-match"):
        verify_client_final(b"c=eSws,r=abcdef,p=" + b"A" * 43 + b"=", first, server_first, VERIFIER)


@pytest.mark.rfc(5802, "7", "MUST")
@pytest.mark.parametrize("nonce", [b"", b"a b", b"\xc3\xa4", b"x" * 257])
def test_a_nonce_is_printable(nonce: bytes) -> None:
    with pytest.raises(ValueError):
        parse_client_first(b"n,,n=user,r=" + nonce)
