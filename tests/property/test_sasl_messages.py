"""Laws of SASL messages: whatever comes in, a value or a ValueError; what goes out comes back."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from posthouse.standards.sasl.plain import format_plain, parse_plain
from posthouse.standards.sasl.scram import (
    ScramClient,
    derive_verifier,
    format_server_first,
    parse_client_first,
    verify_client_final,
)

VERIFIER = derive_verifier("pencil", b"salt" * 4, 1)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=60)
SCRAMMY = st.lists(
    st.sampled_from(
        [b"n", b"y", b"p=x", b",", b"a=", b"n=", b"r=", b"c=biws", b"p=", b"i=", b"s=", b"=2C", b"AAAA", b"\xff"]
    )
).map(b"".join)


@given(TEXT, TEXT, st.one_of(st.just(""), TEXT))
def test_plain_comes_back(authcid: str, password: str, authzid: str) -> None:
    message = parse_plain(format_plain(authcid, password, authzid))
    assert (message.authzid, message.authcid, message.password) == (authzid, authcid, password)


@given(st.binary(max_size=100) | SCRAMMY)
def test_any_octets_are_a_message_or_a_value_error(octets: bytes) -> None:
    first = parse_client_first(b"n,,n=user,r=abc")
    client = ScramClient("user", "pencil", "abc")
    with suppress(ValueError):
        parse_plain(octets)
    with suppress(ValueError):
        parse_client_first(octets)
    with suppress(ValueError):
        assert verify_client_final(octets, first, format_server_first(first, "d", b"salt", 1), VERIFIER) is None
    with suppress(ValueError):
        client.verify(octets)


@given(st.text("abcXYZ,=@ä", min_size=1, max_size=30))
def test_a_name_comes_back_through_scram(name: str) -> None:
    assert name == parse_client_first(ScramClient(name, "x", "abc").first()).username
