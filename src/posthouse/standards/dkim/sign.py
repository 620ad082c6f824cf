"""Signatures of ours (RFC 6376 section 5): relaxed/relaxed, headers oversigned, RSA-2048 and Ed25519.

Oversigning names each field once more than it occurs, so that nobody can add
a second one in front without breaking the signature.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from posthouse.standards.dkim.canonical import relaxed_field
from posthouse.standards.dkim.verify import SignedFields
from posthouse.standards.imf.header import Header

OVERSIGNED = (
    "from", "to", "cc", "subject", "date", "message-id", "reply-to", "sender", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding",
    "list-id", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
IF_THERE = ("tls-report-domain", "tls-report-submitter")
"""RFC 8460 section 5.3: signed where they are."""
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
    return format_signatures(header, body_hash, (key,), now=now, expires_at=expires_at)


def format_signatures(
    header: Header, body_hash: bytes, keys: Iterable[SigningKey], *, now: int, expires_at: int | None = None
) -> bytes:
    """One DKIM-Signature field for each key, none of which signs another; the header is brought into form once."""
    wanted = OVERSIGNED if IF_THERE[0] not in header else OVERSIGNED + IF_THERE
    names, state = hash_fields(SignedFields(header), wanted)
    expiry = f" x={expires_at};" if expires_at is not None else ""
    fields = []
    for key in keys:
        start = (
            f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed; d={key.domain};\r\n"
            f"\ts={key.selector}; t={now};{expiry}\r\n"
            f"\th={folded_names(names)};\r\n"
            f"\tbh={b64encode(body_hash).decode()};\r\n\tb="
        )
        fields.append(complete(start.encode(), state.copy(), key))
    return b"".join(fields)


def hash_fields(fields: SignedFields, oversigned: Iterable[str], as_there: Iterable[str] = ()) -> tuple[list[str], Any]:
    """The names for ``h``, and a SHA-256 that has seen the relaxed forms of the fields.

    Each of ``oversigned`` stands there once more than it occurs, each of
    ``as_there`` as often as it does: who adds another breaks nothing.
    """
    names: list[str] = []
    state = hashlib.sha256()
    for name, more in [*[(one, 1) for one in oversigned], *[(one, 0) for one in as_there]]:
        count = len(fields.called(name))
        names += [name] * (count + more)
        for at in range(count - 1, -1, -1):
            state.update(fields.relaxed(name, at))
    return names, state


def complete(start: bytes, state: Any, key: SigningKey) -> bytes:
    """The field that ``start`` begins, ending in ``b=``, with its signature over what ``state`` has seen and itself."""
    state.update(relaxed_field(start).removesuffix(b"\r\n"))
    signature = b64encode(key.sign(state.digest()))
    pieces = [signature[at : at + LINE] for at in range(0, len(signature), LINE)]
    return start + b"\r\n\t ".join(pieces) + b"\r\n"


def folded_names(names: Iterable[str]) -> str:
    """The value of ``h``."""
    return _folded(":".join(names), ":")


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
