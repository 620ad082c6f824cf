"""The ``Bodies`` of an S3 bucket."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from posthouse.lib.ports import Clock, Ids
from posthouse.observe.ports import Journal
from posthouse.storage.bodies import BodyRows, Things
from posthouse.storage.errors import Missing
from posthouse.storage.ports import BlobWriter
from posthouse.storage.s3.objects import Objects, Patience, Place
from posthouse.storage.s3.sweep import ObjectSweeper, hour_prefix
from posthouse.storage.s3.writer import ObjectBlobWriter, Yard

UPLOADS_AT_ONCE = 8


class S3Bodies:
    """Make it in the loop that uses it. ``temporary`` is a directory of this process alone."""

    def __init__(
        self,
        place: Place,
        temporary: Path,
        *,
        over: int,
        clock: Clock,
        ids: Ids,
        journal: Journal,
        patience: Patience = Patience(),  # noqa: B008  a value that never changes
    ) -> None:
        self._objects = Objects(place, patience, journal)
        self._temporary = temporary
        self._clock = clock
        self._ids = ids
        self._sweeper = ObjectSweeper(self._objects, ids)
        self._yard = Yard(
            self._objects, over=over, slots=UPLOADS_AT_ONCE, new_key=self._new_key, temporary=self._new_file
        )
        temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in temporary.iterdir():
            left.unlink()

    def _new_key(self) -> tuple[str, int]:
        """Never the hash: a late deletion of one upload can never hit another of the same content."""
        at = int(self._clock.now() * 1000)
        return f"{hour_prefix(at)}{self._ids.token(18)}", at

    def _new_file(self) -> Path:
        return self._temporary / self._ids.token(12)

    def open(self) -> BlobWriter:
        return ObjectBlobWriter(self._yard)

    def key_of(self, blob: str) -> str | None:
        flight = self._yard.flights.find(blob, int(self._clock.now() * 1000))
        return None if flight is None else flight.key

    async def read_new(self, blob: str, start: int, length: int | None) -> bytes:
        flight = self._yard.flights.find(blob, int(self._clock.now() * 1000))
        if flight is None:
            raise Missing(f"blob {blob}")
        there = max(0, flight.size - start)
        return await self._objects.read(flight.key, start, there if length is None else min(length, there))

    async def read(self, key: str, start: int, length: int) -> bytes:
        return await self._objects.read(key, start, length)

    async def check(self, things: Things) -> None:
        await self._sweeper.check(things)

    def sweep(self, rows: BodyRows, now: int) -> AsyncIterator[str]:
        return self._sweeper.sweep(rows, now)

    async def close(self) -> None:
        self._yard.scribes.shutdown()
        with contextlib.suppress(OSError):
            self._temporary.rmdir()
