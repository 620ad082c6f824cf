"""Several databases as one ``Store``: an account's calls go to its cell, mail is taken by any cell that writes.

Cell 0 is home: it has the directory, the shelves, leases, allotments and the
map of the cells. An acceptance whose recipients all live in one cell is one
transaction there. Otherwise, or when that cell does not answer for
``PATIENCE_SECONDS``, another cell takes it whole, also in one transaction, and
what is for others is carried to them (``transit``).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from posthouse.lib.ports import Ids
from posthouse.mail.ids import AccountId, MailboxId, ModSeq, TraceId, Uid, UidValidity
from posthouse.observe.ports import Journal, Level
from posthouse.storage.acceptance import Acceptance, Accepted, Filing, Placed
from posthouse.storage.cells.content import CellBlobs
from posthouse.storage.cells.moving import move, stay, thaw
from posthouse.storage.cells.places import CHANGED, HOME, TRANSIT_DOMAIN, Cell, Place, Places, cell_of_number
from posthouse.storage.cells.transit import IN_MEMORY, Carrier, bill
from posthouse.storage.directory import AccountRow, AliasRow, Directory, DirectoryDelta, DomainRow, Population
from posthouse.storage.errors import Missing, Moved, StorageError
from posthouse.storage.mailbox import Change, Delta, Mailbox, Message, Quarantined, Role, Stored, View
from posthouse.storage.postgresql.engine import PostgresStore
from posthouse.storage.queue import Fate, Item, QueueFilter, Settlement
from posthouse.storage.shelf import Note, Tally
from posthouse.storage.standing import Backlog, Standing

PATIENCE_SECONDS: Final = 3.0
"""How long a cell is waited for before another one takes its mail: longer than its disk is ever slow."""
PROBE_SECONDS: Final = 1.0
REFRESH_SECONDS: Final = 30.0

T = TypeVar("T")


class CellStore:
    """Implements ``Store``. ``stores`` are the cells by number; home is among them."""

    def __init__(
        self,
        stores: dict[int, PostgresStore],
        places: Places,
        journal: Journal,
        ids: Ids,
        open_one: Callable[[Cell], Awaitable[PostgresStore]],
    ) -> None:
        self._ids = ids
        self.desk: Any = None
        """What operators do (``storage.cells.desk``)."""
        self._open_one = open_one
        self._stores = stores
        self._home = stores[HOME]
        self._places = places
        self._journal = journal
        self._blobs = CellBlobs(self.store, self.usable)
        self._carrier = Carrier(self, places, journal)
        self._watched: dict[object, tuple[AccountId, Callable[[], None], int, Callable[[], None]]] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._late: set[asyncio.Task[Accepted]] = set()

    def start(self) -> None:
        self._home.listen(CHANGED, lambda _text: self._spawn(self._refresh()))
        for run in (self._carrier.run(), self._probe(), self._refresh_now_and_then()):
            self._spawn(run)

    def _spawn(self, run: Any) -> None:
        task = asyncio.get_running_loop().create_task(run)
        self._tasks = [one for one in self._tasks if not one.done()] + [task]

    # -- the cells

    def store(self, cell: int) -> PostgresStore:
        try:
            return self._stores[cell]
        except KeyError:
            raise StorageError(f"cell {cell} is not open on this node: restart it, it may be new") from None

    def usable(self) -> list[int]:
        """Cells that answer, home first; all of them when none does: somebody has to wait."""
        return [cell for cell, store in self._stores.items() if not store.is_held] or list(self._stores)

    @property
    def places(self) -> Places:
        return self._places

    async def _probe(self) -> None:
        """Who is away is asked until he is back."""
        asking: dict[int, asyncio.Task[Any]] = {}
        while True:
            for cell, store in self._stores.items():
                if store.is_held and (cell not in asking or asking[cell].done()):
                    asking[cell] = asyncio.ensure_future(_quietly(store.next_due()))
            for cell in self._places.cells.keys() - self._stores.keys():
                with suppress(StorageError):
                    self._stores[cell] = await self._open_one(self._places.cells[cell])
            await asyncio.sleep(PROBE_SECONDS)

    async def _refresh_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._refresh()

    async def refresh(self) -> None:
        """Read the map again, and let everybody know who has moved."""
        await self._refresh()

    async def _refresh(self) -> None:
        try:
            await self._places.refresh()
        except StorageError as error:
            self._journal.note("cells.unread", Level.WARNING, reason=str(error))
            return
        for token, (account, hint, cell, end) in list(self._watched.items()):
            now = self._places.of(account).cell
            if now != cell and now in self._stores:
                end()
                self._watched[token] = (account, hint, now, self.store(now).watch(account, hint))
                hint()

    async def _at(self, account: AccountId, ask: Callable[[PostgresStore], Awaitable[T]]) -> T:
        """What the cell of ``account`` says; asked again where it lives now, if it has moved.

        A cell that it has left refuses what would change something, and knows nothing to read.
        """
        place = self._place(account)
        try:
            return await ask(self.store(place.cell))
        except (Moved, Missing):
            await self._places.look(account)
            now = self._place(account)
            if now.cell == place.cell:
                raise
            return await ask(self.store(now.cell))

    async def _some(self, account: AccountId, ask: Callable[[PostgresStore], Awaitable[Sequence[T]]]) -> Sequence[T]:
        """The same for what is seldom nothing: where nothing is found, it is looked where the account lives now."""
        place = self._place(account)
        found = await ask(self.store(place.cell))
        if not found and (await self._places.look(account)).cell != place.cell:
            found = await ask(self.store(self._place(account).cell))
        return found

    def _place(self, account: AccountId) -> Place:
        place = self._places.of(account)
        if place.source is not None:
            raise Moved(f"account {account} is on its way to another cell")
        return place

    # -- acceptance

    @property
    def blobs(self) -> CellBlobs:
        return self._blobs

    @property
    def node(self) -> str:
        return self._home.node

    async def accept(self, acceptance: Acceptance) -> Accepted:
        if acceptance.blob.octets is None:
            acceptance = await self._with_content(acceptance)
        cells = {self._cell_for(filing) for filing in acceptance.filings}
        direct = cells.pop() if len(cells) == 1 else None
        if direct is None or not self._has(direct, acceptance):
            return await self._accept_anywhere(acceptance, self._host(acceptance))
        if not _may_wait_elsewhere(acceptance):
            return await self._accept_at(direct, acceptance)
        if direct not in self.usable():
            return await self._accept_anywhere(acceptance, self._host(acceptance))
        if acceptance.postings:  # begun in one cell and taken by another, they might be sent twice
            return await self._accept_at(direct, acceptance)
        return await self._accept_patiently(direct, acceptance)

    async def _with_content(self, acceptance: Acceptance) -> Acceptance:
        """Content known by its name alone: at hand if it is small, so that any cell may take it."""
        blob = acceptance.blob
        await self._blobs.find(blob.blob_id)
        if blob.size > IN_MEMORY:
            return acceptance
        octets = await self._blobs.read(blob.blob_id, 0, blob.size)
        return msgspec.structs.replace(acceptance, blob=msgspec.structs.replace(blob, octets=octets))

    def _cell_for(self, filing: Filing) -> int | None:
        place = self._places.of(filing.account)
        return None if place.source is not None else place.cell

    def _has(self, cell: int, acceptance: Acceptance) -> bool:
        """Whether its content is at hand, or there."""
        blob = acceptance.blob
        return blob.octets is not None or self._blobs.cell_of(blob.blob_id) in {None, cell}

    def _host(self, acceptance: Acceptance, but: int | None = None) -> int:
        """Who takes what not all can take: where its content is, or else whoever answers."""
        blob = acceptance.blob
        known = self._blobs.cell_of(blob.blob_id)
        if blob.octets is None and known is not None:
            return known
        others = [cell for cell in self.usable() if cell != but]
        return others[0] if others else HOME

    async def _accept_patiently(self, cell: int, acceptance: Acceptance) -> Accepted:
        """In ``cell``; in another one when it does not answer. Filed twice it is the same: a filing has a key."""
        attempt = asyncio.ensure_future(self._accept_at(cell, acceptance))
        self._late.add(attempt)
        attempt.add_done_callback(self._over)
        done, _ = await asyncio.wait([attempt], timeout=PATIENCE_SECONDS)
        if done and not isinstance(attempt.exception(), Moved):
            return attempt.result()
        host = self._host(acceptance, but=cell)
        return await attempt if host == cell and not done else await self._accept_anywhere(acceptance, host)

    def _over(self, task: "asyncio.Task[Accepted]") -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()

    async def _accept_at(self, cell: int, acceptance: Acceptance) -> Accepted:
        try:
            accepted = await self.store(cell).accept(acceptance)
        except Moved:
            await self._places.refresh()
            now = {self._cell_for(filing) for filing in acceptance.filings}
            if not _may_wait_elsewhere(acceptance) and (None in now or now == {cell}):
                raise
            accepted = await self._accept_anywhere(acceptance, self._host(acceptance, but=cell))
        self._blobs.saw(acceptance.blob, cell)
        return accepted

    async def _accept_anywhere(self, acceptance: Acceptance, host: int) -> Accepted:
        """At ``host``: what is for accounts elsewhere goes into transit."""
        accepted = await self.store(host).accept(self._as_seen_from(host, acceptance))
        self._carrier.wake()
        placed = [
            one if one.account == filing.account else _in_transit(filing)
            for one, filing in zip(accepted.placed, acceptance.filings, strict=True)
        ]
        return Accepted(tuple(placed), accepted.items)

    def _as_seen_from(self, host: int, acceptance: Acceptance) -> Acceptance:
        filings = [
            filing if self._cell_for(filing) == host else bill(acceptance, number, filing, self._places.transit(host))
            for number, filing in enumerate(acceptance.filings)
        ]
        return msgspec.structs.replace(acceptance, filings=tuple(filings))

    # -- the ledger

    def note(self, trace: TraceId, at: int, record: bytes) -> None:
        self._home.note(trace, at, record)

    async def record(self, trace: str) -> bytes | None:
        return next((found for found in await self._ask_all(lambda one: one.record(trace)) if found), None)

    async def fates(self, trace: str) -> Sequence[bytes]:
        return _joined(await self._ask_all(lambda one: one.fates(trace)))

    async def records(self, *, since: int = 0, limit: int = 100) -> Sequence[tuple[TraceId, int, bytes]]:
        found = _joined(await self._ask_all(lambda one: one.records(since=since, limit=limit)))
        ours = [row for row in found if ">" not in row[0]]
        return sorted(ours, key=lambda row: (row[1], row[0]), reverse=True)[:limit]

    async def latest_trace(self) -> str:
        return max(await self._ask_all(lambda one: one.latest_trace()), default="").partition(">")[0]

    async def _ask_all(self, ask: Callable[[PostgresStore], Awaitable[T]]) -> list[T]:
        """What the cells say that answer; an error if none does."""
        answers = await asyncio.gather(*(ask(self.store(cell)) for cell in self.usable()), return_exceptions=True)
        good: list[T] = [one for one in answers if not isinstance(one, BaseException)]
        bad = [one for one in answers if isinstance(one, BaseException)]
        if bad and not good:
            raise bad[0]
        return good

    # -- the queue: any cell's; an item's number says whose

    async def claim(
        self, *, owner: str, now: int, lease_until: int, limit: int, avoid: frozenset[str] = frozenset()
    ) -> Sequence[Item]:
        items: list[Item] = []
        for cell in self.usable():
            if len(items) < limit:
                with suppress(StorageError):
                    items += await self.store(cell).claim(
                        owner=owner, now=now, lease_until=lease_until, limit=limit - len(items), avoid=avoid
                    )
        for item in items:
            self._blobs.saw(item.content.blob, cell_of_number(item.item))
        return items

    async def renew(self, items: Sequence[tuple[int, int]], lease_until: int) -> Sequence[bool]:
        still: dict[tuple[int, int], bool] = {}
        for cell, own in _by_cell(items, lambda one: one[0]).items():
            with suppress(StorageError):
                still |= dict(zip(own, await self.store(cell).renew(own, lease_until), strict=True))
        return [still.get(item, True) for item in items]  # nobody has said that it is not; its time runs out here

    async def settle(self, settlements: Sequence[Settlement], reports: Sequence[Acceptance] = ()) -> Sequence[bool]:
        """In one cell it is one transaction. Of several, reports come first: a death repeats them, never loses them."""
        groups = _by_cell(settlements, lambda one: one.item)
        if not settlements or len(groups) == 1:
            cell = next(iter(groups), HOME)
            seen = [self._as_seen_from(cell, report) for report in reports]
            settled = await self.store(cell).settle(settlements, seen)
            self._carrier.wake()
            return settled
        for report in reports:
            await self.accept(report)
        results: dict[int, bool] = {}
        for cell, own in groups.items():
            results |= {one.item: done for one, done in zip(own, await self.store(cell).settle(own), strict=True)}
        return [results[one.item] for one in settlements]

    async def next_due(self) -> int | None:
        return min((due for due in await self._ask_all(lambda one: one.next_due()) if due is not None), default=None)

    def watch_queue(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Of the cells that are open now; what is due in one that comes back later is found by asking."""
        ends = [store.watch_queue(hint) for store in self._stores.values()]

        def end() -> None:
            for one in ends:
                one()

        return end

    async def queued(self, which: QueueFilter) -> Sequence[Item]:
        return _joined(await self._ask_all(lambda one: one.queued(which)))[: which.limit]

    async def hold(self, items: Sequence[int]) -> int:
        return sum([await self.store(cell).hold(own) for cell, own in _by_cell(items, int).items()])

    async def release(self, items: Sequence[int], due_at: int) -> int:
        return sum([await self.store(cell).release(own, due_at) for cell, own in _by_cell(items, int).items()])

    async def drop(self, items: Sequence[int], reports: Sequence[Acceptance] = (), fates: Sequence[Fate] = ()) -> int:
        for report in reports:
            await self.accept(report)
        dropped = 0
        for cell, own in _by_cell(items, int).items():
            dropped += await self.store(cell).drop(own, (), [fate for fate in fates if fate.item in own])
        return dropped

    async def reclaim(self, owner: str) -> int:
        return sum(await self._ask_all(lambda one: one.reclaim(owner)))

    # -- mailboxes: the account's cell

    async def mailboxes(self, account: AccountId) -> Sequence[Mailbox]:
        return await self._some(account, lambda one: one.mailboxes(account))

    async def create_mailbox(self, account: AccountId, name: str, role: Role | None = None) -> Mailbox:
        return await self._at(account, lambda one: one.create_mailbox(account, name, role))

    async def rename_mailbox(self, account: AccountId, mailbox: MailboxId, name: str) -> None:
        await self._at(account, lambda one: one.rename_mailbox(account, mailbox, name))

    async def delete_mailbox(self, account: AccountId, mailbox: MailboxId) -> None:
        await self._at(account, lambda one: one.delete_mailbox(account, mailbox))

    async def subscribe(self, account: AccountId, name: str, wanted: bool) -> None:
        await self._at(account, lambda one: one.subscribe(account, name, wanted))

    async def subscriptions(self, account: AccountId) -> Sequence[str]:
        return await self._some(account, lambda one: one.subscriptions(account))

    async def view(self, account: AccountId, mailbox: MailboxId) -> View:
        return await self._at(account, lambda one: one.view(account, mailbox))

    async def delta(self, account: AccountId, mailbox: MailboxId, since: ModSeq) -> Delta:
        return await self._at(account, lambda one: one.delta(account, mailbox, since))

    async def read(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Stored]:
        found = await self._some(account, lambda one: one.read(account, mailbox, uids))
        cell = self._places.of(account).cell
        for stored in found:
            self._blobs.saw(stored.content.blob, cell)
        return found

    async def change_flags(
        self,
        account: AccountId,
        mailbox: MailboxId,
        uids: Sequence[Uid],
        change: Change,
        flags: frozenset[str],
        unchanged_since: ModSeq | None = None,
    ) -> tuple[Sequence[Message], Sequence[Uid]]:
        return await self._at(
            account, lambda one: one.change_flags(account, mailbox, uids, change, flags, unchanged_since)
        )

    async def copy(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        return await self._at(account, lambda one: one.copy(account, source, uids, target))

    async def move(
        self, account: AccountId, source: MailboxId, uids: Sequence[Uid], target: MailboxId
    ) -> Sequence[tuple[Uid, Placed]]:
        return await self._at(account, lambda one: one.move(account, source, uids, target))

    async def expunge(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid] | None) -> Sequence[Uid]:
        return await self._at(account, lambda one: one.expunge(account, mailbox, uids))

    async def remove(self, account: AccountId, mailbox: MailboxId, uids: Sequence[Uid]) -> Sequence[Uid]:
        return await self._at(account, lambda one: one.remove(account, mailbox, uids))

    async def quarantined(
        self, account: AccountId | None = None, *, after: tuple[int, int] = (0, 0), limit: int = 100
    ) -> Sequence[Quarantined]:
        if account is not None:
            return await self._at(account, lambda one: one.quarantined(account, after=after, limit=limit))
        found = _joined(await self._ask_all(lambda one: one.quarantined(None, after=after, limit=limit)))
        return sorted(found, key=lambda one: (one.account, one.message.uid))[:limit]

    def watch(self, account: AccountId, hint: Callable[[], None]) -> Callable[[], None]:
        token, cell = object(), self._places.of(account).cell
        self._watched[token] = (account, hint, cell, self.store(cell).watch(account, hint))

        def end() -> None:
            watched = self._watched.pop(token, None)
            if watched is not None:
                watched[3]()

        return end

    # -- who we are: home, and how much is used from each cell

    async def directory(self) -> Directory:
        whole = await self._home.directory()
        return msgspec.structs.replace(whole, accounts=await self._counted(whole.accounts))

    async def directory_pages(self, *, by_domain: bool = False, accounts: bool = True) -> AsyncIterator[Directory]:
        async for page in self._home.directory_pages(by_domain=by_domain, accounts=accounts):
            yield msgspec.structs.replace(page, accounts=await self._counted(page.accounts))

    async def population(self) -> Mapping[str, Population]:
        return {name: count for name, count in (await self._home.population()).items() if name != TRANSIT_DOMAIN}

    async def accounts(self, numbers: Sequence[AccountId]) -> Sequence[AccountRow]:
        return await self._counted(await self._home.accounts(numbers))

    async def aliases_to(self, address: str) -> Sequence[AliasRow]:
        return await self._home.aliases_to(address)

    async def directory_since(self, epoch: int) -> DirectoryDelta | None:
        delta = await self._home.directory_since(epoch)
        if delta is None:
            return None
        news = msgspec.structs.replace(delta.news, accounts=await self._counted(delta.news.accounts))
        return msgspec.structs.replace(delta, news=news)

    async def _counted(self, rows: Sequence[AccountRow]) -> tuple[AccountRow, ...]:
        """Accounts of people, each with what is used as its cell says."""
        used: dict[AccountId, tuple[int, int]] = {}
        for cell, store in self._stores.items():
            if rows and cell != HOME and not store.is_held:
                with suppress(StorageError):
                    there = await store.accounts([row.account for row in rows])
                    used |= {row.account: (row.used, row.quota) for row in there if row.quota >= 0}
        transits = self._places.transits
        return tuple(
            msgspec.structs.replace(row, used=used[row.account][0], quota=used[row.account][1])
            if row.account in used
            else msgspec.structs.replace(row, quota=max(row.quota, -row.quota - 1))
            for row in rows
            if row.account not in transits
        )

    def watch_directory(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._home.watch_directory(hint)

    async def put_domain(self, domain: DomainRow) -> None:
        await self._home.put_domain(domain)

    async def remove_domain(self, name: str) -> None:
        await self._home.remove_domain(name)

    async def create_account(
        self, address: str, name: str, verifiers: Sequence[str], *, quota: int, admin: bool = False, at: int = 0
    ) -> AccountId:
        """In the cell with the fewest accounts that takes new ones."""
        everybody = [row.account for row in (await self._home.directory()).accounts]
        account = await self._home.create_account(address, name, verifiers, quota=quota, admin=admin, at=at)
        counts = {
            cell: count
            for cell, count in self._places.count(everybody).items()
            if not self._places.cells[cell].draining and cell in self.usable()
        }
        target = min(counts, key=lambda one: (counts[one], one), default=HOME)
        if target != HOME:
            try:
                await self.move_account(account, target)
            except StorageError as error:
                self._journal.note("cell.not-filled", Level.WARNING, cell=target, reason=str(error))
                if self._places.of(account) != Place(target):
                    await stay(self, account)
        return account

    async def move_account(self, account: AccountId, target: int) -> int:
        """**Durable.** With all its mail; how many rows that were."""
        return await move(self, account, target, self._ids)

    async def change_account(
        self,
        account: AccountId,
        *,
        name: str | None = None,
        verifiers: Sequence[str] | None = None,
        quota: int | None = None,
        admin: bool | None = None,
        enabled: bool | None = None,
    ) -> None:
        cell = self._place(account).cell
        if quota is not None and cell != HOME:
            await self.store(cell).change_account(account, quota=quota)
        await self._home.change_account(
            account, name=name, verifiers=verifiers, quota=quota if cell == HOME else None, admin=admin, enabled=enabled
        )

    async def remove_account(self, account: AccountId) -> None:
        cell = self._place(account).cell
        if cell != HOME:
            with suppress(Missing):  # of a removal that was interrupted
                await self.store(cell).remove_account(account)
            await thaw(self._home, account)
        await self._home.remove_account(account)
        await self._places.forget(account)

    async def put_alias(self, alias: AliasRow) -> None:
        await self._home.put_alias(alias)

    async def remove_alias(self, address: str) -> None:
        await self._home.remove_alias(address)

    # -- small things, shelves, nodes: home

    async def get(self, name: str) -> bytes | None:
        return await self._home.get(name)

    async def put(self, name: str, value: bytes) -> None:
        await self._home.put(name, value)

    async def agree(self, name: str, value: bytes) -> bytes:
        return await self._home.agree(name, value)

    async def put_notes(self, notes: Sequence[Note]) -> None:
        await self._home.put_notes(notes)

    async def notes(self, kind: str, keys: Sequence[str]) -> Sequence[Note]:
        return await self._home.notes(kind, keys)

    async def list_notes(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Note]:
        return await self._home.list_notes(kind, prefix=prefix, after=after, limit=limit)

    async def drop_notes(self, kind: str, keys: Sequence[str]) -> int:
        return await self._home.drop_notes(kind, keys)

    async def add_tallies(self, tallies: Sequence[Tally]) -> None:
        await self._home.add_tallies(tallies)

    async def tallies(self, kind: str, keys: Sequence[str]) -> Sequence[Tally]:
        return await self._home.tallies(kind, keys)

    async def list_tallies(self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Tally]:
        return await self._home.list_tallies(kind, prefix=prefix, after=after, limit=limit)

    async def drop_tallies(self, kind: str, keys: Sequence[str]) -> int:
        return await self._home.drop_tallies(kind, keys)

    async def lease(self, name: str, owner: str, now: int, until: int) -> int | None:
        return await self._home.lease(name, owner, now, until)

    async def take(self, key: str, want: int, cap: int, window_ms: int, now: int) -> int:
        return await self._home.take(key, want, cap, window_ms, now)

    def broadcast(self, topic: str, text: str) -> None:
        self._home.broadcast(topic, text)

    def listen(self, topic: str, heard: Callable[[str], None]) -> None:
        self._home.listen(topic, heard)

    async def standing(self) -> Standing:
        """Home's, with the servers and the queues of all."""
        seen = await self._ask_all(lambda one: one.standing())
        home = seen[0]
        queue = [one.backlog for one in seen]
        oldest = [one.oldest_due for one in queue if one.oldest_due]
        owners: dict[str, int] = {}
        for one in queue:
            for owner, count in one.owners:
                owners[owner] = owners.get(owner, 0) + count
        backlog = Backlog(
            sum(one.waiting for one in queue), sum(one.due for one in queue), sum(one.claimed for one in queue),
            sum(one.held for one in queue), min(oldest, default=0), tuple(sorted(owners.items())),
        )  # fmt: skip
        servers = tuple(server for one in seen for server in one.servers)
        return msgspec.structs.replace(home, backlog=backlog, servers=servers)

    async def sweep(self, now: int) -> AsyncIterator[str]:
        for cell in self.usable():
            async for done in self.store(cell).sweep(now):
                yield done

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(store.close() for store in self._stores.values()))


async def _quietly(ask: Awaitable[object]) -> None:
    with suppress(StorageError):
        await ask


def _may_wait_elsewhere(acceptance: Acceptance) -> bool:
    return bool(acceptance.filings) and all(filing.key is not None for filing in acceptance.filings)


def _in_transit(filing: Filing) -> Placed:
    """It will be there; where exactly, nobody knows yet."""
    return Placed(filing.account, MailboxId(0), UidValidity(0), Uid(0), ModSeq(0), _nothing_yet())


def _nothing_yet() -> Any:
    return ""


def _by_cell(values: Iterable[T], number: Callable[[T], int]) -> dict[int, list[T]]:
    groups: dict[int, list[T]] = {}
    for value in values:
        groups.setdefault(cell_of_number(number(value)), []).append(value)
    return groups


def _joined(parts: Iterable[Sequence[T]]) -> list[T]:
    return [one for part in parts for one in part]
