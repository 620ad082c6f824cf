"""DKIM as an attacker signs it: keys of any size, tags as he likes. RSA by itself; there is nothing to protect."""

import base64
import hashlib
import random
from dataclasses import dataclass

EXPONENT = 65537
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
RSA_OID = bytes.fromhex("300d06092a864886f70d0101010500")
FIELDS = ("from", "to", "subject", "date", "message-id")


@dataclass(frozen=True, slots=True)
class Key:
    """An RSA key."""

    modulus: int
    private: int

    @property
    def octets(self) -> int:
        return (self.modulus.bit_length() + 7) // 8

    def sign(self, text: bytes) -> bytes:
        """PKCS #1 version 1.5 with SHA-256."""
        end = b"\0" + SHA256_PREFIX + hashlib.sha256(text).digest()
        padded = b"\0\1" + b"\xff" * (self.octets - len(end) - 2) + end
        return pow(int.from_bytes(padded), self.private, self.modulus).to_bytes(self.octets)

    @property
    def record(self) -> str:
        """What stands in the DNS."""
        inner = _der(0x30, _integer(self.modulus) + _integer(EXPONENT))
        return "v=DKIM1; k=rsa; p=" + base64.b64encode(_der(0x30, RSA_OID + _der(3, b"\0" + inner))).decode()


def make_key(bits: int, chance: random.Random) -> Key:
    """The same for the same seed."""
    one, other = _prime(bits // 2, chance), _prime(bits // 2, chance)
    return Key(one * other, pow(EXPONENT, -1, (one - 1) * (other - 1)))


def _prime(bits: int, chance: random.Random) -> int:
    while True:
        found = chance.getrandbits(bits) | 3 << bits - 2 | 1
        if found % EXPONENT != 1 and all(pow(base, found - 1, found) == 1 for base in (2, 3, 5, 7)):
            return found


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 128 + len(octets)]) + octets + content


def _integer(number: int) -> bytes:
    return _der(2, number.to_bytes(number.bit_length() // 8 + 1))


def signature(content: bytes, domain: str, key: Key | None, *, tags: str = "", algorithm: str = "rsa-sha256") -> bytes:
    """A DKIM-Signature field, simple/simple; without a key one that is false. ``l=`` in ``tags`` is obeyed."""
    head, _, body = content.partition(b"\r\n\r\n")
    body = body.rstrip(b"\r\n") + b"\r\n"
    if "l=" in tags:
        body = body[: int(tags.partition("l=")[2].partition(";")[0])]
    names = {line.partition(b":")[0].decode().lower(): line for line in head.split(b"\r\n")}
    wanted = [name for name in FIELDS if name in names]
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    field = (
        f"DKIM-Signature: v=1; a={algorithm}; c=simple/simple; d={domain}; s=drill; h={':'.join(wanted)};"
        f" {tags} bh={digest}; b="
    ).encode()
    text = b"".join(names[name] + b"\r\n" for name in wanted) + field
    return field + base64.b64encode(key.sign(text) if key is not None else b"x" * 128) + b"\r\n"
