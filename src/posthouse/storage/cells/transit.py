"""What is taken for an account of another cell: filed in a mailbox of its own, and carried from there.

The promise is made where the mail was taken, in one transaction; it is carried
under the key of its filing, so that whoever dies on the way repeats it and
files nothing twice. What is in transit was promised: it is filed whether its
account has room or not.
"""

import asyncio
from base64 import b85decode, b85encode
from collections import deque
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, MailboxId, ModSeq, TraceId, Uid
from posthouse.observe.ports import Journal, Level
from posthouse.storage.acceptance import Acceptance, Accepted, Filing
from posthouse.storage.cells.places import Places
from posthouse.storage.errors import Missing, StorageError
from posthouse.storage.mailbox import Mailbox, Role, Stored
from posthouse.storage.ports import Store

AT_ONCE: Final = 50
OLD_AT_ONCE: Final = 1000
"""Of what could not be carried, looked at again in a second."""
PAUSE_SECONDS: Final = 1.0
IN_MEMORY: Final = 131_072
CHUNK: Final = 1 << 20
JOB: Final = "cells.transit"
"""The lease in each cell: one node carries what waits there."""
LEASE_SECONDS: Final = 30.0
ASK_SECONDS: Final = 5.0
"""Before a node asks again whether the one that carries is gone."""
LEAVING_SECONDS: Final = 1.0


class Waybill(msgspec.Struct, frozen=True):
    """For whom; the first line of the prefix of what is in transit."""

    trace: str
    account: int
    mailbox: int | None
    role: str | None
    key: str
    flags: tuple[str, ...]
    received_at: int
    at: int


def bill(acceptance: Acceptance, number: int, filing: Filing, transit: AccountId) -> Filing:
    """``filing`` as one for the transit account of the cell that takes it."""
    role = filing.mailbox if isinstance(filing.mailbox, Role) else None
    key = filing.key or f"{acceptance.trace}.{number}"
    waybill = Waybill(
        acceptance.trace, filing.account, None if role else int(filing.mailbox), role.value if role else None,  # type: ignore[arg-type]  # it is a number then
        key, tuple(sorted(filing.flags)), filing.received_at, acceptance.at,
    )  # fmt: skip
    line = b85encode(msgspec.msgpack.encode(waybill)) + b"\n"
    return Filing(
        transit, Role.INBOX, line + filing.prefix, f"{key}>{filing.account}",
        received_at=filing.received_at, facts=filing.facts, obey_quota=False,
    )  # fmt: skip


def read_bill(stored: Stored) -> tuple[Waybill, bytes]:
    """The waybill, and the prefix as it will be."""
    line, _, prefix = stored.content.prefix.partition(b"\n")
    return msgspec.msgpack.decode(b85decode(line), type=Waybill), prefix


class Stores(Protocol):
    """The cells that are open here."""

    def usable(self) -> list[int]: ...

    def store(self, cell: int) -> "Carried": ...


class Carried(Store, Protocol):
    """One of them."""

    async def hold_job(self, job: str, seconds: float) -> bool:
        """Whether ``job`` is this node's for so long; 0 gives it back."""


class Carrier:
    """Carries what is in transit in the cells that write, to the cells that write.

    What is new is looked at at once, what could not be carried a little at a time: a
    cell may be away for hours, and what waits for it must cost nothing meanwhile.
    """

    def __init__(self, stores: Stores, places: Places, journal: Journal) -> None:
        self._stores = stores
        self._places = places
        self._journal = journal
        self._wake = asyncio.Event()
        self._known: dict[int, ModSeq] = {}
        """How far each cell's transit was looked at."""
        self._left: dict[int, deque[Uid]] = {}
        self._again_at: dict[int, float] = {}
        self._ours: dict[int, tuple[bool, float]] = {}
        """Whether we carry what is in a cell, and until when that is known."""

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        try:
            await self._run()
        finally:
            with suppress(StorageError, TimeoutError):
                async with asyncio.timeout(LEAVING_SECONDS):
                    for cell, (is_ours, _) in self._ours.items():
                        if is_ours:
                            await self._stores.store(cell).hold_job(JOB, 0)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            for cell in self._stores.usable():
                try:
                    await self.carry(cell)
                except StorageError as error:
                    self._journal.note("transit.stuck", Level.WARNING, cell=cell, reason=str(error))
                except Exception as error:  # noqa: BLE001 - whatever it was, the mail of the other cells is carried
                    self._journal.bug("transit", error, cell=cell)

    async def carry(self, cell: int) -> int:
        """What is new in ``cell``, and some of what waits there longer, as far as it can be carried now; how many."""
        store, account = self._stores.store(cell), self._places.transit(cell)
        inbox = next(one for one in await store.mailboxes(account) if one.role is Role.INBOX)
        if not inbox.messages:
            self._forget(cell)
            return 0
        if not await self._is_ours(cell):
            return 0
        try:
            return await self._carry_some(cell, store, account, inbox)
        except BaseException:
            self._forget(cell)
            raise

    async def _is_ours(self, cell: int) -> bool:
        """Whether no other node carries what is in ``cell``: all would do the same work."""
        now = asyncio.get_running_loop().time()
        is_ours, until = self._ours.get(cell, (False, 0.0))
        if now >= until:
            is_ours = await self._stores.store(cell).hold_job(JOB, LEASE_SECONDS)
            self._ours[cell] = is_ours, now + (LEASE_SECONDS / 2 if is_ours else ASK_SECONDS)
        return is_ours

    def _forget(self, cell: int) -> None:
        """Look at all of it the next time."""
        self._known.pop(cell, None)
        self._left.pop(cell, None)

    async def _carry_some(self, cell: int, store: Store, account: AccountId, inbox: Mailbox) -> int:
        left = self._left.setdefault(cell, deque())
        uids = self._old_ones(cell, left)
        uids += await self._new_ones(cell, store, account, inbox)
        carried = 0
        for start in range(0, len(uids), AT_ONCE):
            some = await store.read(account, inbox.mailbox, uids[start : start + AT_ONCE])
            done = {stored.uid for stored in some if await self._deliver(store, stored, left)}
            await store.remove(account, inbox.mailbox, sorted(done))
            carried += len(done)
        if carried and left:  # perhaps somebody is back
            self._again_at.pop(cell, None)
            self._wake.set()
        return carried

    def _old_ones(self, cell: int, left: "deque[Uid]") -> list[Uid]:
        now = asyncio.get_running_loop().time()
        if now < self._again_at.get(cell, 0.0):
            return []
        self._again_at[cell] = now + PAUSE_SECONDS
        return [left.popleft() for _ in range(min(len(left), OLD_AT_ONCE))]

    async def _new_ones(self, cell: int, store: Store, account: AccountId, inbox: Mailbox) -> list[Uid]:
        known = self._known.get(cell)
        if known is None:
            view = await store.view(account, inbox.mailbox)
            messages, highest = view.messages, view.highest
        else:
            delta = await store.delta(account, inbox.mailbox, known)
            messages, highest = delta.changed, delta.highest
        self._known[cell] = highest
        return [message.uid for message in messages]

    async def _deliver(self, source: Store, stored: Stored, left: "deque[Uid]") -> bool:
        """Whether it may go from here; what shall be tried again is put to ``left``."""
        try:
            waybill, filing = _delivery(stored)
        except (ValueError, msgspec.MsgspecError) as error:  # of a later release, perhaps: it stays
            self._journal.note("transit.unread", Level.ALARM, uid=stored.uid, reason=str(error))
            return False
        place = self._places.of(AccountId(waybill.account))
        if place.source is not None or place.cell not in self._stores.usable():
            left.append(stored.uid)
            return False
        target = self._stores.store(place.cell)
        trace = TraceId(f"{waybill.trace}>{waybill.account}")
        try:
            await _file(source, target, stored.content.blob, trace, filing, waybill.at)
        except Missing as error:  # the account has gone meanwhile
            self._journal.note("transit.dropped", Level.ALARM, trace=waybill.trace, reason=str(error))
        except StorageError as error:
            self._journal.note("transit.waits", Level.WARNING, trace=waybill.trace, reason=str(error))
            left.append(stored.uid)
            return False
        return True


async def _file(source: Store, target: Store, blob: Blob, trace: TraceId, filing: Filing, at: int) -> None:
    """To INBOX if its mailbox has gone meanwhile: it was promised. Raises ``Missing`` without the account."""
    try:
        await accept_content(source, target, blob, trace, filing, at)
    except Missing:
        if filing.mailbox is Role.INBOX:
            raise
        await accept_content(source, target, blob, trace, msgspec.structs.replace(filing, mailbox=Role.INBOX), at)


def _delivery(stored: Stored) -> tuple[Waybill, Filing]:
    """What was written by ``bill``, as it was before. Raises ``ValueError``, ``MsgspecError``."""
    waybill, prefix = read_bill(stored)
    mailbox = Role(waybill.role) if waybill.role else MailboxId(waybill.mailbox or 0)
    return waybill, Filing(
        AccountId(waybill.account), mailbox, prefix, waybill.key, frozenset(waybill.flags), waybill.received_at,
        stored.facts, obey_quota=False,
    )  # fmt: skip


async def accept_content(source: Store, target: Store, blob: Blob, trace: TraceId, filing: Filing, at: int) -> Accepted:
    """File what ``source`` has in ``target``."""
    writer: Any = None
    if blob.size <= IN_MEMORY:
        content = Blob(blob.blob_id, blob.size, await source.blobs.read(blob.blob_id, 0, blob.size))
    else:
        writer = target.blobs.open()
        for start in range(0, blob.size, CHUNK):
            writer.write(await source.blobs.read(blob.blob_id, start, min(CHUNK, blob.size - start)))
            await writer.drained()
        content = await writer.finish()
    try:
        return await target.accept(Acceptance(trace, content, (filing,), at=at))
    finally:
        if writer is not None:
            writer.discard()
