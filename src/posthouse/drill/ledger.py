"""What the server said it took, noted outside of it: an id and a SHA-256, written only after the 250 was read."""

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MARK = re.compile(rb"^X-Drill: (\S+)\r\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """``octets`` is the length of what was sent; what is read back is that, behind a prefix of the server's own."""

    sha256: str
    octets: int
    at: float


@dataclass(slots=True)
class Audit:
    """What a reader of the mailboxes found for what the ledger holds."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return not (self.lost or self.altered or self.duplicated)

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {len(self.lost)} lost, {len(self.altered)} altered, "
            f"{len(self.duplicated)} duplicated"
        )


@dataclass(slots=True)
class Ledger:
    entries: dict[str, Acknowledged] = field(default_factory=dict)

    def acknowledge(self, key: str, content: bytes) -> None:
        """Only after the 250."""
        self.entries[key] = Acknowledged(hashlib.sha256(content).hexdigest(), len(content), time.monotonic())

    def audit(self, found: Iterable[bytes], keys: Sequence[str] | None = None) -> Audit:
        """Compare ``found``, whole messages, with what was acknowledged (of ``keys`` alone, if given)."""
        seen: dict[str, list[bool]] = {}
        for message in found:
            if mark := MARK.search(message):
                key = mark[1].decode("ascii", "replace")
                seen.setdefault(key, []).append(self._matches(key, message))
        audit = Audit()
        for key in self.entries if keys is None else keys:
            audit.acknowledged += 1
            copies = seen.get(key, [])
            if not copies:
                audit.lost.append(key)
            elif not all(copies):
                audit.altered.append(key)
            elif len(copies) > 1:
                audit.duplicated.append(key)
        return audit

    def _matches(self, key: str, message: bytes) -> bool:
        known = self.entries.get(key)
        if known is None:
            return True
        return hashlib.sha256(message[-known.octets :]).hexdigest() == known.sha256


def marked(key: str, content: bytes) -> bytes:
    """``content`` with the field by which the ledger knows it."""
    return f"X-Drill: {key}\r\n".encode() + content
