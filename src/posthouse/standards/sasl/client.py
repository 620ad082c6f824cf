"""The client side of SASL exchanges, as values: PLAIN, LOGIN and SCRAM-SHA-256. Octets in, octets out."""

from dataclasses import dataclass
from typing import Protocol

from posthouse.lib.sansio import RemoteError
from posthouse.standards.sasl.scram import MECHANISM, ScramClient


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


class ScramSha256:
    """RFC 5802 and RFC 7677, without channel binding. ``nonce`` is fresh, printable ASCII without comma."""

    __slots__ = ("_answered", "_exchange", "proved")

    mechanism = MECHANISM

    def __init__(self, user: str, password: str, nonce: str) -> None:
        self._exchange = ScramClient(user, password, nonce)
        self._answered = False
        self.proved = False

    def initial(self) -> bytes:
        return self._exchange.first()

    def respond(self, challenge: bytes) -> bytes:
        try:
            return self._finish(challenge) if self._answered else self._prove(challenge)
        except ValueError as error:
            raise RemoteError(f"SCRAM: {error}") from error

    def _prove(self, challenge: bytes) -> bytes:
        answer = self._exchange.final(challenge)
        self._answered = True
        return answer

    def _finish(self, challenge: bytes) -> bytes:
        if not self._exchange.verify(challenge):
            raise RemoteError("the server does not know our password: SCRAM signature wrong")
        self.proved = True
        return b""


def choose(offered: frozenset[str], user: str, password: str, *, nonce: str, secured: bool) -> Login | None:
    """The best mechanism both sides have; a password in the clear only where ``secured`` allows it."""
    if "SCRAM-SHA-256" in offered:
        return ScramSha256(user, password, nonce)
    if secured and "PLAIN" in offered:
        return Plain(user, password)
    if secured and "LOGIN" in offered:
        return PlainLogin(user, password)
    return None
