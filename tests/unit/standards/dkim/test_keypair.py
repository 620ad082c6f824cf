"""Keys are made, kept, published, and understood again by those who read the record."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from posthouse.standards.dkim.key import parse_key
from posthouse.standards.dkim.keypair import (
    KeyPair,
    generate_ed25519,
    generate_rsa,
    load_private,
    signing_key,
    split_record,
)

PAIRS = {"rsa": generate_rsa(), "ed25519": generate_ed25519()}


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_what_is_published_checks_what_is_signed(kind: str) -> None:
    pair: KeyPair = PAIRS[kind]
    public = parse_key("".join(pair.strings).encode())
    assert (pair.kind, public.kind) == (kind, kind)
    for octets in (pair.der, pair.pem):
        signature = signing_key("office.test", "s", octets).sign(b"\x07" * 32)
        assert public.is_signature_of(b"\x07" * 32, signature)
        assert not public.is_signature_of(b"\x08" * 32, signature)


@pytest.mark.rfc(6376, "3.6.2.2", "MUST")
def test_a_record_is_cut_into_strings_of_255() -> None:
    strings = PAIRS["rsa"].strings
    assert [len(one) <= 255 for one in strings] == [True, True]
    assert "".join(strings) == PAIRS["rsa"].record
    assert split_record("v=DKIM1") == ("v=DKIM1",)


def test_what_we_cannot_sign_with_is_refused() -> None:
    curve = generate_ec(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for octets in (b"", b"-----BEGIN", b"\x30\x00", curve):
        with pytest.raises(ValueError):
            load_private(octets)


def test_an_exponent_as_long_as_the_modulus_is_refused() -> None:
    modulus = parse_key(PAIRS["rsa"].record.encode()).key.public_numbers().n  # type: ignore[union-attr]  # it is RSA
    key = RSAPublicNumbers(e=2**2000 + 1, n=modulus).public_key()
    record = b"p=" + b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ValueError, match="exponent"):
        parse_key(record)
