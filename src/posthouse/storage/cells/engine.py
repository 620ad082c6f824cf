"""Several databases as one ``Store``: an account's calls go to its cell, mail is taken by any cell that writes.

Cell 0 is home: it has the directory, the shelves, leases, allotments and the
map of the cells. An acceptance whose recipients all live in one cell is one
transaction there. Otherwise, or when that cell does not answer for
``PATIENCE_SECONDS`` (``accepting``), another cell takes it whole, also in one
transaction, and what is for others is carried to them (``transit``).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from posthouse.lib.ports import Ids
from posthouse.mail.ids import TraceId
from posthouse.observe.ports import Journal
from posthouse.storage.cells.accepting import Acceptor
from posthouse.storage.cells.content import CellBlobs
from posthouse.storage.cells.mailboxes import CellMailboxes
from posthouse.storage.cells.opened import OpenCells, joined
from posthouse.storage.cells.people import CellPeople
from posthouse.storage.cells.places import Cell, Places
from posthouse.storage.cells.queue import CellQueue
from posthouse.storage.cells.transit import Carrier
from posthouse.storage.postgresql.engine import PostgresStore
from posthouse.storage.standing import Backlog, Standing


class CellStore:
    """Implements ``Store``, each office by an object of its own; ``stores`` are the cells by number."""

    def __init__(
        self,
        stores: dict[int, PostgresStore],
        places: Places,
        journal: Journal,
        ids: Ids,
        open_one: Callable[[Cell], Awaitable[PostgresStore]],
    ) -> None:
        self.desk: Any = None
        """What operators do (``storage.cells.desk``)."""
        cells = self.cells = OpenCells(stores, places, journal, open_one)
        self.places, self.store = places, cells.store
        self.blobs = CellBlobs(cells.store, cells.usable)
        self.carrier = Carrier(cells, places, journal)
        self.acceptor = Acceptor(cells, self.blobs, self.carrier)
        self.accept = self.acceptor.accept

        queue = CellQueue(cells, self.blobs, self.acceptor, self.carrier)
        self.claim, self.renew, self.settle, self.reclaim = queue.claim, queue.renew, queue.settle, queue.reclaim
        self.next_due, self.watch_queue, self.queued = queue.next_due, queue.watch_queue, queue.queued
        self.hold, self.release, self.drop = queue.hold, queue.release, queue.drop

        boxes = CellMailboxes(cells, self.blobs)
        self.mailboxes, self.create_mailbox, self.rename_mailbox = (
            boxes.mailboxes, boxes.create_mailbox, boxes.rename_mailbox,
        )  # fmt: skip
        self.delete_mailbox, self.subscribe, self.subscriptions = (
            boxes.delete_mailbox, boxes.subscribe, boxes.subscriptions,
        )  # fmt: skip
        self.view, self.delta, self.read, self.change_flags = boxes.view, boxes.delta, boxes.read, boxes.change_flags
        self.copy, self.move, self.expunge, self.remove = boxes.copy, boxes.move, boxes.expunge, boxes.remove
        self.quarantined, self.watch = boxes.quarantined, cells.watch

        people = CellPeople(cells, journal, ids)
        self.directory, self.directory_pages, self.directory_since = (
            people.directory, people.directory_pages, people.directory_since,
        )  # fmt: skip
        self.population, self.accounts, self.aliases_to = people.population, people.accounts, people.aliases_to
        self.create_account, self.change_account, self.remove_account, self.move_account = (
            people.create_account, people.change_account, people.remove_account, people.move_account,
        )  # fmt: skip

        home = cells.home
        self.watch_directory, self.put_domain, self.remove_domain = (
            home.watch_directory, home.put_domain, home.remove_domain,
        )  # fmt: skip
        self.put_alias, self.remove_alias = home.put_alias, home.remove_alias
        self.get, self.put, self.agree = home.get, home.put, home.agree
        self.put_notes, self.notes, self.list_notes, self.drop_notes = (
            home.put_notes, home.notes, home.list_notes, home.drop_notes,
        )  # fmt: skip
        self.add_tallies, self.tallies, self.list_tallies, self.drop_tallies = (
            home.add_tallies, home.tallies, home.list_tallies, home.drop_tallies,
        )  # fmt: skip
        self.lease, self.take, self.broadcast, self.listen = home.lease, home.take, home.broadcast, home.listen
        self.note = home.note

    def start(self) -> None:
        self.cells.start()
        self.cells.spawn(self.carrier.run())

    @property
    def node(self) -> str:
        return self.cells.home.node

    # -- what all cells say

    async def record(self, trace: str) -> bytes | None:
        return next((found for found in await self.cells.ask_all(lambda one: one.record(trace)) if found), None)

    async def fates(self, trace: str) -> Sequence[bytes]:
        return joined(await self.cells.ask_all(lambda one: one.fates(trace)))

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        found = joined(await self.cells.ask_all(lambda one: one.records(since=since, limit=limit)))
        ours = [row for row in found if ">" not in row[0]]
        return sorted(ours, key=lambda row: (row[1], row[0]), reverse=True)[:limit]

    async def latest_trace(self) -> str:
        return max(await self.cells.ask_all(lambda one: one.latest_trace()), default="").partition(">")[0]

    async def standing(self) -> Standing:
        """Home's, with the servers and the queues of all."""
        seen = await self.cells.ask_all(lambda one: one.standing())
        servers = tuple(server for one in seen for server in one.servers)
        return msgspec.structs.replace(seen[0], backlog=_sum([one.backlog for one in seen]), servers=servers)

    async def sweep(self, now: int) -> AsyncIterator[str]:
        for cell in self.cells.usable():
            async for done in self.store(cell).sweep(now):
                yield done

    async def close(self) -> None:
        await self.cells.close()


def _sum(queues: Sequence[Backlog]) -> Backlog:
    oldest = [one.oldest_due for one in queues if one.oldest_due]
    owners: dict[str, int] = {}
    for one in queues:
        for owner, count in one.owners:
            owners[owner] = owners.get(owner, 0) + count
    return Backlog(
        sum(one.waiting for one in queues), sum(one.due for one in queues), sum(one.claimed for one in queues),
        sum(one.held for one in queues), min(oldest, default=0), tuple(sorted(owners.items())),
    )  # fmt: skip
