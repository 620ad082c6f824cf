"""One SASL exchange, step by step: PLAIN, LOGIN and SCRAM-SHA-256, each with a state of its own (threat A07).

What is proven is asked of a ``Checker``; here is only what is said, in which
order (RFC 4616, RFC 5802 and what LOGIN has always been).
"""

import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from posthouse.standards.sasl.plain import LOGIN_PROMPTS, parse_login_name, parse_login_password, parse_plain
from posthouse.standards.sasl.scram import ClientFirst, ScramVerifier, format_server_first, parse_client_first
from posthouse.storage.directory import AccountRow

NONCE_OCTETS = 18
BAD_CREDENTIALS = "name or password is wrong"
"""The one text for an unknown user, a wrong password and a disabled account."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What to send to the client, not yet in base64."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Passed:
    account: AccountRow
    address: str
    app_password: str = ""
    """The id of the app password that was given instead of the password."""


@dataclass(frozen=True, slots=True)
class Refused:
    """``transient``: the same password may do later (blocked or busy); else it is wrong, or no longer good enough."""

    transient: bool
    reason: str
    expired: bool = False
    """It is the right one, and too weak to be taken any longer."""


Step = Challenge | Passed | Refused


class Checker(Protocol):
    """Who knows the accounts: ``admd.authenticator``."""

    async def check(self, user: str, password: str, *, peer: str, door: str = "") -> Passed | Refused: ...

    def same_account(self, authzid: str, authcid: str) -> bool: ...

    def verifier_for(self, user: str) -> tuple[AccountRow | None, ScramVerifier]: ...

    async def blur(self) -> None:
        """Wait for a time that nobody can guess."""

    async def prove(
        self,
        octets: bytes,
        first: ClientFirst,
        server_first: str,
        verifier: ScramVerifier,
        account: AccountRow | None,
        peer: str,
    ) -> tuple[bytes, Passed] | Refused: ...


MALFORMED = Refused(transient=False, reason="malformed credentials")


class Attempt(ABC):
    """One exchange of one mechanism: feed it what the client says, decoded from base64, until it is decided."""

    __slots__ = ("_checker", "_door", "_peer")

    def __init__(self, checker: Checker, peer: str, door: str) -> None:
        self._checker = checker
        self._peer = peer
        self._door = door

    @abstractmethod
    async def step(self, octets: bytes | None) -> Step:
        """The next step. None: the client sent no initial response, or (later) cancelled."""


class Never(Attempt):
    __slots__ = ()

    def __init__(self) -> None: ...

    async def step(self, octets: bytes | None) -> Step:  # noqa: ARG002  # whatever is said
        return Refused(transient=False, reason="no such mechanism here")


class Plain(Attempt):
    __slots__ = ("_asked",)

    def __init__(self, checker: Checker, peer: str, door: str) -> None:
        super().__init__(checker, peer, door)
        self._asked = False

    async def step(self, octets: bytes | None) -> Step:
        if octets is None:
            if self._asked:
                return MALFORMED
            self._asked = True
            return Challenge(b"")
        try:
            message = parse_plain(octets)
        except ValueError:
            return MALFORMED
        if not self._checker.same_account(message.authzid, message.authcid):
            return Refused(transient=False, reason=BAD_CREDENTIALS)
        return await self._checker.check(message.authcid, message.password, peer=self._peer, door=self._door)


class Login(Attempt):
    __slots__ = ("_asked", "_user")

    def __init__(self, checker: Checker, peer: str, door: str) -> None:
        super().__init__(checker, peer, door)
        self._asked = 0
        self._user: str | None = None

    async def step(self, octets: bytes | None) -> Step:
        if octets is None:
            if self._asked:
                return MALFORMED
            self._asked = 1
            return Challenge(LOGIN_PROMPTS[0])
        self._asked = 1
        try:
            if self._user is None:
                self._user = parse_login_name(octets)
                return Challenge(LOGIN_PROMPTS[1])
            password = parse_login_password(octets)
        except ValueError:
            return MALFORMED
        return await self._checker.check(self._user, password, peer=self._peer, door=self._door)


class Scram(Attempt):
    __slots__ = ("_account", "_asked", "_first", "_passed", "_server_first", "_verifier")

    def __init__(self, checker: Checker, peer: str, door: str) -> None:
        super().__init__(checker, peer, door)
        self._asked = False
        self._first: ClientFirst | None = None
        self._passed: Passed | None = None

    async def step(self, octets: bytes | None) -> Step:
        if self._passed is not None:  # the client's empty answer to our own proof
            return self._passed if octets == b"" else MALFORMED
        if octets is None:
            if self._asked:
                return MALFORMED
            self._asked = True
            return Challenge(b"")
        self._asked = True
        if self._first is not None:
            return await self._finish(octets, self._first)
        step = self._begin(octets)
        await self._checker.blur()  # no hash hides how fast the name was found
        return step

    def _begin(self, octets: bytes) -> Step:
        try:
            first = parse_client_first(octets)
        except ValueError as error:
            return Refused(transient=False, reason=str(error))
        if not self._checker.same_account(first.authzid, first.username):
            return Refused(transient=False, reason=BAD_CREDENTIALS)
        self._first = first
        self._account, self._verifier = self._checker.verifier_for(first.username)
        nonce = secrets.token_urlsafe(NONCE_OCTETS)
        self._server_first = format_server_first(first, nonce, self._verifier.salt, self._verifier.iterations)
        return Challenge(self._server_first.encode())

    async def _finish(self, octets: bytes, first: ClientFirst) -> Step:
        proven = await self._checker.prove(octets, first, self._server_first, self._verifier, self._account, self._peer)
        if isinstance(proven, Refused):
            return proven
        final, self._passed = proven
        return Challenge(final)
