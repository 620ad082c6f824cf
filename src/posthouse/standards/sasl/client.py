"""The client side of SASL exchanges, as values: PLAIN, LOGIN and SCRAM-SHA-256. Octets in, octets out."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

from posthouse.lib.sansio import RemoteError

MAX_ITERATIONS = 1_000_000
"""What a server may make us compute: about half a second."""


class Login(Protocol):
    """One attempt to log in."""

    @property
    def mechanism(self) -> str: ...

    def initial(self) -> bytes | None:
        """The initial response, None if the server speaks first."""

    def respond(self, challenge: bytes) -> bytes:
        """The answer to a challenge. Raises ``RemoteError`` when the exchange cannot go on."""

    @property
    def proved(self) -> bool:
        """Whether the server has proved itself as far as the mechanism can."""


@dataclass(slots=True)
class Plain:
    """RFC 4616."""

    user: str
    password: str
    mechanism: str = "PLAIN"
    proved: bool = True

    def initial(self) -> bytes:
        return f"\0{self.user}\0{self.password}".encode()

    def respond(self, challenge: bytes) -> bytes:
        """Some servers ask with an empty challenge instead of taking the initial response."""
        if challenge:
            raise RemoteError("a challenge in PLAIN")
        return self.initial()


@dataclass(slots=True)
class PlainLogin:
    """LOGIN: user name and password, each when asked."""

    user: str
    password: str
    mechanism: str = "LOGIN"
    proved: bool = True
    asked: int = 0

    def initial(self) -> None:
        return None

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 - servers word the question as they like
        self.asked += 1
        if self.asked > 2:
            raise RemoteError("a third challenge in LOGIN")
        return (self.user if self.asked == 1 else self.password).encode()


@dataclass(slots=True)
class ScramSha256:
    """RFC 5802 and RFC 7677, without channel binding. ``nonce`` is fresh, printable ASCII without comma."""

    user: str
    password: str
    nonce: str
    mechanism: str = "SCRAM-SHA-256"
    proved: bool = False
    signature: bytes = b""

    def _first(self) -> str:
        user = self.user.replace("=", "=3D").replace(",", "=2C")
        return f"n={user},r={self.nonce}"

    def initial(self) -> bytes:
        return f"n,,{self._first()}".encode()

    def respond(self, challenge: bytes) -> bytes:
        if not self.signature:
            return self._prove(challenge)
        _, _, verifier = challenge.partition(b"v=")
        if not hmac.compare_digest(_decode(verifier), self.signature):
            raise RemoteError("the server does not know our password: SCRAM signature wrong")
        self.proved = True
        return b""

    def _prove(self, challenge: bytes) -> bytes:
        """RFC 5802 section 3."""
        text = challenge.decode("ascii", "replace")
        given = dict(part.partition("=")[::2] for part in text.split(","))
        nonce, count = given.get("r", ""), given.get("i", "")
        if not nonce.startswith(self.nonce) or len(nonce) == len(self.nonce) or not count.isdigit():
            raise RemoteError("a SCRAM challenge that does not continue ours")
        if len(count) > 7 or not 0 < int(count) <= MAX_ITERATIONS:
            raise RemoteError("a SCRAM challenge that asks for too much work")
        salt = _decode(given.get("s", "").encode())
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, int(count))
        final = f"c=biws,r={nonce}"
        signed = f"{self._first()},{text},{final}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        mask = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, mask, strict=True))
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return f"{final},p={base64.b64encode(proof).decode()}".encode()


def _decode(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error as error:
        raise RemoteError("bad base64 in a SCRAM message") from error


def choose(offered: frozenset[str], user: str, password: str, *, nonce: str, secured: bool) -> Login | None:
    """The best mechanism both sides have; a password in the clear only where ``secured`` allows it."""
    if "SCRAM-SHA-256" in offered:
        return ScramSha256(user, password, nonce)
    if secured and "PLAIN" in offered:
        return Plain(user, password)
    if secured and "LOGIN" in offered:
        return PlainLogin(user, password)
    return None
