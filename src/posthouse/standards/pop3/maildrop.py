"""A maildrop as one session sees it: message numbers, sizes, marks (RFC 1939 section 5).

Numbers are given once, when the session opens the maildrop, and mean the same
message to its end whatever happens to the mailbox meanwhile. Sizes are filled
in as somebody asks for them.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

UNKNOWN = -1


class NoSuchMessage(Exception):
    """There is no message of that number, or it is marked as deleted; ``str()`` says which."""


class Maildrop:
    """``uids`` ascending, as the messages are numbered; ``octets`` of all of them together.

    Sixteen octets a message: a maildrop of a million must not cost more than its listing.
    """

    __slots__ = ("_deleted", "_octets", "_retrieved", "_sizes", "_uids", "_uidvalidity")

    def __init__(self, uidvalidity: int, uids: Sequence[int], octets: int) -> None:
        self._uidvalidity = uidvalidity
        self._uids = array("Q", uids)
        self._octets = octets
        self._sizes = array("q", [UNKNOWN]) * len(uids)
        self._deleted: set[int] = set()
        self._retrieved: set[int] = set()

    def stat(self) -> tuple[int, int]:
        """How many messages, and their size together, without those marked as deleted."""
        gone = sum(self.size(uid) or 0 for uid in self._deleted)
        return len(self._uids) - len(self._deleted), max(0, self._octets - gone)

    def uid(self, number: int) -> int:
        """The UID of a message that may still be asked for; raises ``NoSuchMessage``."""
        if not 1 <= number <= len(self._uids):
            raise NoSuchMessage(f"no message {number}, there are {len(self._uids)}")
        uid = self._uids[number - 1]
        if uid in self._deleted:
            raise NoSuchMessage(f"message {number} is deleted")
        return uid

    def unique_id(self, uid: int) -> str:
        """The unique-id of UIDL: the same in every session, for good (RFC 1939 section 7)."""
        return f"{self._uidvalidity}-{uid}"

    def delete(self, number: int) -> None:
        """Mark a message; raises ``NoSuchMessage``."""
        self._deleted.add(self.uid(number))

    def reset(self) -> None:
        self._deleted.clear()

    @property
    def deleted(self) -> list[int]:
        """The UIDs to remove in the UPDATE state."""
        return sorted(self._deleted)

    @property
    def retrieved(self) -> list[int]:
        """The UIDs that were read whole and stay."""
        return sorted(self._retrieved - self._deleted)

    def mark_retrieved(self, uid: int) -> None:
        self._retrieved.add(uid)

    def learn(self, sizes: Mapping[int, int]) -> None:
        for uid, size in sizes.items():
            at = self._place(uid)
            if at is not None:
                self._sizes[at] = size

    def size(self, uid: int) -> int | None:
        """None: not learnt, or the message is gone."""
        at = self._place(uid)
        size = UNKNOWN if at is None else self._sizes[at]
        return None if size == UNKNOWN else size

    def _place(self, uid: int) -> int | None:
        at = bisect_left(self._uids, uid)
        return at if at < len(self._uids) and self._uids[at] == uid else None

    def unknown(self, most: int) -> Iterator[Sequence[int]]:
        """The UIDs whose size is not known yet, in batches."""
        missing = array("Q", (uid for uid, size in zip(self._uids, self._sizes, strict=True) if size == UNKNOWN))
        return (missing[at : at + most] for at in range(0, len(missing), most))

    def scan_listings(self, most: int) -> Iterator[bytes]:
        """The lines of LIST, ``most`` at a time (RFC 1939 section 5, scan listing)."""
        sizes = self._sizes
        lines = ((number, sizes[number - 1]) for number, _ in self._left())
        return self._in_batches((f"{number} {size}\r\n" for number, size in lines if size != UNKNOWN), most)

    def unique_ids(self, most: int) -> Iterator[bytes]:
        """The lines of UIDL, ``most`` at a time."""
        return self._in_batches((f"{number} {self._uidvalidity}-{uid}\r\n" for number, uid in self._left()), most)

    def _left(self) -> Iterable[tuple[int, int]]:
        deleted = self._deleted
        return ((number, uid) for number, uid in enumerate(self._uids, 1) if uid not in deleted)

    @staticmethod
    def _in_batches(lines: Iterator[str], most: int) -> Iterator[bytes]:
        batch = []
        for line in lines:
            batch.append(line)
            if len(batch) == most:
                yield "".join(batch).encode()
                batch = []
        if batch:
            yield "".join(batch).encode()
