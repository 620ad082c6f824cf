"""Who is known to whom: somebody an account has written to, or whose mail it has taken out of Junk.

Kept on the shelf ``acquaintance``, as digests, in at most ``SLOTS`` notes of
``PLACES`` places for each account: who writes to the whole world fills his own
book and nobody's disk. It is written beside the road, never on it: a message
that was submitted waits for nothing here.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from posthouse.filter.boundary import Judgement
from posthouse.filter.gathering import Gathering
from posthouse.filter.letter import Letter
from posthouse.lib.lru import Lru
from posthouse.lib.ports import Clock
from posthouse.mail.address import Address
from posthouse.mail.ids import AccountId
from posthouse.observe.ports import Journal
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

KIND: Final = "acquaintance"
SLOTS: Final = 2048
PLACES: Final = 8
"""Of a slot; the one that was written to longest ago makes room."""

DIGEST_OCTETS: Final = 8
YEARS: Final = 2 * 366 * 86400 * 1000
MOST_WAITING: Final = 10_000
MOST_REMEMBERED: Final = 20_000


class Acquaintance:
    """Implements ``filter.boundary.Witness`` for mail of our own people: they know whom they write to."""

    __slots__ = ("_clock", "_gathering", "_known", "_store", "_waiting")

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._clock = clock
        self._known: Lru[tuple[str, bytes], bool] = Lru(MOST_REMEMBERED)
        """What need not be written again."""
        self._waiting: dict[tuple[str, bytes], None] = {}
        self._gathering = Gathering(self.flush, journal, "acquaintance.unwritten")

    async def knows(self, account: AccountId, address: Address) -> bool:
        """Whether ``account`` has written to ``address``."""
        place = placed(account, address)
        if place in self._known or place in self._waiting:
            return True
        key, digest = place
        notes = await self._store.notes(KIND, (key,))
        found = any(digest in _digests(note.value) for note in notes)
        if found:
            self._known.put(place, True)
        return found

    async def strangers(self, account: AccountId, addresses: Sequence[Address]) -> int:
        """To how many of them ``account`` has never written."""
        unknown = {place for place in (placed(account, one) for one in addresses) if not self._recalls(place)}
        if not unknown:
            return 0
        notes = await self._store.notes(KIND, tuple({key for key, _ in unknown}))
        kept = {note.key: set(_digests(note.value)) for note in notes}
        return sum(digest not in kept.get(key, ()) for key, digest in unknown)

    def _recalls(self, place: tuple[str, bytes]) -> bool:
        return place in self._known or place in self._waiting

    def saw(self, letter: Letter, judgement: Judgement) -> None:
        """Somebody of ours has sent a message."""
        if letter.submitter is not None and judgement.action.lets_in:
            self.remember(letter.submitter, [one.address for one in letter.recipients])

    def remember(self, account: AccountId, addresses: Iterable[Address]) -> None:
        """``account`` knows these from now on."""
        for address in addresses:
            place = placed(account, address)
            if place not in self._known and len(self._waiting) < MOST_WAITING:
                self._waiting[place] = None
        if self._waiting:
            self._gathering.soon()

    async def flush(self) -> None:
        """Write what waits; until it is written it waits, and is known."""
        waiting = tuple(self._waiting)
        by_key: dict[str, list[bytes]] = {}
        for key, digest in waiting:
            by_key.setdefault(key, []).append(digest)
        if by_key:
            await self._store.put_notes(await self._merged(by_key))
        for place in waiting:
            self._known.put(place, True)
            self._waiting.pop(place, None)

    async def _merged(self, by_key: dict[str, list[bytes]]) -> list[Note]:
        kept = {note.key: note.value for note in await self._store.notes(KIND, tuple(by_key))}
        now = int(self._clock.now() * 1000)
        return [
            Note(KIND, key, _merge(_digests(kept.get(key, b"")), fresh), now, now + YEARS)
            for key, fresh in by_key.items()
        ]


def placed(account: AccountId, address: Address) -> tuple[str, bytes]:
    """The note and the digest of an acquaintance."""
    digest = hashlib.blake2b(f"{account}\0{address.key}".encode(), digest_size=DIGEST_OCTETS + 4).digest()
    slot = int.from_bytes(digest[DIGEST_OCTETS:], "big") % SLOTS
    return f"{account}/{slot:04x}", digest[:DIGEST_OCTETS]


def _digests(value: bytes) -> Sequence[bytes]:
    return [value[at : at + DIGEST_OCTETS] for at in range(0, len(value), DIGEST_OCTETS)]


def _merge(kept: Sequence[bytes], fresh: Sequence[bytes]) -> bytes:
    """The latest come last; there are at most ``PLACES``."""
    known = [one for one in kept if one not in fresh] + list(dict.fromkeys(fresh))
    return b"".join(known[-PLACES:])
