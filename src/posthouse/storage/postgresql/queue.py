"""Mail that is taken, and the queue: what waits for each other's company goes into one transaction."""

from collections.abc import Callable, Sequence

from posthouse.storage.acceptance import Acceptance, Accepted
from posthouse.storage.postgresql import posting
from posthouse.storage.postgresql.acceptance import KeyOf, accept_batch
from posthouse.storage.postgresql.grouping import Group
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement
from posthouse.storage.sql.walking import Walk

Settling = tuple[Sequence[Settlement], Sequence[Acceptance]]


class Queue:
    """Promise points 1 and 2."""

    def __init__(self, units: Units, key_of: KeyOf, now: Callable[[], int]) -> None:
        self._units = units
        self._key_of = key_of
        self._now = now
        self._walk = Walk()
        self._acceptances = Group[Acceptance, Accepted](units, self._accept_batch, lambda one: one.trace)
        self._settlings = Group[Settling, list[bool]](units, self._settle_batch, id)

    async def close(self) -> None:
        """Everybody who waits is answered."""
        await self._acceptances.close()
        await self._settlings.close()

    async def accept(self, acceptance: Acceptance) -> Accepted:
        return await self._acceptances.submit(acceptance)

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        """Nothing for a while after the engine was away: leases have ended meanwhile whose holders come first."""
        if not self._units.is_steady:
            return []
        return await self._walk.claim(
            limit,
            lambda after, room: self._units.write(
                lambda tx: posting.claim(tx, owner, now, lease_until, room, avoid, after)
            ),
        )

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool]:
        return await self._units.write(lambda tx: posting.renew(tx, items, lease_until))

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()) -> Sequence[bool]:
        return await self._settlings.submit((settlements, reports))

    async def next_due(self) -> int | None:
        return await self._units.read(posting.next_due)

    async def queued(self, which: QueueFilter) -> Sequence[Item]:
        now = self._now()
        return await self._units.read(lambda tx: posting.queued(tx, which, now))

    async def hold(self, items: Sequence[int]) -> int:
        now = self._now()
        return await self._units.write(lambda tx: posting.hold(tx, items, now))

    async def release(self, items: Sequence[int], due_at: int) -> int:
        now = self._now()
        return await self._units.write(lambda tx: posting.release(tx, items, due_at, now))

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        async def unit(tx: Tx) -> int:
            await self._accept_each(tx, reports)
            return await posting.drop(tx, items, fates)

        return await self._units.write(unit)

    async def reclaim(self, owner: str) -> int:
        return await self._units.write(lambda tx: posting.reclaim(tx, owner))

    async def _accept_batch(self, tx: Tx, acceptances: Sequence[Acceptance]) -> list[Accepted]:
        return await accept_batch(tx, acceptances, self._key_of)

    async def _accept_each(self, tx: Tx, reports: Sequence[Acceptance]) -> None:
        """Reports, in one step; of two that are the same, one."""
        distinct = {report.trace: report for report in reports}
        if distinct:
            await self._accept_batch(tx, list(distinct.values()))

    async def _settle_batch(self, tx: Tx, wishes: Sequence[Settling]) -> list[list[bool]]:
        """Several workers' results in one transaction."""
        await self._accept_each(tx, [report for _, reports in wishes for report in reports])
        settlements = [one for wish, _ in wishes for one in wish]
        results = await posting.settle(tx, settlements, self._now())
        answers, start = [], 0
        for wish, _ in wishes:
            answers.append(results[start : start + len(wish)])
            start += len(wish)
        return answers
