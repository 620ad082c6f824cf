"""What has to be done from time to time while the house is open."""

import asyncio
import resource
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from posthouse.admd.keyring import TEND_SECONDS, KeyRing
from posthouse.admd.keys import State
from posthouse.admd.vault import VaultLocked
from posthouse.lib.ports import Clock
from posthouse.net.listener import Listener
from posthouse.observe.board import Board
from posthouse.observe.metrics import PrometheusMeter
from posthouse.observe.ports import Journal, Level, Meter
from posthouse.standards.dns.ports import Resolver
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.supervisor.memory import give_back_free_pages
from posthouse.supervisor.notify import ServiceManager

SWEEP_SECONDS = 600.0
FIRST_SWEEP_SECONDS = 30.0
SWEEP = "sweep"
"""The job's name among the leases."""
SWEEP_LEASE_MILLISECONDS = 1_500_000
"""Two rounds and a half: whoever has it keeps it while it lives."""
LAG_SECONDS = 1.0
POST_SECONDS = 1.0
TRIM_SECONDS = 30.0
LAG_WORTH_A_WORD = 0.5
JUMP_SECONDS = 300.0
"""The clock on the wall against the one that only goes: more, within a second, is an alarm (threat R10)."""


async def sweep(store: Store, clock: Clock, journal: Journal, meter: Meter) -> None:
    """Free what nobody needs any more, now and then; among all nodes one does it (two at once would do no harm)."""
    pause = FIRST_SWEEP_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause = SWEEP_SECONDS
        now = int(clock.now() * 1000)
        try:
            if await store.lease(SWEEP, store.node, now, now + SWEEP_LEASE_MILLISECONDS) is None:
                continue
            async for done in store.sweep(now):
                meter.count("swept")
                journal.note("store.swept", Level.DEBUG, what=done)
        except StorageError as error:
            journal.note("store.unswept", Level.ALARM, reason=str(error))


Publish = Callable[[str, bytes], None]


async def tend_keys_once(ring: KeyRing, resolver: Resolver, owner: str, publish: Publish | None) -> None:
    """One round; with ``publish`` new keys are in use at its end."""
    if publish is not None:  # keys of an earlier life: they are looked for in the DNS first of all
        _publish_all(ring, publish)
    await ring.tend(resolver, owner)
    if publish is None:
        return
    _publish_all(ring, publish)
    waiting: dict[str, set[str]] = {}
    for row in ring.rows():
        if row.state is State.MADE:
            waiting.setdefault(row.domain, set()).add(row.selector)
    for domain, selectors in waiting.items():
        await ring.activate(domain, selectors)


def _publish_all(ring: KeyRing, publish: Publish) -> None:
    for row in ring.rows():
        if row.is_to_be_published:
            publish(row.name, row.record.encode())


async def tend_keys(ring: KeyRing, resolver: Resolver, owner: str, journal: Journal, publish: Publish | None) -> None:
    """Move the DKIM keys along their lives; among all nodes one does it at a time."""
    while True:
        try:
            await tend_keys_once(ring, resolver, owner, publish)
        except (StorageError, VaultLocked) as error:
            journal.note("dkim.untended", Level.ALARM, reason=str(error))
        await asyncio.sleep(TEND_SECONDS)


async def watch_health(
    clock: Clock, journal: Journal, meter: Meter, listeners: Callable[[], Sequence[Listener]]
) -> None:
    """The loop's lag, memory, files and sessions, as metrics; and who listens no more, listens again."""
    seen: dict[str, tuple[int, int]] = {}
    waited: set[str] = set()
    apart = clock.now() - clock.monotonic()
    while True:
        began = clock.monotonic()
        await asyncio.sleep(LAG_SECONDS)
        was, apart = apart, clock.now() - clock.monotonic()
        if abs(apart - was) > JUMP_SECONDS:  # somebody set the clock (threat R10)
            journal.note("clock.jumped", Level.ALARM, seconds=round(apart - was))
        lag = max(0.0, clock.monotonic() - began - LAG_SECONDS)
        meter.gauge("loop_lag_seconds", lag)
        if lag > LAG_WORTH_A_WORD:
            journal.note("loop.late", Level.WARNING, seconds=round(lag, 3))
        with suppress(OSError):
            _measure_process(meter)
        for one in listeners():
            admitted, refused = seen.get(one.name, (0, 0))
            meter.gauge("sessions", one.sessions, door=one.name)
            meter.count("connections", one.admitted - admitted, door=one.name)
            meter.count("connections_refused", one.refused - refused, door=one.name)
            seen[one.name] = (one.admitted, one.refused)
            is_deaf = one.waiting > 0 and (admitted, refused) == seen[one.name]
            if is_deaf and one.name in waited:  # twice, with a turn of the loop between
                journal.note("net.deaf", Level.ALARM, door=one.name, waiting=one.waiting)
                await one.listen_again()
            (waited.add if is_deaf else waited.discard)(one.name)


async def post_metrics(board: Board, number: int, meter: PrometheusMeter) -> None:
    """What this worker counts, where the others can see it."""
    while True:
        board.post(number, meter.render())
        await asyncio.sleep(POST_SECONDS)


async def give_memory_back() -> None:
    """Now and then, when a burst may be over."""
    while True:
        await asyncio.sleep(TRIM_SECONDS)
        give_back_free_pages()


def _measure_process(meter: Meter) -> None:
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    meter.gauge("resident_octets", pages * resource.getpagesize())
    meter.gauge("open_files", len(list(Path("/proc/self/fd").iterdir())))


async def feed_watchdog(manager: ServiceManager) -> None:
    """From the loop, so that a loop that hangs is noticed."""
    while manager.watchdog_seconds:
        manager.tell("WATCHDOG=1")
        await asyncio.sleep(manager.watchdog_seconds)
