"""How TLS went on our way to others, counted by the domain that mail was for (RFC 8460 section 4.3)."""

from typing import Final

import msgspec

from posthouse.lib.ports import Clock
from posthouse.mta.feedback.rows import RowBook, day_of

NO_STARTTLS: Final = "starttls-not-supported"
EXPIRED: Final = "certificate-expired"
MISMATCH: Final = "certificate-host-mismatch"
UNTRUSTED: Final = "certificate-not-trusted"
OTHER: Final = "validation-failure"

MOST_SEEN: Final = 5000
NO_POLICY: Final = "no-policy-found"

_CERT_HAS_EXPIRED: Final = 10
_MISMATCHES: Final = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class SessionRow(msgspec.Struct, frozen=True):
    """Sessions that went alike; ``failure`` is empty for those that went well, which name no host."""

    failure: str = ""
    host: str = ""
    address: str = ""
    policy: str = NO_POLICY


class Sessions:
    """Told of each session by the relay; it never waits."""

    __slots__ = ("_book", "_clock", "_seen", "wanted")

    def __init__(self, book: RowBook, clock: Clock) -> None:
        self.wanted = True
        self._book = book
        self._clock = clock
        self._seen: dict[tuple[str, str, SessionRow], int] = {}

    def saw(self, domain: str, host: str, address: str, failure: str) -> None:
        """A session for mail to ``domain``: ``failure`` is a word of the standard, or empty."""
        if not self.wanted or not domain or domain.startswith("["):
            return
        row = SessionRow(failure, host, address) if failure else SessionRow()
        key = (day_of(self._clock.now()), domain, row)
        known = self._seen.get(key, 0)
        if known or len(self._seen) < MOST_SEEN:
            self._seen[key] = known + 1

    async def write(self) -> None:
        """Put what was seen on the shelves."""
        seen, self._seen = self._seen, {}
        for (day, domain, row), count in seen.items():
            self._book.add(day, domain, b"", msgspec.msgpack.encode(row), count)
        await self._book.write()


def failure_of(error: BaseException) -> str:
    """The word for a handshake that failed."""
    while error.__cause__ is not None and not hasattr(error, "verify_code"):
        error = error.__cause__
    code = getattr(error, "verify_code", None)
    if not code:
        return OTHER
    if code == _CERT_HAS_EXPIRED:
        return EXPIRED
    return MISMATCH if code in _MISMATCHES else UNTRUSTED
