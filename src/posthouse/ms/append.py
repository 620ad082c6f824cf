"""A message that a reader puts into a mailbox himself (APPEND, import): promise point 1 once more.

It goes the one road of all messages, ``Store.accept``, with a single filing;
``Appending.finish`` returns only once the message would survive a power cut.
Nothing it claims about itself is believed: it gets no trace lines and no verdict.
"""

import asyncio
from collections.abc import Callable

from posthouse.lib.ports import Clock, Ids
from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, MailboxId, TraceId
from posthouse.ms.describe import describe
from posthouse.storage.ports import Acceptance, Facts, Filing, Overquota, Placed, QuotaExceeded, Store

HERE_OCTETS = 128 * 1024
"""Up to here a message is described in the loop; a larger one in a thread (threat catalogue, invariant H7)."""
STEP_OCTETS = 1024 * 1024


class Appending:
    """One message on its way in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        account: AccountId,
        mailbox: MailboxId,
        *,
        flags: frozenset[str],
        received_at: int | None,
    ) -> None:
        self._store, self._clock, self._ids = store, clock, ids
        self._account, self._mailbox = account, mailbox
        self._flags, self._received_at = flags, received_at
        self._writer = store.blobs.open()

    def write(self, chunk: bytes) -> None:
        """Take the next octets; raises StorageError when the disk refuses."""
        self._writer.write(chunk)

    async def finish(self) -> Placed:
        """File it. **Durable.** Raises ``QuotaExceeded``, ``Missing`` or another StorageError."""
        try:
            blob = await self._writer.finish()
            now = int(self._clock.now() * 1000)
            filing = Filing(
                account=self._account,
                mailbox=self._mailbox,
                prefix=b"",
                flags=self._flags,
                received_at=self._received_at if self._received_at is not None else now,
                facts=await facts_of(self._store, blob),
            )
            acceptance = Acceptance(trace=TraceId(self._ids.trace_id()), blob=blob, filings=(filing,), at=now)
            placed = (await self._store.accept(acceptance)).placed[0]
        finally:
            self._writer.discard()
        if isinstance(placed, Overquota):
            raise QuotaExceeded("the account has no room")
        return placed

    def discard(self) -> None:
        """Forget what came so far."""
        self._writer.discard()


async def facts_of(store: Store, blob: Blob) -> Facts:
    """Describe a blob that nothing refers to yet; a large one without stopping the loop."""
    if blob.octets is not None and blob.size <= HERE_OCTETS:
        return describe(b"", blob.octets)
    octets = blob.octets
    if octets is None:
        found = bytearray()
        while len(found) < blob.size:
            step = await store.blobs.read(blob.blob_id, len(found), STEP_OCTETS)
            if not step:
                break
            found += step
        octets = bytes(found)
    return await _in_thread(describe, octets)


async def _in_thread(work: Callable[[bytes, bytes], Facts], octets: bytes) -> Facts:
    return await asyncio.get_running_loop().run_in_executor(None, work, b"", octets)
