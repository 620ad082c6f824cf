"""Who is logging in: every door asks here, so there is one way to be let in and one count of failures.

A password costs one hash (``admd.hashing``), for which few wait at once; a login
that was right a moment ago is recognised without (``admd.recent``). Unknown users
cost and look the same as wrong passwords (threat A04). App passwords are told by
their look and cost a question to the store instead (``admd.apppasswords``); they
open the doors that they are for.
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable

from posthouse.admd.allotment import Allotment
from posthouse.admd.apppasswords import AppPasswords, parse_app_password
from posthouse.admd.credentials import scram_verifier
from posthouse.admd.directory import Directory
from posthouse.admd.exchange import (
    BAD_CREDENTIALS,
    Attempt,
    Challenge,
    Login,
    Never,
    Passed,
    Plain,
    Refused,
    Scram,
    Step,
)
from posthouse.admd.failures import DAY, HOUR, OF_ACCOUNT, Charge, Failures
from posthouse.admd.familiar import Familiar, Kinship
from posthouse.admd.hashing import Checked, Hasher, Terms, ThreadHasher, Turns
from posthouse.admd.limits import Limits
from posthouse.admd.passwords import BREACHED, PasswordPolicy, breach_key
from posthouse.admd.recent import Recent
from posthouse.admd.sessions import Sessions
from posthouse.admd.spray import Spray
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.lib.sansio import Channel
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal, Level
from posthouse.standards.sasl.scram import ClientFirst, ScramVerifier, verify_client_final
from posthouse.storage.directory import AccountRow
from posthouse.storage.ports import Store

__all__ = ("MECHANISMS", "Attempt", "Authenticator", "Challenge", "Passed", "Refused", "Step")

MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
"""What the doors offer, strongest first."""

BLUR_MICROSECONDS = 10_000
"""A hundred times what one look into the directory takes, and nothing to a person."""
MAX_JUDGED = 16384
NOBODY = AccountRow(AccountId(0), "", "", ("nobody",), 0, 0)
"""In the place of unknown users: hashing goes against a dummy, what is asked of the store is asked in vain."""
EXPIRED = "this password is too easy to guess and is not taken any longer; ask your postmaster for a new one"
BUSY = "too many logins at once"


async def _at_once(_seconds: float) -> None: ...


def _nobody_minds(_account: AccountRow, _weakness: str) -> None: ...


class Authenticator:
    """Checks logins against the directory. ``secret`` is that of the store: what it hides is the same after a restart.

    Without a ``store`` there are no app passwords, and nobody is known after a
    restart. ``pause`` is how a failure is made to cost time: it holds a
    connection, and nobody who works.
    """

    __slots__ = (
        "_clock",
        "_directory",
        "_failures",
        "_hasher",
        "_journal",
        "_judged",
        "_limits",
        "_pause",
        "_recent",
        "_secret",
        "_spray",
        "_turns",
        "app_passwords",
        "familiar",
        "hashed",
        "note_weakness",
        "policy",
        "sessions",
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
        store: Store | None = None,
        hasher: Hasher | None = None,
        pause: Callable[[float], Awaitable[None]] = _at_once,
    ) -> None:
        self._directory = directory
        self._limits = limits
        self._clock = clock
        self._journal = journal
        self._failures = Failures(limits, clock, exempt=exempt)
        self._spray = Spray(limits, clock, journal)
        self._secret = secret or secrets.token_bytes(32)
        self._recent = Recent(clock)
        self._judged: Lru[bytes, str] = Lru(MAX_JUDGED)
        self._hasher = hasher or ThreadHasher(limits.hash_workers)
        self._turns = Turns(limits.hash_workers, limits.hash_backlog)
        self._pause = pause
        self.sessions = Sessions(directory)
        self.app_passwords: AppPasswords | None = None
        self.familiar: Familiar | None = None
        if store is not None:
            self.app_passwords = AppPasswords(store, self._secret, clock, journal)
            self.familiar = Familiar(store, self._secret, clock, journal)
            self._failures.shared = (
                Allotment("account", limits.account_auth_failures_hour, HOUR, store, clock, journal),
                Allotment("source", limits.client_auth_failures_day, DAY, store, clock, journal),
            )
        self.policy = PasswordPolicy()
        self.note_weakness: Callable[[AccountRow, str], None] = _nobody_minds
        """Told of a right password that would not be taken today, and why; with nothing, of one that is good again."""
        self.welcome: Callable[[str], None] | None = None
        """Told the address of everybody who has logged in."""
        self.hashed = 0
        """How many passwords were hashed: the drill compares it with the guesses."""

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on; the workers that hash stay as many as they are."""
        self._limits = limits
        self._failures.adopt(limits)
        self._spray.adopt(limits)
        self._turns.adopt(limits.hash_backlog)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        return MECHANISMS

    def begin(self, mechanism: str, *, peer: str, channel: Channel | None, door: str = "") -> Attempt:
        """A new exchange; each has a state of its own (threat A07). ``mechanism`` is one of ``mechanisms``.

        ``channel`` None means in the clear: every step is refused (threat A10). ``door`` is the scope that an
        app password must have.
        """
        name = mechanism.upper()
        if channel is None or name not in MECHANISMS:
            return Never()
        if name == "PLAIN":
            return Plain(self, peer, door)
        return Login(self, peer, door) if name == "LOGIN" else Scram(self, peer, door)

    async def check(self, user: str, password: str, *, peer: str, door: str = "") -> Passed | Refused:
        """Log in by name and password; the caller has made sure of TLS."""
        account = self._directory.login(user)
        name = self._name_of(account, user)
        fingerprint = self._recent.fingerprint(name, (account or NOBODY).verifiers, password)
        known = self._recent.recall(fingerprint)
        if known is False:  # the same wrong password again is a forgotten device, not a guess
            return await self._refuse(user, peer)
        charge, kinship = await self._charge(account, name, peer, is_right=known is True)
        if isinstance(charge, str):
            return await self._block(charge, name, user, peer)
        letters = parse_app_password(password)
        if letters is not None and self.app_passwords is not None:
            return await self._check_app(self.app_passwords, account, letters, fingerprint, user, charge, door)
        if known is None:
            checked = await self._hash(account, password, fingerprint, is_owner=kinship > Kinship.STRANGE)
            if checked is None:
                self._failures.forgive(charge)
                return Refused(transient=True, reason=BUSY)
            self._recent.remember(fingerprint, matched=checked.matched)
            known = checked.matched
        return await self._conclude(
            account if known else None, user, peer, charge, password=password, weakness=self._judged.get(fingerprint)
        )

    async def _check_app(
        self,
        known: AppPasswords,
        account: AccountRow | None,
        letters: str,
        fingerprint: bytes,
        user: str,
        charge: Charge,
        door: str,
    ) -> Passed | Refused:
        """An app password is right, for this door, and not over."""
        found = await known.find(account.account if account is not None else None, letters)
        peer = charge.peer
        if account is None or found is None or door not in found.scopes:
            if found is not None:
                self._journal.note("auth.out-of-scope", Level.WARNING, user=user, peer=peer, door=door, id=found.id)
            else:
                self._recent.remember(fingerprint, matched=False)
            return await self._conclude(None, user, peer, charge, password=letters)
        done = await self._conclude(account, user, peer, charge, password=letters, weakness="")
        if isinstance(done, Passed):
            known.note_use(found, peer)
            return Passed(done.account, done.address, found.id)
        return done

    async def _charge(
        self, account: AccountRow | None, name: str, peer: str, *, is_right: bool = False
    ) -> tuple[Charge | str, Kinship]:
        """Count the attempt before it is looked at; who would be turned away is looked up first.

        A password that was right a moment ago, from where its owner is known, is no attempt at all.
        """
        row, kinship = account or NOBODY, Kinship.STRANGE
        if self.familiar is not None:
            kinship = self.familiar.recall(row, peer)
        if is_right and kinship is Kinship.KNOWN:
            return Charge((), peer, name, peer=peer), kinship
        charge = self._failures.charge(peer, name, kinship)
        if isinstance(charge, str) and self.familiar is not None and kinship is not Kinship.KNOWN:
            found = await self.familiar.kinship(row, peer)
            if found > kinship:
                kinship = found
                charge = self._failures.charge(peer, name, kinship)
        return charge, kinship

    async def _block(self, reason: str, name: str, user: str, peer: str) -> Refused:
        if reason == OF_ACCOUNT:
            self._spray.note_locked(name)
        self._journal.note("auth.blocked", Level.WARNING, user=user, peer=peer, reason=reason)
        await self._pause(self._failures.penalty_seconds(peer))
        return Refused(transient=True, reason=reason)

    async def _hash(
        self, account: AccountRow | None, password: str, fingerprint: bytes, *, is_owner: bool
    ) -> Checked | None:
        """The slow check; None when too many wait for one."""
        if not await self._turns.take(is_owner=is_owner):
            return None
        try:
            self.hashed += 1
            row = account or NOBODY
            least = self._limits.password_characters
            checked = await self._hasher.check(password, Terms(row.verifiers, row.address, least))
        finally:
            self._turns.give_back(is_owner=is_owner)
        if checked.matched:
            self._judged.put(fingerprint, checked.weakness or await self._breach(password))
        return checked

    async def _breach(self, password: str) -> str:
        is_breached = self.policy.is_breached
        if is_breached is None:
            return ""
        return BREACHED if await asyncio.to_thread(is_breached, breach_key(password)) else ""

    async def _conclude(
        self,
        account: AccountRow | None,
        user: str,
        peer: str,
        charge: Charge,
        *,
        password: str | None = None,
        weakness: str | None = None,
    ) -> Passed | Refused:
        """``weakness`` None: nobody has looked at the password (SCRAM does not show it)."""
        # Asked again: the account may have been disabled, or given another password, while we hashed.
        now = self._directory.account(account.account) if account is not None else None
        if now is None or not now.enabled or account is None or now.verifiers != account.verifiers:
            self._spray.note(charge.user, password, peer)
            await self._failures.fail(charge)
            return await self._refuse(user, peer)
        self._failures.succeed(charge)
        if self._is_over(now, weakness):
            self._journal.note("auth.expired", Level.WARNING, user=now.address, peer=peer)
            return Refused(transient=False, reason=EXPIRED, expired=True)
        if self.familiar is not None and not self._failures.is_exempt(peer):
            self.familiar.note_login(now, peer)
        if self.welcome is not None:
            self.welcome(peer)
        return Passed(now, now.address)

    def _is_over(self, account: AccountRow, weakness: str | None) -> bool:
        """Whether the time is up in which a weak password was still taken; who has one is told of it."""
        standing = self._directory.standing(account.account)
        if weakness is not None and bool(weakness) != bool(standing.weak):
            self.note_weakness(account, weakness)
        if not self.policy.refuses or not standing.weak or weakness == "":
            return False
        return self._clock.now() * 1000 >= standing.weak_at + self.policy.grace_seconds * 1000

    async def _refuse(self, user: str, peer: str) -> Refused:
        self._journal.note("auth.failed", Level.WARNING, user=user, peer=peer)
        await self._pause(self._failures.penalty_seconds(peer))
        return Refused(transient=False, reason=BAD_CREDENTIALS)

    # what SCRAM needs

    async def blur(self) -> None:
        """Wait for a time that nobody can guess, or it would be seen that a known name is found faster (threat A04).

        Timers of a loop are too coarse to let all answers take the same time.
        """
        await self._pause(secrets.randbelow(BLUR_MICROSECONDS) / 1e6)

    def verifier_for(self, user: str) -> tuple[AccountRow | None, ScramVerifier]:
        """The account and its SCRAM verifier; for others a false one that is the same at each try (threat A04)."""
        account = self._directory.login_afresh(user)
        found = scram_verifier(account.verifiers) if account is not None else None
        if found is not None:
            return account, found
        name = self._directory.login_name(user)  # each spelling of a name has one salt, as if it were somebody's
        salt = hmac.digest(self._secret, name.encode("utf-8", "surrogatepass"), "sha256")[:16]
        return None, ScramVerifier(self._limits.scram_iterations, salt, secrets.token_bytes(32), bytes(32))

    async def prove(
        self,
        octets: bytes,
        first: ClientFirst,
        server_first: str,
        verifier: ScramVerifier,
        account: AccountRow | None,
        peer: str,
    ) -> tuple[bytes, Passed] | Refused:
        """Check a client's proof and give the server's."""
        name = self._name_of(account, first.username)
        charge, _kinship = await self._charge(account, name, peer)
        if isinstance(charge, str):
            return await self._block(charge, name, first.username, peer)
        try:
            final = verify_client_final(octets, first, server_first, verifier)
        except ValueError:
            final = None
        done = await self._conclude(account if final is not None else None, first.username, peer, charge)
        if isinstance(done, Refused):
            return done
        return (final, done) if final is not None else Refused(transient=False, reason=BAD_CREDENTIALS)

    def same_account(self, authzid: str, authcid: str) -> bool:
        """Whether ``authzid`` names the same account: nobody acts as somebody else (RFC 4616 section 2).

        By the names alone: an answer without a hash must not tell that there is no such account (threat A04).
        """
        return not authzid or self._directory.login_name(authzid) == self._directory.login_name(authcid)

    def _name_of(self, account: AccountRow | None, user: str) -> str:
        """Under what its failures are counted: an account whose sessions were all ended begins anew."""
        if account is None:
            return self._directory.login_name(user)[:255]
        return f"{account.address}#{account.generation}" if account.generation else account.address

    def close(self) -> None:
        """Let the hasher go; logins in progress are dropped."""
        self._hasher.close()
