"""What is in quarantine, tended now and then: what is too old goes, and users hear of what is new."""

import asyncio
from collections.abc import Callable

from posthouse.lib.ports import Clock
from posthouse.mta.digest import Digests
from posthouse.mta.quarantine import Quarantine
from posthouse.observe.ports import Journal, Level
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.supervisor.sections.boundary import QuarantineSection

TEND_SECONDS = 3600.0
FIRST_SECONDS = 60.0
LEASE_MILLISECONDS = 2 * 3600 * 1000


async def tend_quarantine(
    quarantine: Quarantine,
    digests: Digests,
    wanted: Callable[[], QuarantineSection],
    store: Store,
    owner: str,
    *,
    clock: Clock,
    journal: Journal,
) -> None:
    """Hourly; among all nodes one does it at a time."""
    pause = FIRST_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause = TEND_SECONDS
        try:
            now = int(clock.now() * 1000)
            if await store.lease("quarantine", owner, now, now + LEASE_MILLISECONDS) is not None:
                await tend_once(quarantine, digests, wanted(), journal)
        except StorageError as error:
            journal.note("quarantine.untended", Level.ALARM, reason=str(error))


async def tend_once(quarantine: Quarantine, digests: Digests, wanted: QuarantineSection, journal: Journal) -> None:
    """One round."""
    gone = await quarantine.expire(wanted.keep)
    sent = await digests.send() if wanted.digest else 0
    if gone or sent:
        journal.note("quarantine.tended", expired=gone, digests=sent)
