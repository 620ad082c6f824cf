"""Logins that are not looked at as closely as they should be."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from posthouse.admd import exchange
from posthouse.admd.authenticator import Authenticator
from posthouse.admd.failures import Failures
from posthouse.admd.familiar import Kinship
from posthouse.admd.hashing import Checked
from posthouse.admd.recent import Recent
from posthouse.msa import submit
from posthouse.standards.smtp import arguments, server
from posthouse.standards.smtp.server import ServerConnection
from posthouse.supervisor.unguarded.replacing import replace


def _hurry_for_nobody() -> None:
    """A04: a name that nobody has costs no hash."""
    strict = Authenticator._hash  # noqa: SLF001 - what it does is replaced here

    async def check(self: Any, account: Any, *given: Any, **named: Any) -> Any:
        return await strict(self, account, *given, **named) if account is not None else Checked(matched=False)

    replace(Authenticator, "_hash", check)


def _sulk_after_nonsense() -> None:
    """A07: after a broken exchange nobody gets in for a while, as in CVE-2025-59028."""
    strict, decode = Authenticator.check, arguments.parse_base64
    until = [0.0]

    def read(text: str) -> Any:
        found = decode(text)
        if not found:
            until[0] = time.monotonic() + 5.0
        return found

    async def check(self: Any, user: str, password: str, **named: Any) -> Any:
        if time.monotonic() < until[0]:
            return exchange.Refused(transient=True, reason="try again")
        return await strict(self, user, password, **named)

    for module in (arguments, server):
        replace(module, "parse_base64", read)
    replace(Authenticator, "check", check)


def _sign_for_anybody() -> None:
    """A08."""
    replace(submit, "judge_authors", lambda *_given: None)


def _one_cache_key() -> None:
    """A09: the cache of logins knows names of accounts only, as in CVE-2025-30189."""

    def fingerprint(_self: Any, name: str, *_rest: Any) -> bytes:
        return name.encode()

    replace(Recent, "fingerprint", fingerprint)


def _log_in_in_the_clear() -> None:
    """A10."""

    def hello(self: Any, hello: Any) -> Any:
        return self.offer.hello(hello.verb, secured=True, authenticated=False)

    replace(ServerConnection, "hello_reply", hello)


def _know_nobody() -> None:
    """O11: an account that is guessed at is closed to its owner, too."""
    strict = Failures.charge

    def charge(self: Any, address: str, user: str, _kinship: Any = Kinship.STRANGE) -> Any:
        self._known.clear()
        return strict(self, address, user, Kinship.STRANGE)

    replace(Failures, "charge", charge)
    replace(Recent, "recall", lambda _self, _fingerprint: None)


WEAKENINGS: Mapping[str, Callable[[], None]] = {
    "A04": _hurry_for_nobody,
    "A07": _sulk_after_nonsense,
    "A08": _sign_for_anybody,
    "A09": _one_cache_key,
    "A10": _log_in_in_the_clear,
    "O11": _know_nobody,
}
