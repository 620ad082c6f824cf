"""A message that a reader puts into a mailbox himself (APPEND, import): promise point 1 once more.

It goes the one road of all messages, ``Store.accept``, with a single filing;
``Appending.finish`` returns only once the message would survive a power cut.
Nothing it claims about itself is believed: it gets no trace lines and no verdict.
"""

from msgspec.structs import replace

from posthouse.lib.ports import Clock, Ids
from posthouse.mail.content import Blob
from posthouse.mail.ids import AccountId, MailboxId, TraceId
from posthouse.ms.describe import describe
from posthouse.ms.large import Describer
from posthouse.ms.readable import LineEnds, Readable
from posthouse.storage.acceptance import Acceptance, Filing, Overquota, Placed
from posthouse.storage.errors import QuotaExceeded
from posthouse.storage.ports import Store


class Appender:
    """Takes messages in for their readers; shared by all sessions."""

    __slots__ = ("_clock", "_describer", "_ids", "_readable", "store")

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self.store, self._clock, self._ids = store, clock, ids
        self._describer = Describer(store.blobs, describe)
        self._readable = Readable(store.blobs)

    def begin(
        self,
        account: AccountId,
        mailbox: MailboxId,
        *,
        flags: frozenset[str],
        received_at: int | None,
        binary: bool = False,
    ) -> "Appending":
        """A message for ``mailbox``. ``received_at`` in milliseconds, None for now; ``binary`` came as a literal8."""
        filing = Filing(account, mailbox, b"", flags=flags, received_at=received_at or 0)
        return Appending(self, filing, binary=binary)

    async def file_readable(self, blob: Blob, filing: Filing) -> Placed:
        """**Durable.** ``blob``, or what readers can be sent in its place. Raises ``Unreadable`` besides."""
        writer = await self._readable.rewrite(blob)
        try:
            return await self.file(blob if writer is None else await writer.finish(), filing)
        finally:
            if writer is not None:
                writer.discard()

    async def file(self, blob: Blob, filing: Filing) -> Placed:
        """**Durable.** Raises ``QuotaExceeded``, ``Missing`` or another StorageError."""
        now = int(self._clock.now() * 1000)
        facts = await self._describer.facts(blob)
        filing = replace(filing, received_at=filing.received_at or now, facts=facts)
        acceptance = Acceptance(trace=TraceId(self._ids.trace_id()), blob=blob, filings=(filing,), at=now)
        placed = (await self.store.accept(acceptance)).placed[0]
        if isinstance(placed, Overquota):
            raise QuotaExceeded("the account has no room")
        return placed


class Appending:
    """One message on its way in."""

    __slots__ = ("_appender", "_filing", "_line_ends", "_writer")

    def __init__(self, appender: Appender, filing: Filing, *, binary: bool) -> None:
        self._appender = appender
        self._filing = filing
        self._line_ends = LineEnds() if not binary else None
        self._writer = appender.store.blobs.open()

    def write(self, chunk: bytes) -> None:
        """Take the next octets; raises StorageError when the disk refuses."""
        self._writer.write(chunk if self._line_ends is None else self._line_ends.add(chunk))

    @property
    def is_full(self) -> bool:
        """Whether the disk is behind: await ``drained`` before the next ``write``."""
        return self._writer.is_full

    async def drained(self) -> None:
        """Returns when there is room again."""
        await self._writer.drained()

    async def finish(self) -> Placed:
        """Return only once the message would survive a power cut; where it is. Raises as ``Appender.file_readable``."""
        try:
            if self._line_ends is None:
                return await self._appender.file_readable(await self._writer.finish(), self._filing)
            self._writer.write(self._line_ends.end())
            return await self._appender.file(await self._writer.finish(), self._filing)
        finally:
            self._writer.discard()

    def discard(self) -> None:
        """Forget what came so far."""
        self._writer.discard()
