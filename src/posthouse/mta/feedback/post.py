"""Reports are sent once a day: to whom a domain names, if he agreed, and one mail a domain at most.

A crash costs nothing: the id of the mail follows from the kind, the domain and
the time that it tells of, so that it is accepted once however often it is
tried, and rows go when it is.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from posthouse.lib.ports import Clock
from posthouse.mta.feedback.arrivals import Arrivals
from posthouse.mta.feedback.arrived import from_aggregate
from posthouse.mta.feedback.delivery import Delivery, Planned
from posthouse.mta.feedback.letters import Report, Sign, make_report
from posthouse.mta.feedback.rows import (
    DAY_SECONDS,
    KEPT_SECONDS,
    KINDS,
    Heap,
    day_of,
    drop_heap,
    heaps,
    rows_of,
    start_of,
    sweep_tallies,
)
from posthouse.mta.feedback.sent import Sent, key_of, put, told_until
from posthouse.mta.feedback.web import NotTaken
from posthouse.observe.ports import Journal, Level
from posthouse.standards.dmarcreport.report import AggregateReport
from posthouse.standards.dns.ports import DnsTrouble
from posthouse.storage.ports import Store

JOB: Final = "reports"
LEASE_SECONDS: Final = 900
GRACE_SECONDS: Final = 900
"""After midnight, for rows that nodes still write."""
JITTER_SECONDS: Final = 4 * 3600
"""RFC 7489 section 7.2: not everybody at midnight."""
MOST_ROWS: Final = 10_000
MOST_MAILS: Final = 2000
"""A day: more domains than that are an attack, not correspondents."""
AGAIN_SECONDS: Final = 3600
MOST_LATER: Final = 5000
GIVE_UP_SECONDS: Final = 3 * DAY_SECONDS


class Post:
    """Says when and what. ``sign`` is asked for each mail, because the configuration may change."""

    __slots__ = ("_arrivals", "_clock", "_delivery", "_is_own", "_journal", "_later", "_mails", "_sign", "_store")

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        arrivals: Arrivals,
        *,
        clock: Clock,
        journal: Journal,
        sign: Callable[[], Sign],
        is_own: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._arrivals = arrivals
        self._clock = clock
        self._journal = journal
        self._sign = sign
        self._is_own = is_own
        self._mails: tuple[str, int] = ("", 0)
        self._later: dict[str, float] = {}
        """What could not be told, and when it is tried again."""

    async def tend(self, owner: str) -> int:
        """One round, if the job is ours: send what is due. How many mails went out."""
        if not await self.take(owner):
            return 0
        sent, until = 0, self._clock.monotonic() + LEASE_SECONDS / 2
        async for one in self.send():
            sent += one.state == "sent"
            if self._clock.monotonic() > until:  # the rest in the next round, under a fresh lease
                break
        for kind in KINDS:
            await sweep_tallies(self._store, kind, day_of(self._clock.now() - KEPT_SECONDS))
        await self.give_back(owner)
        return sent

    async def take(self, owner: str) -> bool:
        """Whether the job is ``owner``'s now: among all nodes one sends at a time."""
        now = int(self._clock.now() * 1000)
        return await self._store.lease(JOB, owner, now, now + LEASE_SECONDS * 1000) is not None

    async def give_back(self, owner: str) -> None:
        """Anybody may send."""
        now = int(self._clock.now() * 1000)
        await self._store.lease(JOB, owner, now, now)

    async def send(self, *, early: bool = False, dry: bool = False) -> AsyncIterator[Sent]:
        """What is due, one domain after the other. ``early``: today's too, and at once; ``dry``: only say."""
        now = self._clock.now()
        for kind in KINDS:
            async for heap in heaps(self._store, kind):
                if not early and now < max(self._due(heap), self._later.get(key_of(heap), 0.0)):
                    continue
                try:
                    done = await self._tell(heap, early=early, dry=dry)
                except (DnsTrouble, NotTaken) as trouble:
                    done = await self._in_vain(heap, str(trouble), dry=dry)
                if done is not None:
                    yield done

    def _due(self, heap: Heap) -> int:
        digest = hashlib.blake2b(f"{self._sign().submitter}/{heap.domain}/{heap.day}".encode(), digest_size=4).digest()
        return start_of(heap.day) + DAY_SECONDS + GRACE_SECONDS + int.from_bytes(digest) % JITTER_SECONDS

    async def _in_vain(self, heap: Heap, why: str, *, dry: bool) -> Sent | None:
        """The DNS does not answer, or nobody where a report was to be handed over: another time, for some days."""
        if dry:
            return Sent(heap.kind, heap.day, heap.domain, f"waits: {why}"[:200])
        if len(self._later) >= MOST_LATER:
            self._later.clear()
        self._later[key_of(heap)] = self._clock.now() + AGAIN_SECONDS
        if self._clock.now() < start_of(heap.day) + DAY_SECONDS + GIVE_UP_SECONDS:
            return None
        return await self._close(heap, Sent(heap.kind, heap.day, heap.domain, "gave up"), self._end(heap, early=False))

    def _end(self, heap: Heap, *, early: bool) -> int:
        end = start_of(heap.day) + DAY_SECONDS
        return min(end, int(self._clock.now())) if early else end

    async def _tell(self, heap: Heap, *, early: bool, dry: bool) -> Sent | None:
        begin = await told_until(self._store, heap) or start_of(heap.day)
        end = self._end(heap, early=early)
        if begin >= end:  # told already: what came later is too late
            if not dry:
                await drop_heap(self._store, heap)
            return None
        rows, unlisted = await rows_of(self._store, heap, MOST_ROWS)
        messages = sum([count for _, count in rows]) + unlisted
        about = Sent(heap.kind, heap.day, heap.domain, "due", rows=len(rows), messages=messages)
        if not rows:
            if not dry and not early:
                await drop_heap(self._store, heap)
            return None
        sign = self._sign()
        report = await asyncio.to_thread(make_report, heap, rows, unlisted, begin, end, sign)
        if self._is_own(heap.domain):
            return await self._keep(heap, about, report, end, dry=dry)
        planned = await self._delivery.plan(heap, report, sign, begin)
        about = msgspec.structs.replace(about, to=planned.to, left_out=planned.left_out, octets=planned.octets)
        return await self._deliver(heap, about, planned, end, dry=dry)

    async def _deliver(self, heap: Heap, about: Sent, planned: Planned, end: int, *, dry: bool) -> Sent | None:
        if not planned.to:
            state = "too large" if planned.octets else "refused" if planned.left_out else "unwanted"
            about = msgspec.structs.replace(about, state=state)
            return about if dry else await self._close(heap, about, end)
        if dry:
            return about
        if not self._may_mail():
            return None
        done = await self._delivery.carry_out(planned)
        return await self._close(
            heap, msgspec.structs.replace(about, state="sent", to=done.to, left_out=done.left_out), end
        )

    def _may_mail(self) -> bool:
        today = day_of(self._clock.now())
        day, mails = self._mails
        if day != today:
            mails = 0
        if mails >= MOST_MAILS:
            self._journal.note("report.too-many", Level.WARNING, mails=mails)
            return False
        self._mails = (today, mails + 1)
        return True

    async def _keep(self, heap: Heap, about: Sent, report: Report, end: int, *, dry: bool) -> Sent | None:
        """What others tried in our own name needs no mail."""
        about = msgspec.structs.replace(about, state="kept")
        if dry:
            return about
        if isinstance(report, AggregateReport):
            await self._arrivals.keep([from_aggregate(report)], proven=self._sign().submitter)
        return await self._close(heap, about, end)

    async def _close(self, heap: Heap, about: Sent, end: int) -> Sent:
        """**Durable.** Remember what became of it; its rows are not needed any more."""
        about = msgspec.structs.replace(about, until=end, at=int(self._clock.now() * 1000))
        await put(self._store, heap, about)
        await drop_heap(self._store, heap, is_over=end >= start_of(heap.day) + DAY_SECONDS)
        if about.state != "unwanted":
            self._journal.note(
                "report.closed", kind=heap.kind, domain=heap.domain, day=heap.day, state=about.state, rows=about.rows
            )
        return about
