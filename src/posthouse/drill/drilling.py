"""A drill from its beginning to its report: the network, the watchdog, the run, the clean-up, the report."""

import hashlib
import math
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posthouse.drill.attacks.index import all_scenarios
from posthouse.drill.canary import EVERY as USUAL_EVERY
from posthouse.drill.catalogue.index import CATALOGUE
from posthouse.drill.control import Declined
from posthouse.drill.fence import RUN_SECONDS, Refused
from posthouse.drill.reports.document import document_of
from posthouse.drill.reports.keep import NotThere, keep, proofs, read
from posthouse.drill.result import Run
from posthouse.drill.runner import NOT_WRITTEN, Order, Tell, chosen, run_all, run_live
from posthouse.drill.sandbox import NotStarted, enter_own_network
from posthouse.drill.threat import Threat
from posthouse.drill.watchdog import Watchdog

SETTLE = {"quick": 10.0, "essay": 20.0}
SETTLE_LONGEST = 60.0
REPEAT = {"soak": 3}
LONGEST = {"soak": 4 * RUN_SECONDS}
LARGE = frozenset({"full", "soak"})
REPEAT_SECONDS = 15.0
"""Attacks that take longer are made once also in the profiles that repeat."""
USUAL_SECONDS = {"quick": 35.0, "essay": 130.0, "full": 1200.0}
"""What a whole run of a profile took on two busy cores."""
EVERY = {"quick": 0.25}
"""Seconds from one song of the canary to the next, where there is little time."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked for on the command line."""

    threats: Sequence[Threat]
    profile: str
    reports: Path
    seed: int = 42
    repeat: int = 0
    config: Path | None = None
    own_network: bool = True
    live: Path | None = None
    """The control socket of the operator's own server, if that is the target."""
    scratch: Path | None = None
    """Where sandboxes live; a directory of ours in the system's place for such."""


@dataclass(slots=True)
class Drill:
    """One drill under way. ``document`` is there once it is over, however it ended."""

    ask: Ask
    run: Run = field(init=False)
    file: Path | None = None
    document: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        started = time.time()
        name = f"{datetime.fromtimestamp(started, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        target = "sandbox" if self.ask.live is None else "local"
        self.run = Run(name, self.ask.profile, target, "", self.ask.seed, started)

    def enter_network(self) -> None:
        """Before any thread or loop: this process moves, and with it all that it starts."""
        moved = self.ask.own_network and self.ask.live is None and enter_own_network()
        self.run.network = "a network with lo only" if moved else "loopback of this machine"

    async def carry_out(self, tell: Tell) -> None:
        """Run, clean up, and keep the report; also when it is cancelled."""
        ask, run = self.ask, self.run
        scenarios = all_scenarios()
        directory = Path(tempfile.mkdtemp(prefix="drill-", dir=ask.scratch))
        longest = LONGEST.get(ask.profile, RUN_SECONDS)
        watchdog = Watchdog(longest + 60)
        watchdog.tell(f"clear {directory}")
        order = Order(
            threats=ask.threats,
            scenarios=chosen(ask.threats, scenarios, live=ask.live is not None),
            directory=directory,
            config=ask.config,
            repeat=ask.repeat or REPEAT.get(ask.profile, 1),
            repeat_seconds=math.inf if ask.repeat else REPEAT_SECONDS,
            longest=longest,
            large=ask.profile in LARGE,
            every=EVERY.get(ask.profile, USUAL_EVERY),
            settle=SETTLE.get(ask.profile, SETTLE_LONGEST),
            watch=watchdog.watch,
        )
        if ask.config is not None:
            run.server["config_sha256"] = hashlib.sha256(ask.config.read_bytes()).hexdigest()
        try:
            if ask.live is not None:
                await run_live(order, run, tell, ask.live)
            else:
                await run_all(order, run, tell)
        except (Refused, Declined, NotStarted) as error:
            run.aborted = str(error)
            raise
        except BaseException as error:
            run.aborted = run.aborted or f"stopped by hand ({type(error).__name__})"
            raise
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            run.clean = f"{run.clean} {directory}".strip() if directory.exists() else run.clean
            watchdog.done()
            self._report()

    def _report(self) -> None:
        run, ask = self.run, self.ask
        run.not_tested = not_tested(run)
        try:
            before = {one["id"] for one in read("last", ask.reports)["results"]}
        except NotThere:
            before = set()
        self.document = document_of(run, before and {one.id for one in CATALOGUE} & before, proofs(ask.reports))
        transcripts = {
            f"{result.threat.id}-{number + 1}": one.transcript
            for result in run.results
            for number, one in enumerate(result.attempts)
        }
        self.file = keep(self.document, ask.reports, transcripts)


def not_tested(run: Run) -> list[str]:
    """What this run could not see, whatever its verdicts."""
    found = []
    if not run.network.startswith("a network"):
        found.append("that nothing leaves the machine was left to the fence in our own code (no network namespace)")
    surfaces = sorted({one.threat.needs for one in run.results if one.threat.needs})
    if surfaces:
        found.append(f"what does not exist yet ({', '.join(surfaces)})")
    unwritten = sum(one.skipped and one.why == NOT_WRITTEN for one in run.results)
    if unwritten:
        found.append(f"{unwritten} entries that have no attack yet")
    return found
