"""Mail that is taken, and the queue: which unit runs where."""

from collections.abc import Callable, Sequence

from posthouse.storage.acceptance import Acceptance, Accepted
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement
from posthouse.storage.sql.walking import Walk
from posthouse.storage.sqlite import posting
from posthouse.storage.sqlite.acceptance import Whereabouts, accept
from posthouse.storage.sqlite.ledger import Ledger
from posthouse.storage.sqlite.readers import Readers
from posthouse.storage.sqlite.tx import Tx
from posthouse.storage.sqlite.writer import HEAVY_MESSAGES, Writer


class Queue:
    """Promise points 1 and 2. What ``ledger`` has to write goes along with the next acceptance."""

    def __init__(
        self, writer: Writer, readers: Readers, whereabouts: Whereabouts, ledger: Ledger, now: Callable[[], int]
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._whereabouts = whereabouts
        self._ledger = ledger
        self._now = now
        self._walk = Walk()

    async def accept(self, acceptance: Acceptance) -> Accepted:
        self._ledger.write()
        return await self._writer.submit(lambda tx: accept(tx, acceptance, self._whereabouts))

    def _accept_all(self, tx: Tx, reports: Sequence[Acceptance]) -> None:
        for report in reports:
            accept(tx, report, self._whereabouts)

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        return await self._walk.claim(
            limit,
            lambda after, room: self._writer.submit(
                lambda tx: posting.claim(tx, owner, now, lease_until, room, avoid, after), heavy=True
            ),
        )

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool]:
        return await self._writer.submit(lambda tx: posting.renew(tx, items, lease_until))

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()) -> Sequence[bool]:
        def unit(tx: Tx) -> list[bool]:
            self._accept_all(tx, reports)
            return posting.settle(tx, settlements)

        return await self._writer.submit(unit, heavy=len(settlements) > HEAVY_MESSAGES)

    async def next_due(self) -> int | None:
        return await self._readers.read(posting.next_due)

    async def queued(self, which: QueueFilter) -> Sequence[Item]:
        now = self._now()
        return await self._readers.read(lambda snapshot: posting.queued(snapshot, which, now))

    async def hold(self, items: Sequence[int]) -> int:
        now = self._now()
        return await self._writer.submit(lambda tx: posting.hold(tx, items, now), heavy=len(items) > HEAVY_MESSAGES)

    async def release(self, items: Sequence[int], due_at: int) -> int:
        now = self._now()
        return await self._writer.submit(
            lambda tx: posting.release(tx, items, due_at, now), heavy=len(items) > HEAVY_MESSAGES
        )

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        def unit(tx: Tx) -> int:
            self._accept_all(tx, reports)
            return posting.drop(tx, items, fates)

        return await self._writer.submit(unit, heavy=len(items) > HEAVY_MESSAGES)

    async def reclaim(self, owner: str) -> int:
        return await self._writer.submit(lambda tx: posting.reclaim(tx, owner), heavy=True)
