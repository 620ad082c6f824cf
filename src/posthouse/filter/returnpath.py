"""Return paths that only we can have made (threat B07), after the idea of BATV (draft-levine-smtp-batv).

What leaves for others may name its sender as ``alice+b123…@office.test``: the
day, and a keyed hash of it and of the address. Whoever forges a report does not
know that address, and a true report comes to it, whatever it quotes. It is a
subaddress (RFC 5233), so it leads to its mailbox without anybody being asked.
"""

import base64
import hmac
import re
from collections.abc import Callable
from typing import Final

from posthouse.lib.ports import Clock
from posthouse.mail.address import Address

DAYS: Final = 14
"""Longer than anybody's queue."""
DAY_SECONDS: Final = 86400
CHARACTERS: Final = 10
"""Of the hash: 50 bits."""
LONGEST: Final = 64
"""RFC 5321 section 4.5.3.1.1."""
SEPARATOR: Final = "+"

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_TAG = re.compile(r"b(\d{3})([a-z2-7]{10})")


class ReturnPaths:
    """``secret`` is that of the store, so all nodes know what one has signed. ``is_own`` knows our domains."""

    __slots__ = ("_clock", "_is_own", "_secret", "signs")

    def __init__(self, secret: bytes, clock: Clock, is_own: Callable[[str], bool]) -> None:
        self._secret = secret
        self._clock = clock
        self._is_own = is_own
        self.signs = False
        """Whether what leaves is signed; what comes back is known either way."""

    def sign(self, reverse_path: str) -> str:
        """As it is said to others; unchanged if it is none of ours, or cannot bear a tag."""
        local, _, domain = reverse_path.rpartition("@")
        if not self.signs or _PLAIN.fullmatch(local) is None or not self._is_own(domain):
            return reverse_path
        signed = f"{local}{SEPARATOR}{self._tag(local, domain, self._today() % 1000)}"
        return f"{signed}@{domain}" if len(signed) <= LONGEST else reverse_path

    def knows(self, address: Address) -> bool:
        """Whether we signed it lately."""
        local, _, tag = address.local.rpartition(SEPARATOR)
        match = _TAG.fullmatch(tag.lower())
        if match is None or not local:
            return False
        day = int(match[1])
        is_late = (self._today() - day) % 1000 > DAYS
        return not is_late and hmac.compare_digest(self._tag(local, address.domain, day), tag.lower())

    def _today(self) -> int:
        return int(self._clock.now()) // DAY_SECONDS

    def _tag(self, local: str, domain: str, day: int) -> str:
        said = f"return-path\0{day:03d}\0{local.lower()}@{domain.lower()}"
        digest = hmac.digest(self._secret, said.encode("utf-8", "surrogatepass"), "sha256")
        return f"b{day:03d}{base64.b32encode(digest).decode().lower()[:CHARACTERS]}"
