"""What the distributed engine makes of the PostgreSQL it is given: raw inserts against accepting and delivering.

    python bench/cluster/engine.py [--engine URL] [--messages 10000] [--rounds 3] [--callers 300]

Without ``--engine`` a throw-away server of this machine is used. Raw is a bare
loop: one row a message that has the same bytes (body, envelope, description,
record), 50 rows a statement, a statement a transaction, on as many sessions as
the engine uses lanes. Accept puts a message into the queue; deliver files one
in a mailbox (UID, mod-sequence, thread, quota and idempotency included). The
three run in turn, and what counts are the ratios of their medians.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg
import uvloop

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import BlobId, QueueId, TraceId
from posthouse.storage.ports import Acceptance, DomainRow, Facts, Filing, Posting, Role
from posthouse.storage.postgresql.engine import open_store
from posthouse.storage.postgresql.grouping import LANES, MAX_BATCH
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.testing.journal import KeptJournal
from posthouse.testing.postgres import ThrowawayPostgres

PREFIX = b"Received: from client.example ([192.0.2.1])\r\n\tby mx.office.test with ESMTPS id 0123456789abcdef\r\n" * 2
ENVELOPE, STRUCTURE, PREVIEW, RECORD = b"e" * 350, b"s" * 80, "Dear all, " * 10, b'{"id":"x"}' * 30


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def bodies(run, messages, octets):
    """Each another one, of letters that do not compress to nothing."""
    filler = os.urandom(octets).hex().encode()[: octets - 32]
    return [filler + b"%08d%020d\r\n\r\n" % (number % 10**8, run) for number in range(messages)]


async def raw(engine, contents, _run):
    """The bare loop."""
    sessions = [await asyncpg.connect(engine, target_session_attrs="read-write") for _ in range(LANES)]
    await sessions[0].execute("DROP TABLE IF EXISTS raw_insert")
    await sessions[0].execute("CREATE TABLE raw_insert (id BIGINT PRIMARY KEY, octets BYTEA, rest BYTEA)")
    await sessions[0].execute("ALTER TABLE raw_insert ALTER octets SET STORAGE EXTERNAL")
    rest = PREFIX + ENVELOPE + STRUCTURE + PREVIEW.encode() + RECORD
    batches = iter(range(0, len(contents), MAX_BATCH))

    async def lane(session):
        for start in batches:
            page = contents[start : start + MAX_BATCH]
            await session.execute(
                "INSERT INTO raw_insert SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])",
                list(range(start, start + len(page))), page, [rest] * len(page),
            )  # fmt: skip

    begun = time.perf_counter()
    await asyncio.gather(*map(lane, sessions))
    seconds = time.perf_counter() - begun
    await sessions[0].execute("DROP TABLE raw_insert")
    for session in sessions:
        await session.close()
    return len(contents) / seconds


def queued(trace, blob, number, _accounts):
    people = (Recipient(Address(f"user{number % 100}", f"domain{number % 50}.test")),)
    posting = Posting(
        QueueId(trace), "me@office.test", PREFIX, people, number, 10**13, 10**14, owner="bench", lease_until=10**13
    )
    return Acceptance(trace, blob, (), (posting,), RECORD, number + 1)


def filed(trace, blob, number, accounts):
    message_id = f"<{trace}@client.example>"
    facts = Facts(ENVELOPE, STRUCTURE, message_id, (message_id,), "Quarterly figures", PREVIEW, 5)
    filing = Filing(accounts[number % len(accounts)], Role.INBOX, PREFIX, key=trace, facts=facts)
    return Acceptance(trace, blob, (filing,), (), RECORD, number + 1)


async def through(store, contents, accounts, make, callers, ids):
    """The same through the engine, as many sessions would."""
    numbers = iter(range(len(contents)))
    waits = []

    async def caller():
        for number in numbers:
            body = contents[number]
            blob = Blob(BlobId(hashlib.sha256(body).hexdigest()), len(body), body)
            begun = time.perf_counter()
            await store.accept(make(TraceId(ids.trace_id()), blob, number, accounts))
            waits.append(time.perf_counter() - begun)

    begun, used = time.perf_counter(), cpu()
    await asyncio.gather(*[caller() for _ in range(callers)])
    seconds, used = time.perf_counter() - begun, cpu() - used
    waits.sort()
    return len(contents) / seconds, used / len(contents) * 1e6, waits[len(waits) // 2], waits[len(waits) * 99 // 100]


async def measure(engine, options):
    ids = RandomIds()
    with tempfile.TemporaryDirectory() as spool:
        store = await open_store(
            engine, spool=Path(spool), clock=SystemClock(), ids=ids, journal=KeptJournal()
        )  # fmt: skip
        await store.put_domain(DomainRow("office.test"))
        known = {row.address: row.account for row in (await store.directory()).accounts}
        accounts = [
            known.get(f"u{n}@office.test")
            or await store.create_account(f"u{n}@office.test", "", (), quota=1 << 50)
            for n in range(options.accounts)
        ]  # fmt: skip
        results = {"raw": [], "accept": [], "deliver": []}
        for run in range(options.rounds + 1):  # the first one warms up
            share = options.messages if run else min(options.messages, 2000)
            results["raw"].append(await raw(engine, bodies(run * 3, share, options.octets), run))
            for offset, (name, make) in enumerate((("accept", queued), ("deliver", filed)), 1):
                contents = bodies(run * 3 + offset + int(time.time()) * 10, share, options.octets)
                rate, each, p50, p99 = await through(store, contents, accounts, make, options.callers, ids)
                results[name].append(rate)
                if run:
                    print(f"  {name:8} {rate:7.0f}/s  {each:4.0f} us CPU of the node  p50 {p50 * 1e3:.1f} ms  "
                          f"p99 {p99 * 1e3:.1f} ms")  # fmt: skip
            if run:
                print(f"  raw      {results['raw'][-1]:7.0f}/s")
        await store.close()
    return {name: statistics.median(rates[1:]) for name, rates in results.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="")
    for name, value in (("messages", 10_000), ("rounds", 3), ("callers", 300), ("accounts", 1000), ("octets", 4096)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    server = None
    if not options.engine:
        server = ThrowawayPostgres(settings={"shared_buffers": "256MB"})
        server.start()
    try:
        medians = uvloop.run(measure(options.engine or server.address(), options))
    finally:
        if server is not None:
            server.remove()
    print(json.dumps({
        **{name: round(rate) for name, rate in medians.items()},
        "accept/raw": round(medians["accept"] / medians["raw"], 2),
        "deliver/raw": round(medians["deliver"] / medians["raw"], 2),
        "load": round(os.getloadavg()[0], 1), "cores": os.cpu_count(), **vars(options),
    }))  # fmt: skip


main()
