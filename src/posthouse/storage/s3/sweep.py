"""Deleting objects that nobody needs: what is in the trash for a day, and what never got a row.

A bucket has one owner: the sweep deletes what *its* store does not know, so
two stores that share a prefix by mistake would delete each other's mail. An
object ``owner`` in the prefix says whose it is, and is looked at before each sweep.
"""

import time
from collections.abc import AsyncIterator

from posthouse.lib.ports import Ids
from posthouse.storage.bodies import TRASH_KEPT, BodyRows, NotOurs, Things
from posthouse.storage.s3.objects import Objects

HOUR = 3600 * 1000
SETTLED = TRASH_KEPT + HOUR
"""An hour this old has no object any more that could still be linked."""
FIRST_LOOK = 48 * HOUR
MOST_HOURS = 24 * 60
"""A node that was away for two months does not list each hour of a year."""
LEASE = 300 * 1000
CHUNK = 200

JOB = "bodies.sweep"
OWNER = "bodies.owner"
SWEPT = "bodies.swept"
OWNER_KEY = "owner"


def hour_prefix(at: int) -> str:
    """Where the keys made in the hour of ``at`` (milliseconds) are."""
    return time.strftime("b/%Y%m%d%H/", time.gmtime(at // 1000))


class ObjectSweeper:
    """One of them a process; a lease lets one of the nodes work."""

    def __init__(self, objects: Objects, ids: Ids) -> None:
        self._objects = objects
        self._ids = ids
        self._node = ids.token(12)
        self._is_busy = False

    async def check(self, things: Things) -> None:
        """``NotOurs`` if the prefix has an owner, and it is not this store."""
        theirs = await self._objects.whole(OWNER_KEY)
        if theirs is not None and theirs != await things.get(OWNER):
            raise NotOurs(
                f"{self._objects.place} belongs to another store: give this one a prefix of its own in [store] bodies"
            )

    async def _own(self, rows: BodyRows) -> None:
        """Write our name into a prefix that has no owner."""
        if await rows.get(OWNER) is None:
            await rows.put(OWNER, self._ids.token(18).encode())
        await self._objects.create(OWNER_KEY, await rows.get(OWNER) or b"")
        await self.check(rows)

    async def sweep(self, rows: BodyRows, now: int) -> AsyncIterator[str]:
        if self._is_busy:
            return
        self._is_busy = True
        try:
            if await self._hold(rows, now):
                async for line in self._sweep(rows, now):
                    yield line
        finally:
            self._is_busy = False

    async def _sweep(self, rows: BodyRows, now: int) -> AsyncIterator[str]:
        await self._own(rows)
        deleted = await self._trash(rows, now)
        if deleted:
            yield f"{deleted} objects deleted"
        orphans = await self._hours(rows, now)
        if orphans:
            yield f"{orphans} stray objects deleted"
        await rows.lease(JOB, self._node, now, now)

    async def _hold(self, rows: BodyRows, now: int) -> bool:
        return await rows.lease(JOB, self._node, now, now + LEASE) is not None

    async def _trash(self, rows: BodyRows, now: int) -> int:
        """The object first, its row in the trash last: after a crash in between it is deleted once more."""
        deleted = 0
        while keys := await rows.due_trash(now, CHUNK):
            needed = await rows.needed(keys)
            gone = [key for key in keys if key not in needed]
            await self._objects.delete(gone)
            await rows.end_trash(keys)
            deleted += len(gone)
        return deleted

    async def _hours(self, rows: BodyRows, now: int) -> int:
        """Every hour that is settled and was not looked at."""
        last = (now - SETTLED) // HOUR
        noted = await rows.get(SWEPT)
        hour = int(noted) + 1 if noted is not None else (now - FIRST_LOOK) // HOUR
        hour = max(hour, last - MOST_HOURS)
        deleted = 0
        while hour <= last:
            deleted += await self._strays(rows, hour_prefix(hour * HOUR))
            await rows.put(SWEPT, b"%d" % hour)
            hour += 1
        return deleted

    async def _strays(self, rows: BodyRows, prefix: str) -> int:
        deleted = 0
        async for keys in self._objects.list(prefix):
            needed = await rows.needed(keys)
            strays = [key for key in keys if key not in needed]
            await self._objects.delete(strays)
            deleted += len(strays)
        return deleted
