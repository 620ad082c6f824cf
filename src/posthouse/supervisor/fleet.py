"""Several processes that serve one office: born with the same sockets, watched, started again, reloaded and stopped.

The parent bound the ports, read the keys and dropped privileges; it opens no
store and answers nobody. A worker says through a pipe that it is ready and then,
each second, that its loop turns; one that is silent for too long is killed, one
that ends is started again. When the parent is gone, the pipe breaks and the
workers stop. Limits of connections and rates hold for each worker by itself
where they are not shared through the store.
"""

import os
import random
import selectors
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field

from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.supervisor.notify import ServiceManager
from posthouse.supervisor.selftest import OpenRelay
from posthouse.supervisor.serve import NO_NURSERY, Server, WorkersLost

BEAT_SECONDS = 1.0
SILENT_SECONDS = 30.0
"""A loop that has not turned for so long does not come back by itself."""
LONGEST_PAUSE = 30.0
LIVED_SECONDS = 60.0
"""Who lived so long starts with a short pause again."""
STOP_MARGIN = 10.0
TICK_SECONDS = 0.2

FAILED = "FAILED="


class WorkerFailed(Exception):
    """The first worker could not even begin; ``str()`` is why."""


class Lifeline(ServiceManager):
    """What a worker tells its parent, in the words of sd_notify(3)."""

    __slots__ = ("_pipe",)

    def __init__(self, pipe: int) -> None:
        super().__init__({})
        self._pipe = pipe
        self.watchdog_seconds = BEAT_SECONDS

    def tell(self, *words: str) -> None:
        try:
            os.write(self._pipe, "".join(f"{word}\n" for word in words).encode())
        except BlockingIOError:
            pass  # it will read later, and knows then that we live
        except OSError:
            os.kill(os.getpid(), signal.SIGTERM)  # nobody is there who would start us again


@dataclass(slots=True)
class Worker:
    """One process, or the pause before it is started again."""

    number: int
    pid: int = 0
    pipe: int = -1
    born_at: float = 0.0
    heard_at: float = 0.0
    is_ready: bool = False
    reason: str = ""
    pause: float = BEAT_SECONDS
    due_at: float = 0.0


@dataclass(slots=True)
class Fleet:
    """``server`` is prepared and not running: each worker runs it."""

    server: Server
    workers: int
    journal: Journal
    service_manager: ServiceManager
    _all: list[Worker] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _caught: list[int] = field(default_factory=list)
    _stop_at: float | None = None
    _is_told: bool = False
    _fed_at: float = 0.0
    _is_lost: bool = False

    def run(self) -> None:
        """Until told to stop. Raises ``WorkerFailed`` if the first worker cannot begin, and ``WorkersLost``."""
        self.server.confine(may_fork=True)  # a worker gives up the rest
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._catch)
        self._all = [Worker(number) for number in range(self.workers)]
        self._start(self._all[0])  # alone: it brings the schema up to date and makes what is missing
        while self._stop_at is None or any(worker.pid for worker in self._all):
            self._listen()
            self._obey()
            for worker in self._all:
                self._look_after(worker, time.monotonic())
            self._tell()
        self.journal.note("fleet.stopped")
        if self._is_lost:
            raise WorkersLost(NO_NURSERY)

    def _catch(self, number: int, _frame: object) -> None:
        self._caught.append(number)

    def _obey(self) -> None:
        nursery = self.server.nursery
        if nursery is not None and not self._is_lost and nursery.is_gone:
            self._is_lost = True  # none of us can make another: who started us shall do it again
            self._caught.append(signal.SIGTERM)
        while self._caught:
            number = self._caught.pop(0)
            if number == signal.SIGHUP:
                self.server.renew()
                self._signal(signal.SIGHUP)
            elif self._stop_at is None:
                self.service_manager.tell("STOPPING=1")
                self._stop_at = time.monotonic() + self.server.setting.configuration.stop.deadline + STOP_MARGIN
                self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for worker in self._all:
            if worker.pid:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, number)

    def _listen(self) -> None:
        for key, _ in self._selector.select(TICK_SECONDS):
            if not self._hear(key.data):
                self._selector.unregister(key.fileobj)

    def _hear(self, worker: Worker) -> bool:
        """What it said; False once its end of the pipe is closed."""
        try:
            words = os.read(worker.pipe, 65536).decode("utf-8", "replace").splitlines()
        except BlockingIOError:
            return True
        worker.heard_at = time.monotonic()
        worker.is_ready |= "READY=1" in words
        worker.reason = next((one.removeprefix(FAILED) for one in words if one.startswith(FAILED)), worker.reason)
        return bool(words)

    def _look_after(self, worker: Worker, now: float) -> None:
        if worker.pid and os.waitpid(worker.pid, os.WNOHANG)[0]:
            self._bury(worker, now)
        elif worker.pid and self._stop_at is not None:
            if now > self._stop_at:
                os.kill(worker.pid, signal.SIGKILL)
        elif worker.pid and worker.is_ready and now - worker.heard_at > SILENT_SECONDS:
            self.journal.note("worker.silent", Level.ALARM, worker=worker.number + 1, pid=worker.pid)
            os.kill(worker.pid, signal.SIGKILL)
        elif not worker.pid and self._may_start(worker, now):
            self._start(worker)

    def _may_start(self, worker: Worker, now: float) -> bool:
        first = worker.number == 0 or self._is_told or self._all[0].is_ready
        return first and self._stop_at is None and now >= worker.due_at

    def _bury(self, worker: Worker, now: float) -> None:
        """It ended: by itself, by a bug, or because it was silent."""
        self._hear(worker)  # its last words
        self._forget(worker)
        if self.server.board is not None:
            self.server.board.clear(worker.number)
        if self._stop_at is not None:
            return
        if not self._is_told and not worker.is_ready and worker.number == 0:
            raise WorkerFailed(worker.reason or "the first worker died before it was ready")
        worker.pause = BEAT_SECONDS if now - worker.born_at > LIVED_SECONDS else min(2 * worker.pause, LONGEST_PAUSE)
        worker.due_at, worker.is_ready = now + worker.pause, False
        self.journal.note(
            "worker.died", Level.ALARM, worker=worker.number + 1, reason=worker.reason or None, again_in=worker.pause
        )

    def _forget(self, worker: Worker) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(worker.pipe)
        os.close(worker.pipe)
        worker.pid, worker.pipe = 0, -1

    def _start(self, worker: Worker) -> None:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            pid = os.fork()
        except OSError as error:  # no process is to be had now; the other workers go on
            os.close(reading)
            os.close(writing)
            worker.due_at = time.monotonic() + worker.pause
            self.journal.note("worker.unborn", Level.ALARM, worker=worker.number + 1, reason=str(error))
            return
        if pid == 0:
            self._live(worker, reading, writing)
        os.close(writing)
        worker.pid, worker.pipe, worker.reason = pid, reading, ""
        worker.born_at = worker.heard_at = time.monotonic()
        self._selector.register(reading, selectors.EVENT_READ, worker)
        self.journal.note("worker.started", worker=worker.number + 1, pid=pid)

    def _live(self, worker: Worker, reading: int, writing: int) -> None:
        """The child: it never comes back from here."""
        lifeline, status = Lifeline(writing), 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self._selector.close()
            for pipe in (reading, *(other.pipe for other in self._all if other.pid)):
                os.close(pipe)
            random.seed()
            self.server.become(worker.number, lifeline)
            self.server.run()
            status = 0
        except (OpenRelay, OSError, StorageError) as error:
            lifeline.tell(f"{FAILED}{' '.join(str(error).split())}")
        except BaseException as error:  # noqa: BLE001 - whatever it was, it is told before the process ends
            self.journal.bug("worker.bug", error)
        finally:
            os._exit(status)

    def _tell(self) -> None:
        """systemd: ready once all are, alive as long as the parent's loop turns and the first worker lives."""
        if not self._is_told and all(worker.is_ready for worker in self._all):
            self._is_told = True
            self.journal.note("fleet.ready", workers=self.workers)
            self.service_manager.tell("READY=1", f"MAINPID={os.getpid()}")
        pause = self.service_manager.watchdog_seconds
        if pause and time.monotonic() - self._fed_at > pause:
            self._fed_at = time.monotonic()
            self.service_manager.tell("WATCHDOG=1")
