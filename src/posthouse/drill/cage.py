"""The canary's keeper: starts it, listens to it, and knows how it did between two moments."""

import asyncio
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from posthouse.drill.access import Imap
from posthouse.drill.canary import EVERY, SOURCE, Task, write_task
from posthouse.drill.fence import Allowance, Budget
from posthouse.drill.ledger import MARK, Acknowledged, Audit, Ledger
from posthouse.drill.place import Place
from posthouse.drill.transcript import Transcript

SECOND_LOOK_SECONDS = 1.0
FAILURES_THAT_STOP = 3
"""So many songs in a row that fail on a live server, and the run is over."""


@dataclass(frozen=True, slots=True)
class Songs:
    """How the canary did in a while: shares and seconds."""

    sung: int
    good: int
    p50: float
    p99: float
    probe_p99: float
    own_p99: float
    complaints: tuple[str, ...] = ()
    probes: tuple[tuple[float, float, float], ...] = ()
    """Each NOOP: when, how long it took, and how long of that the canary itself waited for a processor."""

    @property
    def share(self) -> float:
        return self.good / self.sung if self.sung else 1.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` of them do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


@dataclass(slots=True)
class Cage:
    """One canary for one server."""

    place: Place
    name: str
    run: str
    ledger: Ledger = field(default_factory=Ledger)
    every: float = EVERY
    """Seconds from one song to the next."""
    heard: list[dict[str, Any]] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _listening: "asyncio.Task[None] | None" = None

    async def open(self) -> None:
        person = self.place.person(self.name)
        where = self.place.where
        task = Task(
            where("smtp"), where("submissions"), where("imaps"), self.place.cafile, person.address, person.password,
            self.run, self.every,
        )  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "posthouse.drill.canary",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise OSError("the canary cannot be spoken to: it was started without pipes")
        stdin.write(write_task(task).encode())
        await stdin.drain()
        self._listening = asyncio.create_task(self._listen(stdout))

    async def _listen(self, stdout: asyncio.StreamReader) -> None:
        async for line in stdout:
            told = json.loads(line)
            self.heard.append(told)
            if "sha256" in told:
                self.ledger.entries[told["key"]] = Acknowledged(told["sha256"], told["octets"], told["at"])

    async def close(self) -> None:
        process, self._process = self._process, None
        if self._listening is not None:
            self._listening.cancel()
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    # -- what it tells

    def songs(self, since: float, until: float | None = None) -> Songs:
        """What was begun in that while."""
        end = time.monotonic() if until is None else until
        mine = [one for one in self.heard if since <= one["at"] <= end]
        sung = [one for one in mine if "road" in one]
        probes = [(one["at"], one["probe"], one.get("queued", 0.0)) for one in mine if "probe" in one]
        times = [one["fetched"] for one in sung if "fetched" in one]
        return Songs(
            sung=len(sung),
            good=sum(one["ok"] for one in sung),
            p50=percentile(times, 0.5),
            p99=percentile(times, 0.99),
            probe_p99=percentile([seconds for _, seconds, _ in probes], 0.99),
            own_p99=percentile([one["own"] for one in mine if "own" in one], 0.99),
            complaints=tuple(one["why"] for one in sung if "why" in one)[:5],
            probes=tuple(probes),
        )

    async def wait_for_songs(self, number: int, seconds: float, since: float | None = None) -> bool:
        """Until so many more have been sung since then; False when time is up."""
        since = time.monotonic() if since is None else since
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if sum(1 for one in self.heard if "road" in one and one["at"] >= since) >= number:
                return True
            await asyncio.sleep(0.05)
        return False

    @property
    def is_choking(self) -> bool:
        last = [one["ok"] for one in self.heard if "road" in one][-FAILURES_THAT_STOP:]
        return len(last) == FAILURES_THAT_STOP and not any(last)

    async def audit(self) -> Audit:
        """H5: each acknowledged message is there exactly once, octet by octet; then the mailbox is emptied.

        What is not there yet is looked for once more: a message may be on its way from one hand to the other.
        """
        keys = list(self.ledger.entries)
        person = self.place.person(self.name)
        imap = await Imap.connect(
            self.place.where("imaps"), SOURCE, Budget(Allowance()), Transcript(), cafile=self.place.cafile, tls=True
        )
        async with imap:
            await imap.greet()
            await imap.login(person.address, person.password)
            audit, boxes = await self._look(imap, keys)
            if audit.lost:
                await asyncio.sleep(SECOND_LOOK_SECONDS)
                audit, boxes = await self._look(imap, keys)
            known = frozenset(keys)  # what came meanwhile stays for the next audit
            for box, found in boxes.items():
                done = [
                    str(uid) for uid, message in found if (mark := MARK.search(message)) and mark[1].decode() in known
                ]
                for at in range(0, len(done), 100):
                    await imap.empty(box, ",".join(done[at : at + 100]))
        for key in keys:
            del self.ledger.entries[key]
        return audit

    async def _look(self, imap: Imap, keys: Sequence[str]) -> tuple[Audit, dict[str, list[tuple[int, bytes]]]]:
        boxes = {box: await imap.fetch_numbered(box) for box in ("INBOX", "Junk")}
        return self.ledger.audit((message for found in boxes.values() for _, message in found), keys), boxes
