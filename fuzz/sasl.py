"""Whatever a peer sends, a SASL message is a value or a ValueError, and nobody is let in without the password."""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports():
    from posthouse.standards.sasl.plain import format_plain, parse_login_name, parse_plain
    from posthouse.standards.sasl.saslprep import saslprep
    from posthouse.standards.sasl.scram import (
        ScramClient,
        derive_verifier,
        format_server_first,
        parse_client_first,
        parse_verifier,
        verify_client_final,
    )

VERIFIER = derive_verifier("pencil", b"salt" * 4, 1)
FIRST = parse_client_first(b"n,,n=user,r=abc")
SERVER_FIRST = format_server_first(FIRST, "def", VERIFIER.salt, 1)


def check(octets):
    with suppress(ValueError):
        message = parse_plain(octets)
        assert parse_plain(format_plain(message.authcid, message.password, message.authzid)) == message
    with suppress(ValueError):
        parse_login_name(octets)
    with suppress(ValueError):
        first = parse_client_first(octets)
        assert first.username
        assert first.nonce
    with suppress(ValueError):
        assert verify_client_final(octets, FIRST, SERVER_FIRST, VERIFIER) is None
    with suppress(ValueError):
        parse_verifier(octets.decode())
    with suppress(ValueError):
        prepared = saslprep(octets.decode())
        assert saslprep(prepared) == prepared
    client = ScramClient("user", "pencil", "abc")
    client.final(SERVER_FIRST.encode())
    with suppress(ValueError):
        assert not client.verify(octets)
    if b"i=" not in octets:
        with suppress(ValueError):
            ScramClient("user", "pencil", "abc").final(octets)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
