"""What is taken for an account of another cell: filed in a mailbox of its own, and carried from there.

The promise is made where the mail was taken, in one transaction; it is carried
under the key of its filing, so that whoever dies on the way repeats it and
files nothing twice. What is in transit was promised: it is filed whether its
account has room or not.
"""

import asyncio
from base64 import b85decode, b85encode
from contextlib import suppress
from typing import Any, Final, Protocol

import msgspec

from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, MailboxId, TraceId
from posthouse.observe.ports import Journal, Level
from posthouse.storage.cells.places import Places
from posthouse.storage.ports import Acceptance, Accepted, Filing, Missing, Role, StorageError, Store, Stored

AT_ONCE: Final = 50
PAUSE_SECONDS: Final = 1.0
IN_MEMORY: Final = 131_072
CHUNK: Final = 1 << 20


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

    def store(self, cell: int) -> Store: ...


class Carrier:
    """Carries what is in transit in the cells that write, to the cells that write."""

    def __init__(self, stores: Stores, places: Places, journal: Journal) -> None:
        self._stores = stores
        self._places = places
        self._journal = journal
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
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

    async def carry(self, cell: int) -> int:
        """All that waits in ``cell`` and can be carried now; how many."""
        store, account = self._stores.store(cell), self._places.transit(cell)
        inbox = next(one for one in await store.mailboxes(account) if one.role is Role.INBOX)
        if not inbox.messages:
            return 0
        uids = [message.uid for message in (await store.view(account, inbox.mailbox)).messages]
        carried = 0
        for start in range(0, len(uids), AT_ONCE):
            some = await store.read(account, inbox.mailbox, uids[start : start + AT_ONCE])
            done = [stored.uid for stored in some if await self._deliver(store, stored)]
            await store.remove(account, inbox.mailbox, done)
            carried += len(done)
        return carried

    async def _deliver(self, source: Store, stored: Stored) -> bool:
        waybill, prefix = read_bill(stored)
        place = self._places.of(AccountId(waybill.account))
        if place.source is not None or place.cell not in self._stores.usable():
            return False
        target = self._stores.store(place.cell)
        filing = Filing(
            AccountId(waybill.account),
            Role(waybill.role) if waybill.role else MailboxId(waybill.mailbox or 0),
            prefix, waybill.key, frozenset(waybill.flags), waybill.received_at, stored.facts, obey_quota=False,
        )  # fmt: skip
        trace = TraceId(f"{waybill.trace}>{waybill.account}")
        try:
            await accept_content(source, target, stored.content.blob, trace, filing, waybill.at)
        except Missing as error:  # the account or its mailbox has gone meanwhile
            self._journal.note("transit.dropped", Level.ALARM, trace=waybill.trace, reason=str(error))
        except StorageError as error:
            self._journal.note("transit.waits", Level.WARNING, trace=waybill.trace, reason=str(error))
            return False
        return True


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
