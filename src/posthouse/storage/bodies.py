"""Where content too large for the database is kept: away from this machine, under a key of its own.

An engine is given a ``Bodies`` or none. What it must do to be safe, in the
transaction that refers to the content (docs/adr/0010-bodies-in-object-storage.md):

- content whose name has a ``key_of`` gets a row in ``blob`` without octets, also if they are at hand,
  and one in ``body`` with that key;
- if the content had a row already, the key that lost goes into ``body_trash``;
- a row that leaves ``blob`` takes its row in ``body`` along, and its key goes into
  ``body_trash``. An object is deleted a day later, so who reads it meanwhile may finish.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from posthouse.storage.errors import StorageError
from posthouse.storage.ports import BlobWriter

TRASH_KEPT = 24 * 3600 * 1000
"""How long an object that nobody needs is kept, in milliseconds."""


class NotOurs(StorageError):
    """The place belongs to another store: both would delete what the other one needs."""


class Things(Protocol):
    """``Store`` has them."""

    async def get(self, name: str) -> bytes | None: ...


class BodyRows(Things, Protocol):
    """What the sweep of objects asks the engine, which alone knows what is needed."""

    async def put(self, name: str, value: bytes) -> None: ...

    async def lease(self, name: str, owner: str, now: int, until: int) -> int | None: ...

    async def due_trash(self, now: int, limit: int) -> Sequence[str]:
        """Objects in the trash whose time is over."""

    async def end_trash(self, keys: Sequence[str]) -> None:
        """They are gone, or needed after all."""

    async def needed(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of ``keys`` that content refers to."""


class Bodies(Protocol):
    """Given to an engine, which opens writers with it, reads, and lets it sweep."""

    def open(self) -> BlobWriter:
        """For content of any size: small ones stay in memory and go into the database."""

    def key_of(self, blob: str) -> str | None:
        """The object of content that came in through this process and may still be linked; None: there is none."""

    async def read_new(self, blob: str, start: int, length: int | None) -> bytes:
        """Octets of content that came in through this process; raises ``Missing``, ``StorageError``."""

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Octets of an object, which it must have; raises ``Missing``, ``StorageError``."""

    async def check(self, things: Things) -> None:
        """Before anybody is served. Raises ``NotOurs``, and ``StorageError`` if it cannot be reached."""

    def sweep(self, rows: BodyRows, now: int) -> AsyncIterator[str]:
        """Delete what is due, one node at a time; yields what it did, for the log."""

    async def close(self) -> None:
        """Let go of what it holds."""
