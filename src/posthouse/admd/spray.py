"""Guessing that no single counter sees: one password tried with many names, and failures of the whole house (A03).

What was tried is kept for an hour as a hash under a key that dies with the
process. Nothing is refused here: an alarm tells a person, once in ten minutes.
"""

import hmac
import secrets
from typing import Final

import msgspec

from posthouse.admd.limits import Limits
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level

HOUR: Final = 3600.0
MINUTE: Final = 60.0
QUIET_SECONDS: Final = 600.0
"""Between two alarms about the same."""
MOST_PASSWORDS: Final = 8192
MOST_ALARMS: Final = 1024


class _Tried(msgspec.Struct):
    since: float
    names: set[int]
    tries: int = 0


class Spray:
    """Watches failed logins."""

    __slots__ = ("_alarms", "_clock", "_failures", "_journal", "_key", "_limits", "_minute", "_tried")

    def __init__(self, limits: Limits, clock: Clock, journal: Journal) -> None:
        self._limits = limits
        self._clock = clock
        self._journal = journal
        self._key = secrets.token_bytes(32)
        self._tried: Lru[bytes, _Tried] = Lru(MOST_PASSWORDS)
        self._alarms: Lru[str, float] = Lru(MOST_ALARMS)
        self._minute = clock.monotonic()
        self._failures = 0

    def adopt(self, limits: Limits) -> None:
        """Go by ``limits`` from now on."""
        self._limits = limits

    def note(self, name: str, password: str | None, peer: str) -> None:
        """A login has failed; ``password`` None where nobody told us one (SCRAM)."""
        now = self._clock.monotonic()
        self._count(now)
        if password is None:
            return
        digest = hmac.digest(self._key, password.encode("utf-8", "surrogatepass"), "sha256")[:16]
        tried = self._tried.get(digest)
        if tried is None or now - tried.since >= HOUR:
            tried = _Tried(now, set())
            self._tried.put(digest, tried)
        tried.tries += 1
        most = self._limits.spray_accounts
        if len(tried.names) < most:
            tried.names.add(hash(name))
        if len(tried.names) >= most:
            self._alarm("auth.spray", digest.hex(), names=len(tried.names), tries=tried.tries, peer=peer)

    def note_locked(self, name: str) -> None:
        """An account has been guessed at so often that it is closed to strangers."""
        self._alarm("auth.attacked", name, user=name)

    def _count(self, now: float) -> None:
        if now - self._minute >= MINUTE:
            self._minute, self._failures = now, 0
        self._failures += 1
        if self._failures >= self._limits.auth_failures_minute:
            self._alarm("auth.flood", "", failures=self._failures, seconds=round(now - self._minute))

    def _alarm(self, event: str, about: str, **values: object) -> None:
        now = self._clock.monotonic()
        last = self._alarms.get(event + about)
        if last is None or now - last >= QUIET_SECONDS:
            self._alarms.put(event + about, now)
            self._journal.note(event, Level.ALARM, **values)
