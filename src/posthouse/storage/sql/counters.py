"""The counters that every message moves, while they are in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.storage.mailbox import Role

QUARANTINE = Role.QUARANTINE.name


@dataclass(slots=True)
class Tally:
    """Of an account. ``quota`` 0 is a refusal to count, not a size: accounts are made with a limit."""

    modseq: int
    used: int
    quota: int
    mailboxes: int
    uidvalidity: int

    def has_room(self, octets: int) -> bool:
        return self.used + octets <= self.quota

    def next_modseq(self) -> int:
        self.modseq += 1
        return self.modseq


@dataclass(slots=True)
class Box:
    """Of a mailbox."""

    mailbox: int
    uidvalidity: int
    uidnext: int
    modseq: int
    messages: int
    unseen: int
    size: int
    deleted: int
    role: str | None = None
    late: int = 0
    """Messages that its row does not count yet (the embedded engine: ``storage.sqlite.late``)."""

    @property
    def is_counted(self) -> bool:
        """Whether its octets count towards the quota."""
        return self.role != QUARANTINE

    def add(self, flags: str, octets: int, modseq: int) -> int:
        """Room for one more message; its UID."""
        uid = self.uidnext
        self.uidnext = uid + 1
        self.modseq = modseq
        self._count(flags, octets, 1)
        return uid

    def add_all(self, flags: Sequence[str], octets: int, modseq: int) -> int:
        """Room for many at once; the UID of the first."""
        first = self.uidnext
        self.uidnext += len(flags)
        self.modseq = modseq
        self.messages += len(flags)
        self.size += octets
        for text, count in Counter(flags).items():
            self.unseen += count * ("\\Seen" not in text)
            self.deleted += count * ("\\Deleted" in text)
        return first

    def take(self, flags: str, octets: int, modseq: int) -> None:
        self.modseq = modseq
        self._count(flags, octets, -1)

    def reflag(self, before: str, after: str, modseq: int) -> None:
        self.modseq = modseq
        self._count(before, 0, -1)
        self._count(after, 0, 1)

    def _count(self, flags: str, octets: int, by: int) -> None:
        self.messages += by
        self.size += by * octets
        if "\\Seen" not in flags:
            self.unseen += by
        if "\\Deleted" in flags:
            self.deleted += by
