"""Who is logging in: every door asks here, so there is one way to be let in and one count of failures.

A password is hashed in a small pool of threads (Argon2id releases the
interpreter), with a bounded queue before it; a login that was right a moment
ago is recognised without hashing. Unknown users cost and look the same as
wrong passwords (threat A04). What is cached is bound to realm, account and
the very verifiers it was checked against (threat A09), under a key that dies
with the process.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from posthouse.admd.credentials import scram_verifier, verify_password
from posthouse.admd.directory import Directory
from posthouse.admd.failures import Charge, Failures
from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import Channel
from posthouse.observe.ports import Journal, Level
from posthouse.standards.sasl.plain import LOGIN_PROMPTS, parse_login_name, parse_login_password, parse_plain
from posthouse.standards.sasl.scram import (
    ClientFirst,
    ScramVerifier,
    format_server_first,
    parse_client_first,
    verify_client_final,
)
from posthouse.storage.ports import AccountRow

MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
"""What the doors offer, strongest first."""

CACHE_SECONDS = 300
MAX_CACHED = 4096
NONCE_OCTETS = 18
REALM = "posthouse"
NOBODY = ("nobody",)
"""The verifiers of unknown users: ``verify_password`` hashes against a dummy instead."""
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


@dataclass(frozen=True, slots=True)
class Refused:
    """``transient``: the same password may do later (blocked or busy); else it is wrong."""

    transient: bool
    reason: str


Step = Challenge | Passed | Refused


class Authenticator:
    """Checks logins against the directory. ``secret`` keeps the salts of unknown users steady across restarts."""

    __slots__ = (
        "_cache",
        "_clock",
        "_directory",
        "_failures",
        "_journal",
        "_key",
        "_limits",
        "_pool",
        "_secret",
        "_waiting",
        "hashed",
        "welcome",
    )

    def __init__(
        self,
        directory: Directory,
        *,
        limits: Limits,
        clock: Clock,
        journal: Journal,
        exempt: frozenset[str] = frozenset(),
        secret: bytes | None = None,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._journal = journal
        self._failures = Failures(limits, clock, exempt=exempt)
        self._key = secrets.token_bytes(32)
        self._secret = secret or secrets.token_bytes(32)
        self._cache: OrderedDict[bytes, tuple[bool, float]] = OrderedDict()
        self._pool = ThreadPoolExecutor(limits.hash_workers, thread_name_prefix="hash")
        self._waiting = 0
        self.welcome: Callable[[str], None] | None = None
        """Told the address of everybody who has logged in."""
        self.hashed = 0
        """How many passwords were hashed: the drill compares it with the guesses."""

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; the workers that hash stay as many as they are."""
        self._limits = limits
        self._failures.adopt(limits)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        return MECHANISMS

    def begin(self, mechanism: str, *, peer: str, channel: Channel | None) -> "Attempt":
        """A new exchange; each has a state of its own (threat A07). ``mechanism`` is one of ``mechanisms``.

        ``channel`` None means in the clear: every step is refused (threat A10).
        """
        name = mechanism.upper()
        if channel is None or name not in MECHANISMS:
            return _Never()
        if name == "PLAIN":
            return _Plain(self, peer)
        return _Login(self, peer) if name == "LOGIN" else _Scram(self, peer)

    async def check(self, user: str, password: str, *, peer: str) -> Passed | Refused:
        """Log in by name and password; the caller has made sure of TLS."""
        account = self._directory.login(user)
        verifiers = account.verifiers if account is not None else NOBODY
        name = account.address if account is not None else user.casefold()[:255]
        fingerprint = self._fingerprint(name, verifiers, password)
        known = self._recall(fingerprint)
        if known is False:  # the same wrong password again is a forgotten device, not a guess
            return self._refuse(user, peer)
        charge = self._failures.charge(peer, name)
        if isinstance(charge, str):
            self._journal.note("auth.blocked", Level.WARNING, user=user, peer=peer, reason=charge)
            return Refused(transient=True, reason=charge)
        if known is None:
            matched = await self._hash(verifiers, password, charge)
            if matched is None:
                return Refused(transient=True, reason="too many logins at once")
            self._remember(fingerprint, matched)
        else:
            matched = known
        return self._conclude(account if matched else None, user, peer, charge)

    async def _hash(self, verifiers: tuple[str, ...], password: str, charge: Charge) -> bool | None:
        """The slow check, in the pool; None when its queue is full."""
        if self._waiting >= self._limits.hash_backlog:
            self._failures.forgive(charge)
            return None
        self._waiting += 1
        try:
            self.hashed += 1
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, verify_password, verifiers, password)
        finally:
            self._waiting -= 1

    def _conclude(self, account: AccountRow | None, user: str, peer: str, charge: Charge) -> Passed | Refused:
        if account is None:
            return self._refuse(user, peer)
        # Asked again: the account may have been disabled, or given another password, while we hashed.
        now = self._directory.account(account.account)
        if now is None or not now.enabled or now.verifiers != account.verifiers:
            return self._refuse(user, peer)
        self._failures.succeed(charge)
        if self.welcome is not None:
            self.welcome(peer)
        return Passed(now, now.address)

    def _refuse(self, user: str, peer: str) -> Refused:
        self._journal.note("auth.failed", Level.WARNING, user=user, peer=peer)
        return Refused(transient=False, reason=BAD_CREDENTIALS)

    def _fingerprint(self, name: str, verifiers: tuple[str, ...], password: str) -> bytes:
        """The cache key (threat A09): each part with its length, so that no two logins share one."""
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (REALM, name, *verifiers, password):
            octets = part.encode("utf-8", "surrogatepass")
            digest.update(len(octets).to_bytes(4))
            digest.update(octets)
        return digest.digest()

    def _recall(self, fingerprint: bytes) -> bool | None:
        entry = self._cache.get(fingerprint)
        if entry is None:
            return None
        matched, until = entry
        if self._clock.monotonic() >= until:
            del self._cache[fingerprint]
            return None
        self._cache.move_to_end(fingerprint)
        return matched

    def _remember(self, fingerprint: bytes, matched: bool) -> None:
        self._cache[fingerprint] = (matched, self._clock.monotonic() + CACHE_SECONDS)
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)

    # what SCRAM needs

    def verifier_for(self, user: str) -> tuple[AccountRow | None, ScramVerifier]:
        """The account and its SCRAM verifier; for others a false one that is the same at each try (threat A04)."""
        account = self._directory.login(user)
        found = scram_verifier(account.verifiers) if account is not None else None
        if found is not None:
            return account, found
        salt = hmac.digest(self._secret, user.casefold().encode("utf-8", "surrogatepass"), "sha256")[:16]
        return None, ScramVerifier(self._limits.scram_iterations, salt, secrets.token_bytes(32), bytes(32))

    def prove(
        self,
        octets: bytes,
        first: ClientFirst,
        server_first: str,
        verifier: ScramVerifier,
        account: AccountRow | None,
        peer: str,
    ) -> tuple[bytes, Passed] | Refused:
        """Check a client's proof and give the server's."""
        name = account.address if account is not None else first.username.casefold()[:255]
        charge = self._failures.charge(peer, name)
        if isinstance(charge, str):
            self._journal.note("auth.blocked", Level.WARNING, user=first.username, peer=peer, reason=charge)
            return Refused(transient=True, reason=charge)
        try:
            final = verify_client_final(octets, first, server_first, verifier)
        except ValueError:
            final = None
        done = self._conclude(account if final is not None else None, first.username, peer, charge)
        return (final, done) if isinstance(done, Passed) and final is not None else self._as_refused(done)

    @staticmethod
    def _as_refused(done: Passed | Refused) -> Refused:
        return done if isinstance(done, Refused) else Refused(transient=False, reason=BAD_CREDENTIALS)

    def same_account(self, authzid: str, authcid: str) -> bool:
        """Whether ``authzid`` names the same account: nobody acts as somebody else (RFC 4616 section 2)."""
        if not authzid or authzid == authcid:
            return True
        wanted, own = self._directory.login(authzid), self._directory.login(authcid)
        return wanted is not None and own is not None and wanted.account == own.account

    def close(self) -> None:
        """Let the pool go; logins in progress are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


MALFORMED = Refused(transient=False, reason="malformed credentials")


class Attempt:
    """One exchange of one mechanism: feed it what the client says, decoded from base64, until it is decided."""

    __slots__ = ("_authenticator", "_peer")

    def __init__(self, authenticator: Authenticator, peer: str) -> None:
        self._authenticator = authenticator
        self._peer = peer

    async def step(self, octets: bytes | None) -> Step:
        """The next step. None: the client sent no initial response, or (later) cancelled."""
        raise NotImplementedError


class _Never(Attempt):
    __slots__ = ()

    def __init__(self) -> None: ...

    async def step(self, octets: bytes | None) -> Step:  # noqa: ARG002  # whatever is said
        return Refused(transient=False, reason="no such mechanism here")


class _Plain(Attempt):
    __slots__ = ("_asked",)

    def __init__(self, authenticator: Authenticator, peer: str) -> None:
        super().__init__(authenticator, peer)
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
        if not self._authenticator.same_account(message.authzid, message.authcid):
            return Refused(transient=False, reason=BAD_CREDENTIALS)
        return await self._authenticator.check(message.authcid, message.password, peer=self._peer)


class _Login(Attempt):
    __slots__ = ("_asked", "_user")

    def __init__(self, authenticator: Authenticator, peer: str) -> None:
        super().__init__(authenticator, peer)
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
        return await self._authenticator.check(self._user, password, peer=self._peer)


class _Scram(Attempt):
    __slots__ = ("_account", "_asked", "_first", "_passed", "_server_first", "_verifier")

    def __init__(self, authenticator: Authenticator, peer: str) -> None:
        super().__init__(authenticator, peer)
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
        return self._begin(octets) if self._first is None else self._finish(octets, self._first)

    def _begin(self, octets: bytes) -> Step:
        try:
            first = parse_client_first(octets)
        except ValueError as error:
            return Refused(transient=False, reason=str(error))
        if not self._authenticator.same_account(first.authzid, first.username):
            return Refused(transient=False, reason=BAD_CREDENTIALS)
        self._first = first
        self._account, self._verifier = self._authenticator.verifier_for(first.username)
        nonce = secrets.token_urlsafe(NONCE_OCTETS)
        self._server_first = format_server_first(first, nonce, self._verifier.salt, self._verifier.iterations)
        return Challenge(self._server_first.encode())

    def _finish(self, octets: bytes, first: ClientFirst) -> Step:
        proven = self._authenticator.prove(octets, first, self._server_first, self._verifier, self._account, self._peer)
        if isinstance(proven, Refused):
            return proven
        final, self._passed = proven
        return Challenge(final)
