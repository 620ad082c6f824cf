"""A bounded pool of processes for what is heavy or hostile (threats M07, R07): killed when late, replaced when dead.

A worker starts when it is first needed, as a child of the zygote and never as
a copy of ours (``supervisor.zygote``), and gives up everything before it sees
an octet (``supervisor.sandbox``). Whatever becomes of it, the loop goes on.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import msgspec

from posthouse.lib.work import FULL, Answer, Failed, Source
from posthouse.observe.ports import Journal, Level
from posthouse.supervisor.nursery import Nursery
from posthouse.supervisor.worker import ANSWER_OCTETS, LATE, LENGTH, Errand, Report, Start

MIB = 1024 * 1024
PIECE_OCTETS = MIB
ERRANDS = 2000
"""One worker does no more than so many: what a work leaves behind in memory is gone with it."""
START_SECONDS = 30.0
HANDING_SECONDS = 60.0
"""To hand the octets over, which may come from afar; nothing is done with them before all are there."""
PATIENCE = 4
"""So many times the time of the processor that is given: who has not got that much by then is on a busy machine."""
LEAST_SECONDS = 5.0
"""No less than that, however little is given."""


class WorkerPool:
    """Implements ``lib.work.Workers``. ``close`` ends it; no worker runs before the first work.

    ``nursery`` is that of a server, which knows ``works`` and made it while it could; without one the pool has its own.
    """

    def __init__(
        self,
        works: Sequence[str],
        *,
        journal: Journal,
        most: int = 2,
        backlog: int = 64,
        memory_octets: int = 384 * MIB,
        patience_seconds: float = 30.0,
        least_seconds: float = LEAST_SECONDS,
        nursery: Nursery | None = None,
    ) -> None:
        self._works = tuple(works)
        self._journal = journal
        self._backlog = most + backlog
        self._memory = memory_octets
        self._patience = patience_seconds
        self._least = least_seconds
        self._nursery = nursery
        self._turns = asyncio.Semaphore(most)
        self._present = 0
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self.measures: tuple[str, ...] = ()
        """What the latest worker gave up."""

    async def run(
        self, work: str, octets: bytes | Source, answer: type[Answer], *, terms: Any = None, seconds: float
    ) -> Answer:
        if self._present >= self._backlog or self._closed:
            raise Failed("busy")
        self._present += 1
        try:
            try:
                async with asyncio.timeout(self._patience):
                    await self._turns.acquire()
            except TimeoutError:
                raise Failed("busy") from None
            try:
                report = await self._have_done(work, octets, terms, seconds)
            finally:
                self._turns.release()
        finally:
            self._present -= 1
        if report.trouble:
            raise Failed("died" if report.trouble == FULL else "broken", report.trouble)
        return msgspec.msgpack.decode(report.answer, type=answer)

    async def _have_done(self, work: str, octets: bytes | Source, terms: Any, seconds: float) -> Report:
        worker = self._idle_one() or await self._start()
        try:
            try:
                async with asyncio.timeout(HANDING_SECONDS):
                    await worker.hand(work, octets, terms, seconds)
            except TimeoutError:
                raise Failed("busy", "the octets did not come") from None
            async with asyncio.timeout(max(self._least, PATIENCE * seconds)):
                report = await worker.report()
        except TimeoutError:
            self._journal.note("worker.killed", Level.WARNING, work=work, cpu_seconds=seconds)
            raise Failed("busy", "the machine gave it no time") from None
        except (OSError, EOFError, msgspec.DecodeError) as error:
            self._journal.note("worker.died", Level.WARNING, work=work)
            raise Failed("died", "its process ended") from error
        else:
            if report.trouble == LATE:
                self._journal.note("worker.late", Level.WARNING, work=work, seconds=seconds)
                raise Failed("late")
            if worker.errands < ERRANDS and report.trouble != FULL and not self._closed:
                self._idle.append(worker)
            return report
        finally:
            if worker not in self._idle:
                self._end(worker)

    def _idle_one(self) -> "_Worker | None":
        """One that waits; not one that died while nothing was asked of it, which says nothing of the next work."""
        while self._idle:
            worker = self._idle.pop()
            if not worker.is_over:
                return worker
            self._end(worker)
        return None

    async def _start(self) -> "_Worker":
        worker = None
        try:
            async with asyncio.timeout(START_SECONDS):
                worker = await self._begin()
                self._all.add(worker)
                self.measures = await worker.begin()
        except BaseException as error:
            if worker is not None:
                self._end(worker)
            if not isinstance(error, OSError | EOFError | msgspec.DecodeError):  # a TimeoutError is an OSError
                raise
            self._journal.note("worker.did-not-start", Level.ALARM, reason=str(error) or type(error).__name__)
            raise Failed("busy", "no worker could be started") from error
        self._journal.note("worker.started", pid=worker.pid, gave_up=", ".join(self.measures))
        return worker

    async def _begin(self) -> "_Worker":
        if self._nursery is None or self._nursery.is_gone:
            if self._nursery is not None:
                self._nursery.close()
            self._nursery = Nursery(self._works, memory_octets=self._memory)
        reader, writer = await asyncio.open_unix_connection(sock=self._nursery.start(), limit=ANSWER_OCTETS + LENGTH)
        return _Worker(self._nursery, reader, writer)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that exist."""
        return tuple(worker.pid for worker in self._all if not worker.is_over)

    def _end(self, worker: "_Worker") -> None:
        self._all.discard(worker)
        worker.kill()
        ending = asyncio.create_task(worker.gone())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End all of them; nothing can be asked afterwards."""
        self._closed = True
        self._idle.clear()
        for worker in list(self._all):
            self._end(worker)
        await asyncio.gather(*self._ending)
        if self._nursery is not None:
            self._nursery.close()


class _Worker:
    __slots__ = ("_nursery", "_reader", "_writer", "errands", "pid")

    def __init__(self, nursery: Nursery, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._nursery = nursery
        self._reader = reader
        self._writer = writer
        self.errands = 0
        self.pid = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it."""
        return self._reader.at_eof()

    async def begin(self) -> tuple[str, ...]:
        """Once it is ready: what it gave up."""
        start = msgspec.msgpack.decode((await self.report()).answer, type=Start)
        self.pid = start.pid
        return start.measures

    async def hand(self, work: str, octets: bytes | Source, terms: Any, seconds: float) -> None:
        """All that it needs to begin."""
        self.errands += 1
        sink = self._writer
        size = octets.size if isinstance(octets, Source) else len(octets)
        errand = msgspec.msgpack.encode(Errand(work, size, seconds, terms))
        sink.write(len(errand).to_bytes(LENGTH, "big") + errand)
        if isinstance(octets, Source):
            at = 0
            while at < size:
                piece = await octets.read(at, min(PIECE_OCTETS, size - at))
                if not piece:
                    raise Failed("busy", "the octets ended too early")
                sink.write(piece)
                await sink.drain()
                at += len(piece)
        else:
            sink.write(octets)
            await sink.drain()

    async def report(self) -> Report:
        length = int.from_bytes(await self._reader.readexactly(LENGTH), "big")
        if length > ANSWER_OCTETS:
            raise EOFError
        return msgspec.msgpack.decode(await self._reader.readexactly(length), type=Report)

    def kill(self) -> None:
        """At once; it has nothing that it could finish."""
        if self.pid:
            self._nursery.kill(self.pid)
        else:
            self._writer.transport.abort()  # it has not begun, and ends when it sees that nobody is there

    async def gone(self) -> None:
        """When nothing is left of it: then its stream ends."""
        with contextlib.suppress(OSError):
            while await self._reader.read(ANSWER_OCTETS):
                pass
        self._writer.transport.abort()
