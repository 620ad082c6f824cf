"""What runs beside the doors, from time to time or all the while."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from posthouse.filter.sharing import Sharing
from posthouse.observe.ports import Journal
from posthouse.supervisor.feedback import tend_feedback
from posthouse.supervisor.housekeeping import give_memory_back, sweep, tend_keys
from posthouse.supervisor.quarantining import tend_quarantine
from posthouse.supervisor.scanning import watch_scanners
from posthouse.supervisor.standing import watch_standing
from posthouse.supervisor.works import Setting, Tools, Works

Run = Callable[[], Coroutine[Any, Any, None]]

RESTART_SECONDS = 1.0
"""What dies is started again, not faster than this."""


def runs_of(works: Works, tools: Tools, setting: Callable[[], Setting]) -> dict[str, Run]:
    """By name, what the offices have to do without being asked. ``setting`` is the one in force."""
    clock, journal, store = tools.clock, tools.journal, works.store
    runs: dict[str, Run] = {
        "directory": lambda: works.directory.follow(store, clock=clock, journal=journal),
        "sweep": lambda: sweep(store, clock, journal, tools.meter),
        "memory": give_memory_back,
        "standing": lambda: watch_standing(store, clock, journal, tools.meter),
        "scanners": lambda: watch_scanners(lambda: works.scanners),
        "school": works.school.follow,
        "quarantine": lambda: tend_quarantine(
            works.quarantine,
            works.digests,
            lambda: setting().configuration.quarantine,
            store,
            store.node,
            clock=clock,
            journal=journal,
        ),
        "reports": lambda: tend_feedback(works.feedback, store.node, journal),
        "keys": lambda: tend_keys(works.ring, works.resolver, store.node, journal, setting().publish),
    }
    if setting().configuration.store.engine:  # others may serve the same
        runs["sharing"] = Sharing(store, works.guards.allowances | works.replication.allowances).run
    return runs


async def keep_running(name: str, run: Run, journal: Journal) -> None:
    """``run`` until it ends by itself; a bug in it is told, and it begins anew."""
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - nothing that runs beside the doors may end silently
            with suppress(MemoryError):  # there may be some in a moment
                journal.bug(f"{name}.died", error)
            with suppress(MemoryError):
                await asyncio.sleep(RESTART_SECONDS)
        else:
            return
