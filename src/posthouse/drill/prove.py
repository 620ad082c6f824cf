"""The negative control: the same attack against a server that lacks the defence must succeed, or it shows nothing."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from posthouse.drill.attempt import Ground, attempt
from posthouse.drill.bench import strangers
from posthouse.drill.names import Names
from posthouse.drill.place import Place
from posthouse.drill.result import Attempt, Run
from posthouse.drill.runner import Order, ground_of
from posthouse.drill.sandbox import NotStarted, people_the_zone
from posthouse.drill.scenario import Decoy, Scenario
from posthouse.drill.sink import Sink
from posthouse.drill.threat import Threat
from posthouse.drill.verdict import Verdict
from posthouse.drill.watchdog import Watchdog

PROOF_SECONDS = 300.0
"""Of one proof; then everything it began is ended."""


@dataclass(frozen=True, slots=True)
class Proof:
    """``caught``: the attack broke the weakened server, as it must."""

    threat: Threat
    caught: bool
    told: str
    attempt: Attempt | None = None


async def prove(threat: Threat, scenario: Scenario | None, config: Path | None, seed: int) -> Proof:
    """Run the attack where the defence is missing."""
    if scenario is None:
        return Proof(
            threat, caught=False, told=f"waits for {threat.needs}" if threat.needs else "there is no attack yet"
        )
    if not scenario.can_be_proved:
        return Proof(threat, caught=False, told="there is no server without this defence to try it on")
    directory = Path(tempfile.mkdtemp(prefix="drill-prove-"))
    watchdog = Watchdog(PROOF_SECONDS)
    order = Order((), {}, directory, config, settle=1.0, watch=watchdog.watch)
    watchdog.tell(f"clear {directory}")
    try:
        made = await (_on_decoy(scenario, scenario.decoy, seed) if scenario.decoy else _weakened(scenario, order, seed))
    except NotStarted as error:
        return Proof(threat, caught=False, told=str(error))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        watchdog.done()
    if made.verdict is Verdict.BROKEN:
        return Proof(threat, caught=True, told=made.why, attempt=made)
    return Proof(threat, caught=False, told=f"{made.verdict} on a server without the defence: {made.why}", attempt=made)


async def _weakened(scenario: Scenario, order: Order, seed: int) -> Attempt:
    words = (scenario.weakened,) if scenario.weakened else ()
    wish = replace(scenario.wish, weakened=words, config=scenario.without or scenario.wish.config)
    run = Run("prove", "prove", "sandbox", "", seed, 0.0)
    async with ground_of(order, run, wish, order.directory) as ground:
        return await attempt(scenario, ground, seed)


async def _on_decoy(scenario: Scenario, decoy: Decoy, seed: int) -> Attempt:
    async with _decoy_ground(decoy) as ground:
        return await attempt(scenario, ground, seed)


@asynccontextmanager
async def _decoy_ground(decoy: Decoy) -> AsyncIterator[Ground]:
    """A toy server in our own process in place of the real one."""
    sink, names = Sink(), Names()
    await sink.open()
    await names.open()
    people_the_zone(names)
    try:
        async with decoy() as toy:
            place = Place(os.getpid(), toy.services, toy.people, "", Path("/nonexistent"))
            yield Ground(place, sink, names, strangers())
    finally:
        await sink.close()
        await names.close()
