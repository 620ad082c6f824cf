"""The canary: an honest sender and reader beside every attack, in a process of its own.

Every half second it hands in a message, by turns as a stranger from 127.0.0.9
and as one of our own people, and fetches it over IMAP. Between them it asks
NOOP, which shows how long the server's loop lets others wait. One JSON object
a line goes to standard output; times are ``CLOCK_MONOTONIC``, which is the same
in all processes.

As a program: ``python -m posthouse.drill.canary`` with its task on standard input.
"""

import asyncio
import hashlib
import itertools
import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

from posthouse.drill.access import Imap, literals
from posthouse.drill.caller import Silent
from posthouse.drill.fence import Allowance, Budget
from posthouse.drill.ledger import marked
from posthouse.drill.smtp import Smtp, letter
from posthouse.drill.transcript import Transcript
from posthouse.drill.vitals import queued

SOURCE = "127.0.0.9"
EVERY = 0.5
PROBE_EVERY = 0.1
FETCH_SECONDS = 10.0
MESSAGES_A_CONNECTION = 20
SENDERS = 8
"""What one domain sends to one recipient is counted (L16)."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the canary is told: where, and as whom."""

    smtp: tuple[str, int]
    submissions: tuple[str, int]
    imaps: tuple[str, int]
    cafile: str
    address: str
    password: str
    run: str
    every: float = EVERY


class Canary:
    """One song after the other, until standard input closes."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.budget = Budget(Allowance())
        self.imap: Imap | None = None
        self.probe: Imap | None = None
        self.roads: dict[str, Smtp | None] = {"mx": None, "submission": None}
        self.sent = {"mx": 0, "submission": 0}

    async def sing(self) -> None:
        probing = asyncio.create_task(self._probe())
        try:
            for number in itertools.count():
                began = time.monotonic()
                await self._once(number, "submission" if number % 2 else "mx")
                self.budget = Budget(Allowance())  # every song has its own
                await asyncio.sleep(max(0.0, self.task.every - (time.monotonic() - began)))
        finally:
            probing.cancel()

    async def _once(self, number: int, road: str) -> None:
        key = f"canary-{self.task.run}-{number}"
        began = time.monotonic()
        tell: dict[str, Any] = {"at": began, "road": road, "key": key, "ok": False}
        sender = f"c{number % SENDERS}@canary-{number % SENDERS}.drill.test"
        content = marked(key, letter(key, to=self.task.address, sender=sender if road == "mx" else self.task.address))
        try:
            reply = await self._hand_in(road, sender, content)
            tell["acknowledged"] = time.monotonic() - began
            if reply[:3] != b"250":
                tell["why"] = f"{road}: {reply[:120]!r}"
            else:
                tell |= {"sha256": hashlib.sha256(content).hexdigest(), "octets": len(content)}
                tell["ok"] = await self._is_there(key)
                tell["fetched"] = time.monotonic() - began
                if not tell["ok"]:
                    tell["why"] = f"{road}: not in the mailbox"
        except (OSError, Silent, EOFError) as error:
            self._forget(road)
            tell["why"] = f"{road}: {error!r}"[:200]
        say(tell)

    async def _hand_in(self, road: str, sender: str, content: bytes) -> bytes:
        caller = self.roads[road]
        if caller is None or self.sent[road] % MESSAGES_A_CONNECTION == 0:
            if caller is not None:
                await caller.say(b"QUIT\r\n")
                caller.close()
            caller = self.roads[road] = await self._open(road)
        self.sent[road] += 1
        mail_from = sender if road == "mx" else self.task.address
        reply = await caller.send(mail_from.encode(), [self.task.address.encode()], content)
        if not reply or reply[:3] == b"421":
            self._forget(road)
        return reply or b"(the connection ended)"

    async def _open(self, road: str) -> Smtp:
        task = self.task
        where = task.smtp if road == "mx" else task.submissions
        caller = await Smtp.connect(
            where, SOURCE, self.budget, Transcript(), cafile=task.cafile, tls=road == "submission"
        )
        reply = await caller.greet(b"EHLO canary.drill.test\r\n")
        if reply[:3] == b"250" and road == "submission":
            reply = await caller.login(task.address, task.password)
        if reply[:1] != b"2":
            caller.close()
            raise EOFError(f"{reply[:120]!r}")
        return caller

    async def _reader(self) -> Imap:
        task = self.task
        imap = await Imap.connect(task.imaps, SOURCE, self.budget, Transcript(), cafile=task.cafile, tls=True)
        await imap.greet()
        if b" OK " not in (answer := await imap.login(task.address, task.password)):
            imap.close()
            raise EOFError(f"{answer[:120]!r}")
        await imap.do("SELECT INBOX")
        return imap

    async def _is_there(self, key: str) -> bool:
        if self.imap is None:
            self.imap = await self._reader()
        imap, end = self.imap, time.monotonic() + FETCH_SECONDS
        while time.monotonic() < end:
            answer = await imap.do("UID FETCH * (BODY.PEEK[HEADER.FIELDS (X-DRILL)])")
            if not answer or answer.startswith(b"* BYE"):
                raise EOFError(f"IMAP: {answer[:120]!r}")
            if any(key.encode() + b"\r\n" in one for one in literals(answer)):
                return True
            answer = await imap.do(f'UID SEARCH HEADER X-Drill "{key}"')
            if any(word.isdigit() for word in answer.partition(b"\r\n")[0].split()):
                return True
            await asyncio.sleep(0.05)
        return False

    def _forget(self, road: str) -> None:
        """Whatever broke, begin anew."""
        for caller in (self.roads[road], self.imap):
            if caller is not None:
                caller.close()
        self.roads[road] = self.imap = None

    async def _probe(self) -> None:
        """How long a NOOP takes, and how late we ourselves were woken."""
        while True:
            due = time.monotonic() + PROBE_EVERY
            await asyncio.sleep(PROBE_EVERY)
            began = time.monotonic()
            try:
                if self.probe is None:
                    self.probe = await self._reader()
                    began = time.monotonic()
                waited = queued()
                answer = await self.probe.do("NOOP")
                if not answer or answer.startswith(b"* BYE"):
                    raise EOFError  # noqa: TRY301 - ends as a broken line does
                took = time.monotonic() - began
                say({"at": began, "probe": took, "own": max(0.0, began - due), "queued": queued() - waited})
            except (OSError, Silent, EOFError) as error:
                if self.probe is not None:
                    self.probe.close()
                self.probe = None
                say({"at": began, "probe_failed": repr(error)[:100]})


def say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def read_task(text: str) -> Task:
    given = json.loads(text)
    smtp, submissions, imaps = ((str(given[name][0]), int(given[name][1])) for name in ("smtp", "submissions", "imaps"))
    cafile, address, password, run = (str(given[name]) for name in ("cafile", "address", "password", "run"))
    return Task(smtp, submissions, imaps, cafile, address, password, run, float(given["every"]))


def write_task(task: Task) -> str:
    return json.dumps(asdict(task)) + "\n"


async def main() -> None:
    """Sing until whoever started us is gone."""
    loop = asyncio.get_running_loop()
    task = read_task(await loop.run_in_executor(None, sys.stdin.readline))
    singing = asyncio.create_task(Canary(task).sing())
    waiting = loop.run_in_executor(None, sys.stdin.read)
    await asyncio.wait([singing, waiting], return_when=asyncio.FIRST_COMPLETED)
    singing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
