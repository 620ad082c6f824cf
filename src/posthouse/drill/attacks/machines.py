"""One machine of several is lost; power that goes; a message that kills whoever looks at it."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator

from posthouse.drill.attacks.continuity import pump, what_is_missing
from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.database import database
from posthouse.drill.fence import Allowance
from posthouse.drill.power import Power
from posthouse.drill.scenario import Scenario
from posthouse.drill.second import House, second
from posthouse.drill.smtp import letter
from posthouse.drill.vitals import children

SENDERS = 4


async def node_lost(bench: Bench) -> None:
    """P06: two nodes of one database; one is killed under load, the other goes on, no acknowledged mail is gone."""
    promised: list[str] = []
    async with database(bench.watch) as engine, second(bench) as one, second(bench) as other:
        one.engine = other.engine = engine
        first = await one.open()
        await asyncio.to_thread(_same_passwords, one, other)
        last = await other.open()
        over, bob = asyncio.Event(), b"bob@office.test"
        senders = [asyncio.create_task(pump(node, bob, promised, over)) for node in (first, last) * (SENDERS // 2)]
        await asyncio.sleep(1.5)
        before = len(promised)
        bench.twin("letters are acknowledged while both live", True, before > 4)
        loop = asyncio.get_running_loop()
        await one.kill()
        killed = loop.time()
        mark, reply = bench.unique("after"), b""
        while loop.time() < killed + 30 and reply[:3] != b"250":
            with contextlib.suppress(OSError, EOFError, Silent):
                reply = await last.deliver("bob", letter(mark))
            await asyncio.sleep(0.1)
        waited = loop.time() - killed
        bench.figures |= {"acknowledged": len(promised), "seconds_until_taken": round(waited, 2)}
        bench.expect_soon("seconds until the other takes mail", "at most 5", round(waited, 1), ok=waited <= 5.0)
        over.set()
        await asyncio.wait(senders, timeout=15.0)
        missing, doubled = await what_is_missing(last, "bob", promised)
        bench.expect("acknowledged by either and gone", [], missing)
        most = 2 * SENDERS
        bench.expect("there twice", f"at most {most}", doubled, ok=doubled <= most)
        bench.expect_soon("the letter after the loss is there", True, await last.arrives("bob", mark, seconds=30.0))


def _same_passwords(one: House, other: House) -> None:
    (other.directory / "data").mkdir(mode=0o700)
    shutil.copy(one.directory / "data" / "passwords.json", other.directory / "data" / "passwords.json")


CUTS = 3


async def power_cut(bench: Bench) -> None:
    """P02: a file system under load stops as by a power cut, three times; what was acknowledged is there."""
    promised: list[str] = []
    async with second(bench) as house:
        with Power(house.directory) as power:
            house.data = power.disk / "data"
            for number in range(CUTS):
                if number and bench.budget.left < 22.0:
                    break
                there = await house.open()
                senders = [asyncio.create_task(pump(there, b"bob@office.test", promised)) for _ in range(SENDERS)]
                await asyncio.sleep(0.8 + bench.chance.random())
                await asyncio.to_thread(power.cut)
                await house.kill()
                await asyncio.wait(senders, timeout=15.0)
                await asyncio.to_thread(power.restore)
            there = await house.open()
            missing, doubled = await what_is_missing(there, "bob", promised)
            bench.figures["acknowledged_before_cuts"] = len(promised)
            bench.expect("acknowledged and gone", [], missing)
            most = SENDERS * CUTS
            bench.expect("there twice", f"at most {most}", doubled, ok=doubled <= most)
            bench.twin("letters were acknowledged before it was cut", True, len(promised) > 4)
            await house.kill()


POISON = b'--p\r\nContent-Type: application/zip; name="p.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n'


async def deadly(bench: Bench) -> None:
    """P11: whichever worker looks at one letter dies; others get their mail, it is never in the Inbox unseen."""
    mark = bench.unique("deadly")
    body = POISON + (b"QUJD" * 19 + b"\r\n") * 60_000 + b"--p--\r\n"
    top = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="p"\r\n'
    killed, replies = 0, []
    async with _worker_killer(bench) as reaper:
        for _ in range(3):
            async with await bench.smtp() as caller:
                caller.patience = 30.0
                reply = await caller.send(bench.sender(), [b"bob@office.test"], top + letter(mark, body=body))
            replies.append(reply[:3].decode())
        killed = reaper[0]
        bench.twin("workers that died of it", True, killed > 0)
    bench.figures["workers_killed"] = killed
    bench.remark("what its sender was told", "4xx, or 250 and put aside", replies, ok=True)
    bench.expect("it is in the Inbox unseen", False, await bench.arrives("bob", mark, seconds=1.0))
    bench.expect("the server's process is the same", True, bench.vitals.pids[0] == bench.place.pid)
    told = bench.journal.text()
    bench.expect("tracebacks", 0, told.count("Traceback"))
    await bench.benign("bob")
    clean = bench.unique("clean")
    reply = await bench.deliver("carol", top + letter(clean, body=POISON + b"QUJD\r\n--p--\r\n"))
    bench.twin("attachments are looked at again", True, reply[:3] == b"250")


@contextlib.asynccontextmanager
async def _worker_killer(bench: Bench) -> AsyncIterator[list[int]]:
    """Kills every process below the server's own that works; the one that starts them is spared. A count."""
    count = [0]

    async def reap() -> None:
        while True:
            for mother in children(bench.place.pid):
                for worker in children(mother):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
                        count[0] += 1
            await asyncio.sleep(0.005)

    reaping = asyncio.create_task(reap())
    try:
        yield count
    finally:
        reaping.cancel()


MINUTE = Allowance(connections=1500, seconds=60)

SCENARIOS = (
    Scenario("P02", power_cut, weakened="P02", allowance=MINUTE),
    Scenario("P06", node_lost, weakened="P06", allowance=MINUTE),
    Scenario("P11", deadly, weakened="P11", allowance=MINUTE),
)
