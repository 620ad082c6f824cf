"""Greylisting (RFC 6647): who is new is asked to come again, which a mail server does and many a robot does not.

Remembered is the triplet of the client's network, the sender and the
recipient, on the shelf ``greylist``; a network whose triplets passed a few times
is not asked any more. What is remembered of strangers is bounded: in a flood of
new triplets greylisting lets everybody in rather than fill the disk.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from posthouse.filter.allowance import HOUR, Allowance
from posthouse.filter.connections import surroundings
from posthouse.lib.ports import Clock
from posthouse.mail.reply import Reply
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note

KIND: Final = "greylist"
GOOD_PASSES: Final = 5
"""Triplets of a network that passed, after which all of it passes."""

NEW_AN_HOUR: Final = 50_000
"""Triplets remembered anew; more is a flood."""

PASSED: Final = b"passed"


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds: too early before ``delay``, too late after ``window``; who passed is known for ``keep``."""

    delay: float = 300.0
    window: float = 86400.0
    keep: float = 36 * 86400.0


class Greylist:
    """``is_wanted`` says whether it applies at the moment: always, or under stress."""

    __slots__ = ("_clock", "_is_wanted", "_new", "_store", "_terms")

    def __init__(self, store: Store, clock: Clock, terms: Terms, is_wanted: Callable[[], bool]) -> None:
        self._store = store
        self._clock = clock
        self._terms = terms
        self._is_wanted = is_wanted
        self._new: Allowance[str] = Allowance(NEW_AN_HOUR, HOUR, clock)

    @property
    def is_on(self) -> bool:
        return self._is_wanted()

    async def ask(self, address: str, sender: str, recipient: str) -> Reply | None:
        """None to let it in; otherwise when to come again. Raises ``StorageError``."""
        near = str(surroundings(address)[1:2])
        network, triplet = _key("net", near), _key("triplet", near, sender.lower(), recipient)
        notes = {note.key: note for note in await self._store.notes(KIND, (network, triplet))}
        now = int(self._clock.now() * 1000)
        passes = notes.get(network)
        count = int(passes.value) if passes is not None else 0
        if count >= GOOD_PASSES:
            return None
        seen = notes.get(triplet)
        if seen is None:
            return await self._begin(triplet, now)
        if seen.value == PASSED:
            return None
        waited = (now - seen.at) / 1000
        if waited < self._terms.delay:
            return come_again(self._terms.delay - waited)
        until = now + int(self._terms.keep * 1000)
        passed = Note(KIND, triplet, PASSED, now, until)
        await self._store.put_notes((passed, Note(KIND, network, str(count + 1).encode(), now, until)))
        return None

    async def _begin(self, triplet: str, now: int) -> Reply | None:
        if not self._new.take("all"):
            return None
        await self._store.put_notes((Note(KIND, triplet, b"", now, now + int(self._terms.window * 1000)),))
        return come_again(self._terms.delay)


def come_again(seconds: float) -> Reply:
    """RFC 6647 section 5: temporary, and said so."""
    return Reply(451, "4.7.0", (f"we do not know you yet: please come again in {max(1, round(seconds))} seconds",))


def _key(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
