"""One session's view of a mailbox: which message has which number, and what is new since it last looked.

A view changes only when it is told to (RFC 9051 section 5.5, RFC 2180): new
messages and changed flags are taken in at any time, but a message that is
gone keeps its number until the session may say so. Held in flat arrays, and
equal sets of flags are one object, so that thousands of sessions can wait.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from posthouse.mail.ids import ModSeq, Uid
from posthouse.storage.mailbox import Delta, Mailbox, Message, View

SEEN = "\\Seen"
DELETED = "\\Deleted"
MANY = 100
"""Messages that go at once, from which on one walk over the whole view is cheaper."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a session's view learned, in the order in which to tell it."""

    expunged: tuple[tuple[int, Uid], ...] = ()
    """(number, UID), highest first, so that no number shifts before it is told."""
    exists: int | None = None
    """The number of messages, when it grew or shrank unannounced."""
    changed: tuple[int, ...] = ()
    """Indexes of messages whose flags are different now, new messages left out."""

    def __bool__(self) -> bool:
        return bool(self.expunged or self.changed) or self.exists is not None


NOTHING = Update()


class MailboxView:
    """Numbers, UIDs, flags and mod-sequences as this session knows them. An index is a number minus one."""

    __slots__ = ("_flags", "_gone", "_modseqs", "_sets", "highest", "mailbox", "settled", "uids")

    def __init__(self, view: View) -> None:
        self.mailbox: Mailbox = view.mailbox
        self.highest: ModSeq = view.highest
        """Everything up to here has been taken in."""
        self.settled: ModSeq = view.highest
        """Everything up to here has been told, messages that are gone included (RFC 7162 section 3.2)."""
        self.uids = array("I", (message.uid for message in view.messages))
        self._modseqs = array("Q", (message.modseq for message in view.messages))
        self._sets: dict[frozenset[str], frozenset[str]] = {}
        self._flags = [self._share(message.flags) for message in view.messages]
        self._gone: set[Uid] | None = None
        """UIDs that are gone and still have their number; None (not an empty set) costs an idle session nothing."""

    def __len__(self) -> int:
        return len(self.uids)

    def _share(self, flags: frozenset[str]) -> frozenset[str]:
        return self._sets.setdefault(flags, flags)

    def uid(self, index: int) -> Uid:
        return Uid(self.uids[index])

    def flags(self, index: int) -> frozenset[str]:
        return self._flags[index]

    def modseq(self, index: int) -> ModSeq:
        return ModSeq(self._modseqs[index])

    def index(self, uid: int) -> int | None:
        """Where ``uid`` stands, None if it is not in the view."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def first_unseen(self) -> int | None:
        r"""The number of the first message without ``\Seen``."""
        for index, flags in enumerate(self._flags):
            if SEEN not in flags:
                return index + 1
        return None

    @property
    def variety(self) -> int:
        """How many sets of flags there have been: new keywords make it grow."""
        return len(self._sets)

    @property
    def keywords(self) -> tuple[str, ...]:
        """Flags in use here that are not system flags."""
        used = frozenset().union(*self._sets) if self._sets else frozenset[str]()
        return tuple(sorted(flag for flag in used if not flag.startswith("\\")))

    @property
    def has_gone(self) -> bool:
        """Whether messages are gone that the session has not been told about."""
        return self._gone is not None

    def gone_among(self, uids: Iterable[Uid]) -> bool:
        """Whether one of ``uids`` is gone and the session has not been told."""
        return self._gone is not None and not self._gone.isdisjoint(uids)

    def take(self, messages: Iterable[Message]) -> list[int]:
        """Set flags as our own command left them; the indexes of those that are in the view."""
        indexes = []
        for message in messages:
            index = self.index(message.uid)
            if index is not None:
                self._set(index, message)
                indexes.append(index)
        return indexes

    def apply(self, delta: Delta, *, may_expunge: bool) -> Update:
        """Take ``delta`` in. With ``may_expunge`` messages that are gone lose their numbers now."""
        before = len(self.uids)
        self.highest = delta.highest
        self.mailbox = delta.mailbox
        changed = self._learn(delta.changed)
        if delta.vanished:
            known = {uid for uid in delta.vanished if self.index(uid) is not None}
            if known:
                self._gone = known if self._gone is None else self._gone | known
        grew = len(self.uids) > before
        if may_expunge and self._gone is not None:
            changed_uids = [self.uids[index] for index in changed]
            expunged = self.drop(self._gone)
            changed = [index for index in map(self.index, changed_uids) if index is not None]
        else:
            expunged = ()
        if self._gone is None:
            self.settled = self.highest
        return Update(expunged, len(self.uids) if grew else None, tuple(changed))

    def drop(self, uids: Iterable[Uid]) -> tuple[tuple[int, Uid], ...]:
        """Forget ``uids``: the (number, UID) of each that was there, highest first."""
        gone = frozenset(uids)
        if len(gone) > MANY:
            dropped = self._drop_many(gone)
        else:
            indexes = sorted([index for index in map(self.index, gone) if index is not None], reverse=True)
            dropped = tuple([(index + 1, Uid(self.uids[index])) for index in indexes])
            for index in indexes:
                del self.uids[index], self._modseqs[index], self._flags[index]
        if self._gone is not None:
            self._gone = self._gone.difference(gone) or None
        return dropped

    def _drop_many(self, gone: frozenset[Uid]) -> tuple[tuple[int, Uid], ...]:
        """In one walk over all."""
        dropped = [(index + 1, Uid(uid)) for index, uid in enumerate(self.uids) if uid in gone]
        kept = [index for index, uid in enumerate(self.uids) if uid not in gone]
        self.uids = array("I", (self.uids[index] for index in kept))
        self._modseqs = array("Q", (self._modseqs[index] for index in kept))
        self._flags = [self._flags[index] for index in kept]
        return tuple(reversed(dropped))

    def _learn(self, messages: Sequence[Message]) -> list[int]:
        changed = []
        last = self.uids[-1] if self.uids else 0
        fresh = []
        for message in messages:
            if message.uid > last:
                fresh.append(message)
                continue
            index = self.index(message.uid)
            if index is None:
                continue
            if self._flags[index] != message.flags:
                changed.append(index)
            self._set(index, message)
        for message in sorted(fresh, key=lambda one: one.uid):
            self.uids.append(message.uid)
            self._modseqs.append(message.modseq)
            self._flags.append(self._share(message.flags))
        return sorted(changed)

    def _set(self, index: int, message: Message) -> None:
        if message.modseq >= self._modseqs[index]:
            self._modseqs[index] = message.modseq
            self._flags[index] = self._share(message.flags)
