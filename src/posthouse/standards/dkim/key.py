"""Public keys in the DNS (RFC 6376 section 3.6, RFC 8463 section 4)."""

import binascii
from base64 import b64decode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from posthouse.standards.dkim.tags import parse_tags, without_space

LEAST_BITS, MOST_BITS = 1024, 4096  # L38, RFC 8301 section 3.2
MOST_EXPONENT_BITS = 33
"""A public exponent as long as the modulus would make each check a hundred times as costly."""
MOST_OCTETS = 4096
"""A record larger than this holds no key that we would use."""

_PADDING, _PREHASHED = PKCS1v15(), Prehashed(SHA256())


@dataclass(frozen=True)
class PublicKey:
    """A usable key: ``kind`` is ``rsa`` or ``ed25519``. ``testing`` and ``strict`` are the flags ``y`` and ``s``."""

    kind: str
    key: RSAPublicKey | Ed25519PublicKey
    bits: int
    testing: bool
    strict: bool

    def is_signature_of(self, digest: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is one of the SHA-256 ``digest``."""
        try:
            if isinstance(self.key, RSAPublicKey):
                self.key.verify(signature, digest, _PADDING, _PREHASHED)
            else:
                self.key.verify(signature, digest)  # RFC 8463 section 3: PureEdDSA over the hash
        except InvalidSignature:
            return False
        return True


class Revoked(ValueError):
    """An empty ``p``: the key was there and is withdrawn."""


def parse_key(octets: bytes) -> PublicKey:
    """A TXT record as a key; raises ``ValueError`` (``Revoked``) saying why it cannot be used."""
    if len(octets) > MOST_OCTETS:
        raise ValueError("key record too large")
    tags = parse_tags(octets.decode("utf-8", "replace"))
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise ValueError("not a DKIM1 record")
    if "p" not in tags:
        raise ValueError("no key in the record")
    if "email" not in (services := _list(tags.get("s", "*"))) and "*" not in services:
        raise ValueError("key is not for mail")
    if "sha256" not in _list(tags.get("h", "sha256")):
        raise ValueError("key forbids sha256")
    encoded = without_space(tags["p"])
    if not encoded:
        raise Revoked("key is revoked")
    kind = tags.get("k", "rsa").lower()
    flags = _list(tags.get("t", ""))
    try:
        key = _load(kind, b64decode(encoded, validate=True))
    except (binascii.Error, UnsupportedAlgorithm, ValueError) as wrong:
        raise ValueError(f"unusable key: {wrong}" if "bits" in str(wrong) else "unusable key") from None
    bits = key.key_size if isinstance(key, RSAPublicKey) else 256
    return PublicKey(kind, key, bits, testing="y" in flags, strict="s" in flags)


def _load(kind: str, octets: bytes) -> RSAPublicKey | Ed25519PublicKey:
    if kind == "ed25519":
        return Ed25519PublicKey.from_public_bytes(octets)
    if kind != "rsa":
        raise ValueError("unknown key type")
    key = load_der_public_key(octets)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - what the record says, not what the caller did
    if not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise ValueError(f"{key.key_size} bits")
    if (exponent := key.public_numbers().e.bit_length()) > MOST_EXPONENT_BITS:
        raise ValueError(f"an exponent of {exponent} bits")
    return key


def _list(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(":")]
