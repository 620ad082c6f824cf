"""Signatures of ours (RFC 6376 section 5): relaxed/relaxed, headers oversigned, RSA-2048 and Ed25519.

Oversigning names each field once more than it occurs, so that nobody can add
a second one in front without breaking the signature.
"""

import hashlib
from base64 import b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from posthouse.standards.dkim.canonical import relaxed_field
from posthouse.standards.dkim.verify import raw_fields
from posthouse.standards.imf.header import Header

OVERSIGNED = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "sender", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding",
    "list-id", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
LINE = 72


@dataclass(frozen=True)
class SigningKey:
    """A private key and where its public half is published."""

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.key, RSAPrivateKey) else "ed25519-sha256"

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 ``digest``."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(digest, PKCS1v15(), Prehashed(SHA256()))
        return self.key.sign(digest)  # RFC 8463 section 3


def format_signature(
    header: Header, body_hash: bytes, key: SigningKey, *, now: int, expires_at: int | None = None
) -> bytes:
    """A complete DKIM-Signature field. ``body_hash`` is the digest of a ``RelaxedBody``."""
    present: dict[str, list[bytes]] = {}
    for name, field in raw_fields(header):
        present.setdefault(name, []).append(field)
    names = [name for name in OVERSIGNED for _ in range(len(present.get(name, ())) + 1)]
    state = hashlib.sha256()
    for name in names:
        if present.get(name):
            state.update(relaxed_field(present[name].pop()))
    expiry = f" x={expires_at};" if expires_at is not None else ""
    start = (
        f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain};\r\n"
        f"\ts={key.selector}; t={now};{expiry}\r\n"
        f"\th={_folded(':'.join(names), ':')};\r\n"
        f"\tbh={b64encode(body_hash).decode()};\r\n\tb="
    )
    state.update(relaxed_field(start.encode()).removesuffix(b"\r\n"))
    signature = b64encode(key.sign(state.digest())).decode()
    pieces = [signature[at : at + LINE] for at in range(0, len(signature), LINE)]
    return (start + "\r\n\t ".join(pieces) + "\r\n").encode()


def _folded(text: str, at: str) -> str:
    """``text`` broken after ``at`` so that no line is longer than ``LINE``."""
    lines, line = [], ""
    for word in text.split(at):
        if line and len(line) + len(word) + 1 > LINE:
            lines.append(line)
            line = ""
        line += word + at
    lines.append(line.removesuffix(at))
    return "\r\n\t ".join(lines)
