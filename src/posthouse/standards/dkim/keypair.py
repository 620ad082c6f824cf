"""Keys of ours: made, kept as octets, published as a TXT record (RFC 6376 section 3.6.1, RFC 8463 section 4)."""

from base64 import b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from posthouse.standards.dkim.key import LEAST_BITS
from posthouse.standards.dkim.sign import SigningKey

RSA_BITS = 2048  # RFC 8301 section 3.2: signers SHOULD use at least 2048
STRING = 255
"""RFC 1035 section 3.3: the longest character-string of a TXT record."""

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One key in the forms it is kept and shown in. ``der`` and ``pem`` are PKCS #8 and secret."""

    kind: str
    """``rsa`` or ``ed25519``, as in ``k``."""
    der: bytes
    pem: bytes
    record: str
    """The text of the TXT record, whole."""

    @property
    def strings(self) -> tuple[str, ...]:
        """The record as the strings that a zone file needs."""
        return split_record(self.record)


def generate_rsa(bits: int = RSA_BITS) -> KeyPair:
    """A new key for ``rsa-sha256``."""
    return describe(generate_private_key(65537, bits))


def generate_ed25519() -> KeyPair:
    """A new key for ``ed25519-sha256``."""
    return describe(Ed25519PrivateKey.generate())


def describe(key: PrivateKey) -> KeyPair:
    """``key`` in all its forms."""
    return KeyPair(
        kind="rsa" if isinstance(key, RSAPrivateKey) else "ed25519",
        der=key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        record=format_key(key),
    )


def format_key(key: PrivateKey) -> str:
    """The TXT record that publishes the public half of ``key``."""
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={b64encode(public).decode()}"


def split_record(record: str) -> tuple[str, ...]:
    """A record as strings of at most 255 octets; readers join them without space (RFC 6376 section 3.6.2.2)."""
    return tuple([record[at : at + STRING] for at in range(0, len(record), STRING)])


def load_private(octets: bytes) -> PrivateKey:
    """A private key from DER or PEM; raises ``ValueError`` for what we cannot sign with."""
    try:
        load = load_pem_private_key if octets.lstrip().startswith(b"-----") else load_der_private_key
        key = load(octets, password=None)
    except (ValueError, TypeError):
        raise ValueError("not a private key, or one with a password") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, RSAPrivateKey) and key.key_size >= LEAST_BITS:
        return key
    raise ValueError("neither an Ed25519 key nor an RSA key of 1024 bits or more")


def signing_key(domain: str, selector: str, octets: bytes) -> SigningKey:
    """A kept key, ready to sign for ``domain``."""
    return SigningKey(domain, selector, load_private(octets))
