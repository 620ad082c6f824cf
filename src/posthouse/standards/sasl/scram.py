"""SCRAM-SHA-256: prove a password without showing it (RFC 5802, RFC 7677), both sides, as values.

The server side is three functions (``parse_client_first``, ``format_server_first``,
``verify_client_final``); the client side is ``ScramClient``. Nonces and salts
are handed in. Channel binding is not offered; a client that says it saw
``-PLUS`` where there is none is told so (a stripped offer, RFC 5802 section 6).
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from posthouse.standards.sasl.saslprep import saslprep

MECHANISM = "SCRAM-SHA-256"
MAX_ITERATIONS = 1_000_000
"""As a client: a server that asks for more wants our time, not our proof."""
MAX_MESSAGE_OCTETS = 4096

_NONCE = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,256}\Z")
_ITERATIONS = re.compile(r"[1-9][0-9]{0,9}\Z")


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """What a server keeps instead of a password (RFC 5802 section 3)."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """``header`` and ``bare`` are the message's own text: the proof covers them as they were sent."""

    header: str
    bare: str
    authzid: str
    username: str
    nonce: str


def derive_verifier(password: str, salt: bytes, iterations: int) -> ScramVerifier:
    """The verifier of ``password`` (RFC 5802 section 3); raises ``ValueError`` if SASLprep prohibits it."""
    salted = salt_password(password, salt, iterations)
    stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    return ScramVerifier(iterations, salt, stored_key, _hmac(salted, b"Server Key"))


def salt_password(password: str, salt: bytes, iterations: int) -> bytes:
    """Hi(Normalize(password), salt, i) (RFC 5802 section 2.2)."""
    return hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)


def format_verifier(verifier: ScramVerifier) -> str:
    """``verifier`` as text (RFC 5803 section 2)."""
    salt, stored_key, server_key = (
        b64encode(part).decode() for part in (verifier.salt, verifier.stored_key, verifier.server_key)
    )
    return f"{MECHANISM}${verifier.iterations}:{salt}${stored_key}:{server_key}"


def parse_verifier(text: str) -> ScramVerifier:
    """What ``format_verifier`` wrote; raises ``ValueError``."""
    mechanism, settings, keys = text.split("$")
    iterations, salt = settings.split(":")
    stored_key, server_key = keys.split(":")
    if mechanism != MECHANISM:
        raise ValueError("not a SCRAM-SHA-256 verifier")
    return ScramVerifier(int(iterations), _octets(salt), _octets(stored_key), _octets(server_key))


# -- the server --------------------------------------------------------------------------------


def parse_client_first(octets: bytes) -> ClientFirst:
    """The first message (RFC 5802 section 7, client-first-message); raises ``ValueError`` with a server-error-value."""
    text = _text(octets)
    flag, comma, rest = text.partition(",")
    authzid, second_comma, bare = rest.partition(",")
    if not (comma and second_comma):
        raise ValueError("invalid-encoding")
    if flag.startswith("p="):
        raise ValueError("channel-binding-not-supported")
    if flag not in {"n", "y"} or (authzid and not authzid.startswith("a=")):
        raise ValueError("invalid-encoding")
    attributes = bare.split(",")
    if attributes[0].startswith("m="):  # RFC 5802 section 5.1: an extension we would have to understand
        raise ValueError("extensions-not-supported")
    if len(attributes) < 2 or not attributes[0].startswith("n=") or not attributes[1].startswith("r="):
        raise ValueError("invalid-encoding")
    nonce = attributes[1][2:]
    if not _NONCE.match(nonce):
        raise ValueError("invalid-encoding")
    return ClientFirst(
        header=f"{flag},{authzid},",
        bare=bare,
        authzid=_parse_saslname(authzid[2:]) if authzid else "",
        username=_parse_saslname(attributes[0][2:]),
        nonce=nonce,
    )


def format_server_first(first: ClientFirst, server_nonce: str, salt: bytes, iterations: int) -> str:
    """The answer with salt and iteration count; also the middle part of what is signed."""
    return f"r={first.nonce}{server_nonce},s={b64encode(salt).decode()},i={iterations}"


def verify_client_final(octets: bytes, first: ClientFirst, server_first: str, verifier: ScramVerifier) -> bytes | None:
    """The server-final-message if the proof holds, None if it does not; raises ``ValueError`` for bad syntax."""
    text = _text(octets)
    without_proof, comma, proof_text = text.rpartition(",p=")
    attributes = without_proof.split(",")
    if not comma or len(attributes) < 2 or not attributes[0].startswith("c=") or not attributes[1].startswith("r="):
        raise ValueError("invalid-encoding")
    if _octets(attributes[0][2:]) != first.header.encode():
        raise ValueError("channel-bindings-dont-match")
    proof = _octets(proof_text)
    expected_nonce = server_first[2 : server_first.index(",")]
    same_nonce = hmac.compare_digest(attributes[1][2:].encode(), expected_nonce.encode())
    signed = f"{first.bare},{server_first},{without_proof}".encode()
    signature = _hmac(verifier.stored_key, signed)
    if len(proof) != len(signature):
        raise ValueError("invalid-encoding")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    proven = hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key)
    if not (proven and same_nonce):
        return None
    return b"v=" + b64encode(_hmac(verifier.server_key, signed))


# -- the client --------------------------------------------------------------------------------


class ScramClient:
    """One exchange as a client: ``first()``, then ``final(server-first)``, then ``verify(server-final)``."""

    __slots__ = ("_bare", "_nonce", "_password", "_server_signature")

    def __init__(self, username: str, password: str, nonce: str) -> None:
        if not _NONCE.match(nonce):
            raise ValueError("nonce is not printable")
        self._nonce = nonce
        self._password = password
        self._bare = f"n={_format_saslname(saslprep(username))},r={nonce}"
        self._server_signature = b""

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """The proof; raises ``ValueError`` if the server breaks the rules or asks for too much work."""
        text = _text(server_first)
        attributes = text.split(",")
        if len(attributes) < 3 or [item[:2] for item in attributes[:3]] != ["r=", "s=", "i="]:
            raise ValueError("server-first-message has another form")
        nonce, salt, count = (item[2:] for item in attributes[:3])
        # RFC 5802 section 5.1: the server's nonce must begin with ours, and go on.
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or not _NONCE.match(nonce):
            raise ValueError("server changed the nonce")
        if not _ITERATIONS.match(count) or int(count) > MAX_ITERATIONS:
            raise ValueError("server asks for too many iterations")
        salted = salt_password(self._password, _octets(salt), int(count))
        without_proof = f"c=biws,r={nonce}"
        signed = f"{self._bare},{text},{without_proof}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._server_signature = _hmac(_hmac(salted, b"Server Key"), signed)
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> bool:
        """Whether the server knows the verifier; only then has the exchange succeeded (RFC 5802 section 5)."""
        text = _text(server_final)
        if not self._server_signature or not text.startswith("v="):
            return False
        return hmac.compare_digest(_octets(text[2:].partition(",")[0]), self._server_signature)


# -- words of both -----------------------------------------------------------------------------


def _hmac(key: bytes, octets: bytes) -> bytes:
    return hmac.digest(key, octets, "sha256")


def _text(octets: bytes) -> str:
    if len(octets) > MAX_MESSAGE_OCTETS or b"\0" in octets:
        raise ValueError("invalid-encoding")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ValueError("invalid-encoding") from None


def _octets(text: str) -> bytes:
    try:
        return b64decode(text.encode(), validate=True)
    except ValueError:
        raise ValueError("invalid-encoding") from None


def _parse_saslname(text: str) -> str:
    """RFC 5802 section 5.1: ``=2C`` is a comma, ``=3D`` an equals sign, any other ``=`` an error."""
    plain = text.replace("=2C", ",").replace("=3D", "=")
    if not text or text.replace("=2C", "").replace("=3D", "").count("="):
        raise ValueError("invalid-username-encoding")
    return plain


def _format_saslname(text: str) -> str:
    return text.replace("=", "=3D").replace(",", "=2C")
