"""One attempt of one attack: measure, attack within its budget, measure again, judge."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from posthouse.drill.bench import Bench, Unproven
from posthouse.drill.cage import Cage, Songs
from posthouse.drill.caller import Silent
from posthouse.drill.fence import Budget, Spent
from posthouse.drill.invariants import LEFT_FILES, LEFT_OCTETS, Seen, busyness, examine
from posthouse.drill.leash import Watch, nobody_watches
from posthouse.drill.ledger import Audit
from posthouse.drill.names import Names
from posthouse.drill.place import Absent, Place
from posthouse.drill.result import Attempt
from posthouse.drill.scenario import Scenario
from posthouse.drill.sink import Sink
from posthouse.drill.verdict import Assertion, judge
from posthouse.drill.vitals import Journal, Strain, Vitals, is_alive, measure, strain

SAMPLE_SECONDS = 0.05
SETTLE_SECONDS = 20.0
USUAL_SECONDS = 0.25
"""From handing in a message to reading it, in peace."""
SONGS = 2
"""An attack is judged by at least so many songs of the canary."""


@dataclass(slots=True)
class Ground:
    """Where attempts are made: a server with everything beside it. ``idle`` is how the canary does in peace."""

    place: Place
    sink: Sink
    names: Names
    addresses: Iterator[str]
    cage: Cage | None = None
    idle: Songs | None = None
    settle_seconds: float = SETTLE_SECONDS
    watch: Watch = nobody_watches
    large: bool = False

    @property
    def is_dead(self) -> bool:
        return not is_alive(self.place.pid)


@dataclass(slots=True)
class Peak:
    """The most memory that was seen, and how the machine let the server wait."""

    pid: int
    octets: int = 0
    strain: list[Strain] = field(default_factory=list)

    async def watch(self) -> None:
        while found := measure(self.pid):
            self.octets = max(self.octets, found.resident)
            self.strain.append(strain(self.pid))
            await asyncio.sleep(SAMPLE_SECONDS)


async def attempt(scenario: Scenario, ground: Ground, seed: int) -> Attempt:
    """Run it once. Never raises but for cancellation: what goes wrong in the attack itself is UNPROVEN."""
    bench = _bench_of(scenario, ground, seed)
    before = measure(ground.place.pid)
    if before is None:
        verdict, why = judge((), "the server was not there any more")
        return Attempt(verdict, why)
    began = time.monotonic()
    peak = Peak(ground.place.pid, before.resident)
    watching = asyncio.create_task(peak.watch())
    try:
        reason = await _attack(scenario, bench)
        seconds = time.monotonic() - began
        seen = await _look_after(ground, bench, before, peak, began, scenario)
    finally:
        watching.cancel()
    assertions, noise = _weigh(bench, seen, scenario)
    verdict, why = judge(assertions, reason or noise)
    metrics = {"seconds": round(seconds, 3), "connections": bench.budget.connections, "octets": bench.budget.octets}
    metrics |= (_metrics(seen) if seen is not None else {}) | bench.figures
    sources = tuple(sorted(bench.sources)[:20])
    return Attempt(verdict, why, tuple(assertions), metrics, bench.transcript.text(), seconds, sources)


def _bench_of(scenario: Scenario, ground: Ground, seed: int) -> Bench:
    return Bench(
        place=ground.place,
        sink=ground.sink,
        names=ground.names,
        chance=random.Random(f"{seed}:{scenario.id}"),
        budget=Budget(scenario.allowance),
        addresses=ground.addresses,
        journal=Journal(ground.place.log),
        watch=ground.watch,
        slowness=slowness(ground.idle),
        large=ground.large,
    )


def _weigh(bench: Bench, seen: Seen | None, scenario: Scenario) -> tuple[list[Assertion], str]:
    """What the attack asserts, and what was seen of the server beside it; and the noise that none can be judged in."""
    if seen is None:
        return list(bench.assertions), ""
    findings, busy = examine(seen, scenario.excused), busyness(seen)
    late = [one.name for one in bench.assertions if busy and not one.ok and one.name in bench.timely]
    noise = findings.noise or (f"the machine was too busy to judge {late[0]}: {busy}" if late else "")
    return [one for one in bench.assertions if one.name not in late] + list(findings.assertions), noise


def slowness(idle: Songs | None) -> float:
    """How much longer than on a machine at rest whatever should happen may take here."""
    return min(5.0, max(1.0, idle.p99 / USUAL_SECONDS)) if idle is not None else 1.0


async def _attack(scenario: Scenario, bench: Bench) -> str:
    """Why nothing was proved; empty when it ran to its end."""
    try:
        await asyncio.wait_for(scenario.attack(bench), scenario.allowance.seconds)
    except (Unproven, Absent) as error:
        return str(error)
    except Spent as error:
        return f"the attack's budget was too small: {error}"
    except TimeoutError:
        return f"the attack took more than its {scenario.allowance.seconds:.0f} s"
    except (OSError, ssl.SSLError, EOFError, Silent) as error:
        return f"the attack lost its connection: {error!r}"
    except Exception as error:  # noqa: BLE001 - a bug in one attack is no verdict and does not end the run
        bench.transcript.note("note", repr(error).encode())
        return f"the attack itself failed: {error!r}"
    return ""


async def _look_after(
    ground: Ground, bench: Bench, before: Vitals, peak: Peak, began: float, scenario: Scenario
) -> Seen | None:
    """The server, when the attack is over and it is at rest again; None where no canary sings."""
    cage, idle = ground.cage, ground.idle
    if cage is None or idle is None:
        return None
    await cage.wait_for_songs(SONGS, 10.0, began)
    ended = time.monotonic()
    after = await _settled(ground, before)
    return Seen(
        before=before,
        peak=peak.octets,
        after=after,
        alive=not ground.is_dead,
        songs=cage.songs(began, ended),
        idle=idle,
        audit=await _audit(cage),
        journal=bench.journal.text(),
        sources=frozenset(bench.sources),
        memory=scenario.memory,
        strain=tuple(peak.strain),
    )


async def _settled(ground: Ground, before: Vitals) -> Vitals | None:
    """The server when it is at rest again, or after the time it has for that."""
    end = time.monotonic() + ground.settle_seconds
    while after := measure(ground.place.pid):
        quiet = after.own <= before.own + LEFT_OCTETS and after.files <= before.files + LEFT_FILES
        if quiet or time.monotonic() > end:
            return after
        await asyncio.sleep(0.1)
    return None


async def _audit(cage: Cage) -> Audit | None:
    with contextlib.suppress(OSError, Silent, EOFError, ssl.SSLError):
        return await cage.audit()
    return None


def _metrics(seen: Seen) -> dict[str, float]:
    found = {
        "rss_before": seen.before.resident,
        "rss_peak": seen.peak,
        "fd_before": seen.before.files,
        "processes_before": len(seen.before.pids),
        "songs": seen.songs.sung,
        "songs_good": seen.songs.good,
        "p50": round(seen.songs.p50, 4),
        "p99": round(seen.songs.p99, 4),
        "lag": round(seen.songs.probe_p99, 4),
        "own_lag": round(seen.songs.own_p99, 4),
    }
    if seen.after is not None:
        found |= {
            "rss_after": seen.after.resident,
            "fd_after": seen.after.files,
            "processes_after": len(seen.after.pids),
            "cpu": round(seen.after.cpu - seen.before.cpu, 2),
        }
    if seen.audit is not None:
        found |= {
            "acknowledged": seen.audit.acknowledged,
            "lost": len(seen.audit.lost),
            "altered": len(seen.audit.altered),
            "duplicated": len(seen.audit.duplicated),
        }
    return found
