"""How many 4-KiB messages the embedded engine accepts a second, and what each costs in CPU.

    python bench/micro/store.py [--messages 20000] [--callers 20] [--accounts 20] [--burn 100] [--busy 0] [--thread]

``--burn`` makes every caller compute that many microseconds before each
message, as a session would. ``--busy`` adds tasks that compute all the time:
an event loop without rest. ``--thread`` runs the statements in the writer's
thread (the design that docs/adr/0004-group-commit.md refused).
"""

import argparse
import asyncio
import os
import resource
import tempfile
import time
from pathlib import Path

import uvloop

from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.sqlite import writer
from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.testing.journal import KeptJournal


def compute(loops):
    total = 0
    for number in range(loops):
        total += number


def loops_per_microsecond():
    start = time.process_time()
    compute(2_000_000)
    return 2 / (time.process_time() - start)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


FACTS = {"envelope": b"e" * 350, "structure": b"s" * 80, "subject": "Quarterly figures", "preview": "Dear all, " * 10}
BODY = b"x" * 4080
PREFIX = b"Received: from client.example ([192.0.2.1])\r\n\tby mx.office.test with ESMTPS id 0123456789abcdef\r\n" * 2


def acceptance(number, account, blob):
    trace = f"{number:016x}"
    facts = Facts(message_id=f"<{number}@client.example>", thread_keys=(f"<{number}@client.example>",), **FACTS)
    filing = Filing(account, Role.INBOX, PREFIX, key=f"{trace}/0", facts=facts)
    return Acceptance(trace, blob, (filing,), (), b'{"id":"x"}' * 30, number + 1)


async def run(options):
    per_us = loops_per_microsecond()
    with tempfile.TemporaryDirectory(dir=options.dir) as where:
        store = await open_store(Path(where), clock=SystemClock(), ids=RandomIds(), journal=KeptJournal())
        accounts = [
            await store.create_account(f"u{n}@office.test", "", (), quota=1 << 50) for n in range(options.accounts)
        ]
        numbers = iter(range(options.messages))
        waits = []

        async def caller():
            for number in numbers:
                compute(int(options.burn * per_us))
                incoming = store.blobs.open()
                incoming.write(BODY + b"%016d" % number)
                blob = await incoming.finish()
                begun = time.perf_counter()
                await store.accept(acceptance(number, accounts[number % len(accounts)], blob))
                waits.append(time.perf_counter() - begun)

        async def busy():
            while True:
                compute(int(200 * per_us))
                await asyncio.sleep(0)

        bystanders = [asyncio.ensure_future(busy()) for _ in range(options.busy)]
        begun, cpu_before = time.perf_counter(), cpu()
        await asyncio.gather(*[caller() for _ in range(options.callers)])
        seconds, used = time.perf_counter() - begun, cpu() - cpu_before
        for bystander in bystanders:
            bystander.cancel()
        await store.close()
    waits.sort()
    print(
        f"{options.messages / seconds:7.0f} messages/s  {used / options.messages * 1e6 - options.burn:6.0f} us CPU each"
        f"  p50 {waits[len(waits) // 2] * 1e3:.2f} ms  p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms"
        f"  load {os.getloadavg()[0]:.1f}  {vars(options)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("messages", 20_000), ("callers", 20), ("accounts", 20), ("burn", 100), ("busy", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--dir")
    parser.add_argument("--thread", action="store_true")
    options = parser.parse_args()
    if options.thread:
        writer.Writer.submit.__kwdefaults__["heavy"] = True
    uvloop.run(run(options))


main()
