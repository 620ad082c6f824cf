"""Reports that come to us by mail: noticed at the door, read in a worker once the mail is in the store.

They are mail like any other and are filed as such; what is broken or a bomb
just stays that. Only what was let in without suspicion is read, and only what
is about a domain of ours is kept.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from posthouse.filter.action import Action
from posthouse.filter.boundary import Judgement
from posthouse.filter.letter import Letter
from posthouse.lib.ports import Clock
from posthouse.lib.work import Failed, Source, Workers
from posthouse.mail.ids import BlobId
from posthouse.mta.feedback.arrived import Arrived, is_ours, note_of
from posthouse.mta.feedback.reading import SECONDS, WORK, Read
from posthouse.mta.feedback.recognise import Recognition
from posthouse.observe.ports import Journal, Level
from posthouse.standards.dmarc.evaluate import Result
from posthouse.storage.errors import Missing
from posthouse.storage.ports import Store

MOST_OCTETS: Final = 15 * 1024 * 1024
"""10 MiB in base64; what is larger is no report that we would unpack."""
MOST_WAITING: Final = 1000
MOST_A_ROUND: Final = 50
MOST_A_DAY: Final = 5000
"""That are kept by one node: whoever invents more fills nothing."""
SETTLED_SECONDS: Final = 2.0
"""Until then the mail is accepted, or was not."""
PATIENCE_SECONDS: Final = 60.0
DAY_SECONDS: Final = 86400


class _Waiting(msgspec.Struct, frozen=True):
    blob: BlobId
    size: int
    trace: str
    proven: str
    at: float


class Arrivals:
    """Implements ``filter.boundary.Witness``; ``read`` does what waits."""

    __slots__ = (
        "_clock", "_day", "_domains", "_journal", "_kept", "_recognition", "_store", "_waiting", "_workers",
        "keep_seconds",
    )  # fmt: skip

    def __init__(
        self,
        store: Store,
        workers: Workers,
        recognition: Recognition,
        domains: Callable[[], Sequence[str]],
        *,
        clock: Clock,
        journal: Journal,
        keep_seconds: float,
    ) -> None:
        self._store = store
        self._workers = workers
        self._recognition = recognition
        self._domains = domains
        self._clock = clock
        self._journal = journal
        self.keep_seconds = keep_seconds
        self._waiting: deque[_Waiting] = deque()
        self._day, self._kept = 0, 0

    def saw(self, letter: Letter, judgement: Judgement) -> None:
        """Remember where a report will be found."""
        if judgement.action is not Action.ACCEPT or letter.submitter is not None:
            return
        if not self._recognition.is_feedback(letter):
            return
        blob = letter.blob
        if blob.size > MOST_OCTETS or len(self._waiting) >= MOST_WAITING:
            self._journal.note("report.unread", Level.WARNING, id=letter.trace, reason="too much")
            return
        evidence = letter.evidence
        proven = evidence.dmarc.author if evidence is not None and evidence.dmarc.result is Result.PASS else ""
        self._waiting.append(_Waiting(blob.blob_id, blob.size, letter.trace, proven, self._clock.monotonic()))

    async def read(self) -> int:
        """Read what waits, some of it; how many reports were kept. Raises ``StorageError``."""
        kept = 0
        for _ in range(min(len(self._waiting), MOST_A_ROUND)):
            age = self._clock.monotonic() - self._waiting[0].at
            if age < SETTLED_SECONDS:
                break
            one = self._waiting.popleft()
            try:
                found = await self._read(one)
            except Missing:  # not accepted, or not yet
                if age < PATIENCE_SECONDS:
                    self._waiting.append(one)
                continue
            kept += await self.keep(found, proven=one.proven)
        return kept

    async def _read(self, one: _Waiting) -> Sequence[Arrived]:
        blobs = self._store.blobs

        async def piece(start: int, length: int) -> bytes:
            return await blobs.read(one.blob, start, length)

        await piece(0, 1)
        source = Source(one.size, piece)
        try:
            read = await self._workers.run(WORK, source, Read, terms=int(self._clock.now()), seconds=SECONDS)
        except Failed as failed:
            self._journal.note("report.unread", Level.WARNING, id=one.trace, reason=failed.reason)
            return ()
        if read.troubles:
            self._journal.note("report.malformed", id=one.trace, reason=read.troubles[0])
        return read.reports

    async def keep(self, found: Sequence[Arrived], *, proven: str = "") -> int:
        """**Durable.** Keep what is about us; how many that were."""
        now, domains = self._clock.now(), self._domains()
        if self._day != now // DAY_SECONDS:
            self._day, self._kept = int(now // DAY_SECONDS), 0
        notes = []
        for one in found:
            if not is_ours(one, domains) or self._kept >= MOST_A_DAY:
                self._journal.note("report.not-kept", kind=one.kind, domain=one.domain, reporter=one.reporter)
                continue
            self._kept += 1
            one.proven = proven
            notes.append(note_of(one, now, self.keep_seconds))
            self._journal.note("report.arrived", kind=one.kind, domain=one.domain, reporter=one.reporter)
        if notes:
            await self._store.put_notes(notes)
        return len(notes)
