"""Runs entries: one sandbox for all that wish the same server, a canary in each, every attempt judged alone."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from posthouse.drill.attempt import Ground, attempt
from posthouse.drill.bench import strangers
from posthouse.drill.cage import Cage
from posthouse.drill.caller import Silent
from posthouse.drill.canary import EVERY
from posthouse.drill.control import NAME, Declined, ask
from posthouse.drill.fence import RUN_SECONDS, Allowance, Budget
from posthouse.drill.leash import Watch, nobody_watches
from posthouse.drill.live import left_behind, live_ground
from posthouse.drill.result import Attempt, Result, Run
from posthouse.drill.sandbox import CANARY, NotStarted, Wish, sandbox
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import Smtp, letter
from posthouse.drill.threat import Threat
from posthouse.drill.transcript import Transcript
from posthouse.drill.verdict import Verdict, agree

IDLE_SONGS = 6
WARM_HEADER = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="warm"\r\n'
WARM_BODY = (
    b'--warm\r\nContent-Type: application/zip; name="warm.zip"\r\nContent-Transfer-Encoding: base64\r\n'
    b'Content-Disposition: attachment; filename="warm.zip"\r\n\r\n'
)
NOT_WRITTEN = "there is no attack for it yet"

Tell = Callable[[str, Result | None], None]
"""Called with the id of an entry when it begins, and with its result when it is over."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run. ``settle`` is how long a server may take to be at rest after an attack (H2, H3)."""

    threats: Sequence[Threat]
    scenarios: dict[str, Scenario]
    directory: Path
    config: Path | None = None
    repeat: int = 1
    settle: float = 20.0
    every: float = EVERY
    """Seconds from one song of the canary to the next."""
    longest: float = RUN_SECONDS
    """Seconds of the whole run; what has not begun by then is unproven."""
    large: bool = False
    """Attacks take more of everything."""
    repeat_seconds: float = math.inf
    """An attack that took longer than that is not made again."""
    watch: Watch = nobody_watches


async def run_all(order: Order, run: Run, tell: Tell) -> None:
    """All entries in the order of their wishes; results are in ``run`` as they come, also if we are stopped."""
    began = time.monotonic()
    for threat in order.threats:
        if threat.id not in order.scenarios:
            run.results.append(unproven(threat))
    try:
        for number, (wish, group) in enumerate(grouped(order).items()):
            await _run_group(order, run, tell, wish, group, order.directory / f"sandbox-{number}", began)
    finally:
        run.seconds = time.monotonic() - began
        ranks = {threat.id: at for at, threat in enumerate(order.threats)}
        run.results.sort(key=lambda one: ranks[one.threat.id])


async def run_live(order: Order, run: Run, tell: Tell, socket: Path) -> None:
    """Against the operator's own server: only what harms nobody, and not a moment longer than it is well."""
    began = time.monotonic()
    for threat in order.threats:
        if threat.id not in order.scenarios:
            run.results.append(unproven(threat, "" if threat.needs else "not for a live server"))
    waiting = [threat for threat in order.threats if threat.id in order.scenarios]
    try:
        async with live_ground(socket, run.id) as ground:
            ground.settle_seconds = order.settle
            await _listen_in_peace(ground)
            while waiting and not run.aborted:
                await _run_one(order, run, tell, waiting.pop(0), ground)
                if ground.is_dead or (ground.cage is not None and ground.cage.is_choking):
                    run.aborted = "the server is not well: its canary choked"
    finally:
        run.results += [unproven(one, run.aborted or "stopped") for one in waiting]
        run.seconds = time.monotonic() - began
        run.clean = " ".join(await left_behind(socket))


async def _listen_in_peace(ground: Ground) -> None:
    """How the canary does before anything is attacked. Raises ``NotStarted`` if it does not sing."""
    if ground.cage is None:
        return
    began = time.monotonic()
    await ground.cage.wait_for_songs(IDLE_SONGS, 30.0)
    ground.idle = ground.cage.songs(began)
    if not ground.idle.good:
        raise NotStarted(f"the canary does not sing even in peace: {(*ground.idle.complaints, 'silence')[0]}")


def unproven(threat: Threat, why: str = "") -> Result:
    """What has no attack is told, and never counted as held."""
    reason = why or (f"waits for {threat.needs}" if threat.needs else NOT_WRITTEN)
    return Result(threat, Verdict.UNPROVEN, reason, skipped=True)


def grouped(order: Order) -> dict[Wish, list[Threat]]:
    """Who can share a server; the plain one comes first."""
    groups: dict[Wish, list[Threat]] = {}
    for threat in order.threats:
        if scenario := order.scenarios.get(threat.id):
            groups.setdefault(scenario.wish, []).append(threat)
    return groups


async def _run_group(
    order: Order, run: Run, tell: Tell, wish: Wish, group: list[Threat], directory: Path, began: float
) -> None:
    waiting = list(group)
    lives = 0
    while waiting:
        lives += 1
        try:
            async with ground_of(order, run, wish, directory / f"life-{lives}") as ground:
                while waiting and not ground.is_dead:
                    if time.monotonic() - began > order.longest:
                        run.aborted = f"the run's {order.longest / 60:.0f} minutes are over"
                        run.results += [unproven(one, run.aborted) for one in waiting]
                        return
                    threat = waiting.pop(0)
                    await _run_one(order, run, tell, threat, ground)
        except NotStarted as error:
            run.results += [unproven(one, str(error)) for one in waiting]
            return


async def _run_one(order: Order, run: Run, tell: Tell, threat: Threat, ground: Ground) -> None:
    tell(threat.id, None)
    attempts: list[Attempt] = []
    for number in range(order.repeat):
        attempts.append(await attempt(order.scenarios[threat.id], ground, run.seed + number))
        if ground.is_dead or sum(one.seconds for one in attempts) > order.repeat_seconds:
            break
    verdict, why = agree([(one.verdict, one.why) for one in attempts])
    result = Result(threat, verdict, why, tuple(attempts))
    run.results.append(result)
    for name in ("acknowledged", "lost", "altered", "duplicated"):
        setattr(run, name, getattr(run, name) + int(sum(one.metrics.get(name, 0) for one in attempts)))
    tell(threat.id, result)


@contextlib.asynccontextmanager
async def ground_of(order: Order, run: Run, wish: Wish, directory: Path) -> AsyncIterator[Ground]:
    """A sandbox with a canary that has sung in peace for a while."""
    async with sandbox(directory, wish, config=order.config, seed=run.seed, watch=order.watch) as box:
        run.limits = run.limits or await _limits(box.directory / "data/store" / NAME)
        cage = Cage(box.place, CANARY, run.id, every=order.every)
        ground = Ground(
            box.place,
            box.sink,
            box.names,
            strangers(),
            cage,
            settle_seconds=order.settle,
            watch=order.watch,
            large=order.large,
        )
        try:
            await warm_up(ground)
            await cage.open()
            await _listen_in_peace(ground)
            yield ground
        finally:
            await cage.close()


async def _limits(socket: Path) -> dict[str, list[str]]:
    """The limits in force, by their number."""
    found: dict[str, list[str]] = {}
    with contextlib.suppress(Declined):
        for row in await ask(socket, "limits"):
            found.setdefault(str(row["number"]), []).append(f"{row['limit']} = {row['value']} {row['unit']}")
    return found


async def warm_up(ground: Ground) -> None:
    """Pools begin to work: two wrong passwords, two attachments. What they take stays, and is no attack's cost."""
    await asyncio.gather(*(_guess(ground) for _ in range(2)))
    await asyncio.gather(*(_attach(ground) for _ in range(2)))


async def _guess(ground: Ground) -> None:
    with contextlib.suppress(OSError, Silent):
        caller = await Smtp.connect(
            ground.place.where("submissions"), next(ground.addresses), Budget(Allowance()), Transcript(),
            cafile=ground.place.cafile, tls=True,
        )  # fmt: skip
        async with caller:
            await caller.greet()
            await caller.login("nobody@office.test", "warm")


async def _attach(ground: Ground) -> None:
    with contextlib.suppress(OSError, Silent):
        source = next(ground.addresses)
        caller = await Smtp.connect(ground.place.where("smtp"), source, Budget(Allowance()), Transcript())
        async with caller:
            await caller.greet()
            body = WARM_BODY + (b"QUJD" * 19 + b"\r\n") * 25_000 + b"--warm--\r\n"
            content = WARM_HEADER + letter("warm up", body=body)
            await caller.send(b"warm@else.test", [ground.place.person(CANARY).address.encode()], content)


def chosen(threats: Iterable[Threat], scenarios: dict[str, Scenario], live: bool) -> dict[str, Scenario]:
    """The attacks for these; on a live server only those that harm nobody."""
    ids = {one.id for one in threats}
    return {one.id: one for one in scenarios.values() if one.id in ids and (one.live_safe or not live)}
