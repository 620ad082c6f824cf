"""The settler: results of many transfers become one unit of work, with the reports about them (promise point 2)."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from posthouse.filter.allowance import HOUR, Allowance
from posthouse.lib.ports import Clock
from posthouse.mail.ids import AccountId
from posthouse.mail.outcome import Delivered, Failed, Relayed
from posthouse.mta.leases import LEASE_SECONDS
from posthouse.mta.reporting import Finding
from posthouse.mta.schedule import Schedule
from posthouse.mta.settling import Result, settle
from posthouse.observe.ports import Journal, Level, Meter
from posthouse.storage.acceptance import Acceptance
from posthouse.storage.errors import Conflict, Missing, StorageError
from posthouse.storage.ports import Store
from posthouse.storage.queue import Item

GATHER_SECONDS: Final = 0.003
"""How long results wait for company."""
ENOUGH: Final = 50
"""Results that do not wait any more (ADR: group commit)."""
AT_ONCE: Final = 500
"""Results of one unit at most."""
RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 8.0
TRIES: Final = 5
"""After these each is tried alone, and what is left is kept: what is never settled is sent again by somebody."""
LATE_SECONDS: Final = 5.0
"""When the store has not taken results for so long, nothing more is sent."""


class Secretary(Protocol):
    """Who writes to senders: ``mta.secretary``."""

    async def write(self, item: Item, findings: Sequence[Finding]) -> Acceptance:
        """The report about ``findings`` on the message of ``item``, ready to be accepted.

        Hold it until it is: a large one is in a file that nobody else keeps.
        """


class Settler:
    """Gathers results and settles them."""

    def __init__(
        self,
        store: Store,
        secretary: Secretary,
        schedule: Schedule,
        *,
        clock: Clock,
        chance: Callable[[], float],
        journal: Journal,
        meter: Meter,
        stranger_reports_hour: int | None = None,
        is_own: Callable[[str], bool] = lambda _domain: False,
    ) -> None:
        self.ended: Callable[[Iterable[tuple[AccountId, bool]]], None] | None = None
        """Told of recipients of our own people's mail: whose, and whether they were refused for good."""
        self._is_own = is_own
        self._asked: Allowance[str] | None = None
        if stranger_reports_hour is not None:
            self._asked = Allowance(stranger_reports_hour, HOUR, clock)
        self._store = store
        self._secretary = secretary
        self._schedule = schedule
        self._clock = clock
        self._chance = chance
        self._journal = journal
        self._meter = meter
        self._results: list[Result] = []
        self._something = asyncio.Event()
        self._enough = asyncio.Event()
        self._settled: Callable[[Sequence[Item], bool], None] = lambda _items, _posted: None
        self._kept: list[Result] = []
        """What the store did not take: tried again, until it does or says that it is not ours any more."""
        self._unanswered: float | None = None
        """Since when the store takes nothing; monotonic seconds."""
        self._posted = False
        """A report that waits in the queue has been committed since somebody was last told."""
        self._working = asyncio.Lock()

    @property
    def is_late(self) -> bool:
        """Whether what is sent now might never be written down, and be sent again."""
        return self._unanswered is not None and self._clock.monotonic() - self._unanswered > LATE_SECONDS

    def add(self, results: Iterable[Result]) -> None:
        self._results.extend(results)
        if self._results:
            self._something.set()
        if len(self._results) >= ENOUGH:
            self._enough.set()

    async def run(self, settled: Callable[[Sequence[Item], bool], None]) -> None:
        """Settle for ever; ``settled`` hears which items are out of our hands, and whether reports are due now."""
        self._settled = settled
        pause = RETRY_SECONDS
        while True:
            await self._something.wait()
            if len(self._results) < ENOUGH:
                await self._gather()
            await self.flush()
            pause = min(2 * pause, LONGEST_RETRY_SECONDS) if self._kept else RETRY_SECONDS
            if self._kept:
                asyncio.get_running_loop().call_later(pause, self._something.set)

    async def _gather(self) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(GATHER_SECONDS, self._enough.set)
        await self._enough.wait()
        timer.cancel()

    async def flush(self) -> None:
        """Settle all that is known now."""
        async with self._working:
            self._results, self._kept = self._kept + self._results, []
            while self._results:
                batch, self._results = self._results[:AT_ONCE], self._results[AT_ONCE:]
                await asyncio.shield(self._settle(batch))
            self._something.clear()
            self._enough.clear()

    async def _settle(self, batch: Sequence[Result]) -> None:
        if self._unanswered is None:
            self._unanswered = self._clock.monotonic()
        left = await self._settle_together(batch)
        self._kept += left
        unsettled = {_key(result.item) for result in left}
        posted, self._posted = self._posted, False
        self._settled([result.item for result in batch if _key(result.item) not in unsettled], posted)

    async def _settle_together(self, batch: Sequence[Result]) -> Sequence[Result]:
        """Settle ``batch``; what the store did not take."""
        for left in reversed(range(TRIES)):
            try:
                return await self._settle_once(batch)
            except (Missing, Conflict):  # no trouble of the disk: one of them is about what is not there
                break
            except StorageError as error:
                if left == TRIES - 1:
                    self._journal.note("queue.unsettled", Level.ALARM, items=len(batch), error=str(error))
                if left:
                    await asyncio.sleep(RETRY_SECONDS)
            except Exception:  # noqa: BLE001 - one report that cannot be written must not stop the others
                break
        return await self._settle_singly(batch)

    async def _settle_singly(self, batch: Sequence[Result]) -> Sequence[Result]:
        """Find the result that cannot be settled.

        With a bug its lease ends, and it is tried again. Of one that the store refuses nobody knows whether it is
        the store: it and those behind it are left, itself the last.
        """
        left: list[Result] = []
        for place, result in enumerate(batch):
            try:
                left += await self._settle_once([result])
            except Exception as error:  # noqa: BLE001 - as above
                if isinstance(error, StorageError) and not isinstance(error, Missing | Conflict):
                    self._journal.note("queue.unsettled", Level.ALARM, id=result.item.queue_id, error=str(error))
                    return [*left, *batch[place + 1 :], result]
                self._journal.bug("queue.settle-bug", error, id=result.item.queue_id)
        return left

    async def _settle_once(self, batch: Sequence[Result]) -> Sequence[Result]:
        """Settle ``batch`` in one unit; those whose cell is away are left."""
        now = int(self._clock.now() * 1000)
        settled = [(result, *settle(result, self._schedule, now, self._chance())) for result in batch]
        found = [(result.item, finding) for result, _, finding in settled if finding is not None]
        ours = await self._still_ours([item for item, _ in found], now) if found else {}
        away = {key for key, still in ours.items() if still is None}
        reports = await self._reports([one for one in found if ours[_key(one[0])]]) if found else []
        settled = [one for one in settled if _key(one[0].item) not in away]
        taken = await self._store.settle([settlement for _, settlement, _ in settled], reports) if settled else ()
        self._unanswered = None
        self._posted = self._posted or any(report.postings for report in reports)
        done = []
        for (result, _, _), still in zip(settled, taken, strict=True):
            if still is None:
                away.add(_key(result.item))
            else:
                done.append(result)
                self._log(result, still=still)
        if self.ended is not None:
            self.ended(_ended(done))
        return [result for result in batch if _key(result.item) in away] if away else ()

    async def _still_ours(self, items: Sequence[Item], now: int) -> dict[tuple[int, int], bool | None]:
        """What is to be reported stays ours until it is settled; who took it over will report himself."""
        keys = [_key(item) for item in items]
        return dict(zip(keys, await self._store.renew(keys, now + int(LEASE_SECONDS * 1000)), strict=True))

    async def _reports(self, found: Sequence[tuple[Item, Finding]]) -> list[Acceptance]:
        told: dict[tuple[str, str], tuple[Item, list[Finding]]] = {}
        for item, finding in found:
            told.setdefault((item.queue_id, finding.action.value), (item, []))[1].append(finding)
        return [await self._secretary.write(item, findings) for item, findings in told.values() if self._may_tell(item)]

    def _may_tell(self, item: Item) -> bool:
        """Threat B01: what strangers sent through us to others may carry a forged sender; he hears so much an hour."""
        if self._asked is None or item.submitter is not None or not item.reverse_path:
            return True
        if self._is_own(item.reverse_path.rpartition("@")[2].lower()):  # it stays in the house
            return True
        if self._asked.take(item.reverse_path.lower()):
            return True
        self._journal.note("report.withheld", Level.WARNING, id=item.queue_id, sender=item.reverse_path)
        return False

    def _log(self, result: Result, *, still: bool) -> None:
        """One entry for each delivery that ended or was put off."""
        item, outcome = result.item, result.outcome
        if result.again_at is not None:
            return
        word = type(outcome).__name__.lower()
        self._meter.count("queue_results", outcome=word)
        level = Level.WARNING if isinstance(outcome, Failed) else Level.INFO
        host, said = ("", "") if isinstance(outcome, Delivered) else (outcome.host, str(outcome.reply))
        self._journal.note(
            f"queue.{word}",
            level,
            id=item.queue_id,
            to=str(item.recipient.address),
            host=host,
            reply=said,
            tries=item.attempts + 1,
            ours=still,
        )


def _key(item: Item) -> tuple[int, int]:
    return item.item, item.token


def _ended(batch: Sequence[Result]) -> list[tuple[AccountId, bool]]:
    """Whose recipients are done with, and whether they were refused; reports of ours are nobody's."""
    return [
        (one.item.submitter, isinstance(one.outcome, Failed))
        for one in batch
        if one.item.submitter is not None and not one.item.is_report and isinstance(one.outcome, Relayed | Failed)
    ]
