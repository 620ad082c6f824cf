"""What has to be done from time to time while the house is open."""

import asyncio
import os
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from posthouse.admd.limits import Limits
from posthouse.lib.ports import Clock
from posthouse.observe.ports import Journal, Level, Meter
from posthouse.storage.ports import StorageError, Store
from posthouse.supervisor.notify import ServiceManager

PROBE_SECONDS = 5.0
SWEEP_SECONDS = 600.0
FIRST_SWEEP_SECONDS = 30.0
LAG_SECONDS = 1.0
LAG_WORTH_A_WORD = 0.5


class Space:
    """Whether there is room for mail (L28), found out every few seconds so that no session has to ask the disk."""

    __slots__ = ("_journal", "_limits", "_meter", "_path", "enough")

    def __init__(self, path: Path, limits: Limits, journal: Journal, meter: Meter) -> None:
        self._path = path
        self._limits = limits
        self._journal = journal
        self._meter = meter
        self.enough = True
        """False: defer mail with 452 until it is True again."""
        self.look()

    def __call__(self) -> bool:
        return self.enough

    def look(self) -> None:
        with suppress(OSError):
            state = os.statvfs(self._path)
            octets = state.f_bavail * state.f_frsize
            self._meter.gauge("free_octets", octets)
            inodes_enough = not state.f_files or state.f_favail >= self._limits.free_inodes
            enough = octets >= self._limits.free_octets and inodes_enough
            if enough != self.enough:
                level = Level.WARNING if enough else Level.ALARM
                self._journal.note("disk.room" if enough else "disk.full", level, free=octets, inodes=state.f_favail)
            self.enough = enough

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            self.look()


async def sweep(store: Store, clock: Clock, journal: Journal, meter: Meter) -> None:
    """Free what nobody needs any more, now and then."""
    pause = FIRST_SWEEP_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause = SWEEP_SECONDS
        try:
            async for done in store.sweep(int(clock.now() * 1000)):
                meter.count("swept")
                journal.note("store.swept", Level.DEBUG, what=done)
        except StorageError as error:
            journal.note("store.unswept", Level.ALARM, reason=str(error))


async def watch_health(clock: Clock, journal: Journal, meter: Meter, sessions: Callable[[], dict[str, int]]) -> None:
    """The loop's lag, memory, files and sessions, as gauges."""
    while True:
        began = clock.monotonic()
        await asyncio.sleep(LAG_SECONDS)
        lag = max(0.0, clock.monotonic() - began - LAG_SECONDS)
        meter.gauge("loop_lag_seconds", lag)
        if lag > LAG_WORTH_A_WORD:
            journal.note("loop.late", Level.WARNING, seconds=round(lag, 3))
        with suppress(OSError):
            pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])  # noqa: ASYNC240 - not a disk
            meter.gauge("resident_octets", pages * resource.getpagesize())
        for door, number in sessions().items():
            meter.gauge("sessions", number, door=door)


async def feed_watchdog(manager: ServiceManager) -> None:
    """From the loop, so that a loop that hangs is noticed."""
    while manager.watchdog_seconds:
        manager.tell("WATCHDOG=1")
        await asyncio.sleep(manager.watchdog_seconds)
