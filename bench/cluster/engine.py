"""What the distributed engine makes of the PostgreSQL it is given: a bare loop of inserts against accept and deliver.

    python bench/cluster/engine.py [--nodes 3 | --engine URL] [--processes 2] [--messages 6000] [--rounds 5]

``--nodes 3`` starts Patroni, etcd and three PostgreSQL on this machine (a
commit waits for a standby), without it one throw-away server, both as a user
without privileges; ``--processes`` nodes of ours work side by side.

- raw: a bare loop that inserts the rows which accepting such a message makes
  (record, content, posting, item: same tables, indexes, storage), 50 messages a
  transaction, one statement a table, ready-made; as many connections as the
  engine has lanes, as many processes, the same durability.
- one: the same octets as a single row a message, nothing but a primary key.
- accept puts a message into the queue, deliver files one in a mailbox (UID,
  mod-sequence, thread, quota and idempotency included), through the engine.

All run in turn in each round; what counts are the ratios of their medians. On a
machine that others use, rates say little: then see the ratios ``by CPU``, of
servers and nodes together.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path

import asyncpg
import uvloop
from material import (
    ACCOUNTS,
    DOMAIN,
    FIRST_ACCOUNT,
    MAKE_RAW,
    RAW_ONE,
    RAW_ROWS,
    acceptances,
    bodies,
    filed,
    processor_seconds,
    queued,
    raw_one,
    raw_rows,
    servers,
)

from posthouse.storage.postgresql.connecting import SETTINGS
from posthouse.storage.postgresql.engine import open_store
from posthouse.storage.postgresql.grouping import LANES, MAX_BATCH
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.testing.journal import KeptJournal

KINDS = ("raw", "one", "accept", "deliver")


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def bare(sessions, statements, pages):
    """The bare loop: a transaction for each page, on each session the next one."""
    pages = iter(pages)

    async def lane(session):
        for page in pages:
            if len(statements) == 1:
                await session.execute(statements[0], *page[0])
                continue
            await session.execute("BEGIN")
            for statement, arguments in zip(statements, page, strict=True):
                await session.fetch(statement, *arguments)
            await session.execute("COMMIT")

    await asyncio.gather(*map(lane, sessions))


async def through(store, messages, callers, waits):
    """The same through the engine, as many sessions would."""
    messages = iter(messages)

    async def caller():
        for message in messages:
            begun = time.perf_counter()
            await store.accept(message)
            waits.append(time.perf_counter() - begun)

    await asyncio.gather(*[caller() for _ in range(callers)])


async def work(number, engine, options, orders, answers, barrier):
    """One node: does what it is told, all nodes at once."""
    ids, loop = RandomIds(), asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as spool:
        store = await open_store(
            engine, spool=Path(spool), clock=SystemClock(), ids=ids, journal=KeptJournal(),
            on_slot=lambda slot: setattr(ids, "slot", slot),
        )  # fmt: skip
        sessions = [
            await asyncpg.connect(engine, target_session_attrs="read-write", server_settings=SETTINGS)
            for _ in range(LANES)
        ]
        accounts = [FIRST_ACCOUNT + n for n in range(options.accounts)]
        random.Random(number).shuffle(accounts)
        answers.put("ready")
        while (order := await loop.run_in_executor(None, orders.get)) is not None:
            kind, turn = order
            contents = bodies((turn * 100 + number) * 1000 + KINDS.index(kind), options.messages, options.octets)
            first, waits = (turn * 100 + number) * 10_000_000, []
            if kind == "raw":
                run = bare(sessions, RAW_ROWS, raw_rows(contents, first, ids, MAX_BATCH))
            elif kind == "one":
                run = bare(sessions, (RAW_ONE,), raw_one(contents, first, MAX_BATCH))
            else:
                messages = acceptances(queued if kind == "accept" else filed, contents, accounts, ids)
                run = through(store, messages, options.callers, waits)
            await loop.run_in_executor(None, barrier.wait)
            begun, used = time.perf_counter(), cpu()
            await run
            answers.put((begun, time.perf_counter(), cpu() - used, waits))
        for session in sessions:
            await session.close()
        await store.close()


def node(*arguments):
    uvloop.run(work(*arguments))


async def prepare(engine, options):
    """The schema, accounts, and the tables of the bare loop."""
    with tempfile.TemporaryDirectory() as spool:
        store = await open_store(
            engine, spool=Path(spool), clock=SystemClock(), ids=RandomIds(), journal=KeptJournal()
        )  # fmt: skip
        there = len((await store.directory()).accounts)
        await store.close()
    session = await asyncpg.connect(engine, target_session_attrs="read-write")
    if there < options.accounts:
        series = f"generate_series({FIRST_ACCOUNT + there}, {FIRST_ACCOUNT + options.accounts - 1}) s(n)"
        for statement in (DOMAIN, *ACCOUNTS):
            await session.execute(statement.format(series=series))
        await session.execute("VACUUM ANALYZE")
    compression = await session.fetchval(
        "SELECT attcompression = 'l' FROM pg_attribute WHERE attrelid = 'blob'::regclass AND attname = 'octets'"
    )
    words = ("EXTENDED", ", ALTER octets SET COMPRESSION lz4") if compression else ("EXTERNAL", "")
    await session.execute(MAKE_RAW.format(storage=words[0], compression=words[1]))
    return session


ROOM = """SELECT c.relname, round(pg_total_relation_size(c.oid)::numeric / greatest(count, 1)) FROM pg_class c,
    LATERAL (SELECT (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM public.' || c.relname,
    false, true, '')))[1]::text::bigint AS count) counted
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY($1)"""
TABLES = (
    "ledger",
    "blob",
    "posting",
    "item",
    "letter",
    "message",
    "delivered",
    "thread",
    "account",
    "tally",
    "mailbox",
)


def latency(waits):
    if not waits:
        return ""
    return f"  p50 {waits[len(waits) // 2] * 1e3:.1f}  p99 {waits[len(waits) * 99 // 100] * 1e3:.1f} ms"


async def measure(engine, postmasters, options):
    context = multiprocessing.get_context("spawn")
    answers, barrier = context.Queue(), context.Barrier(options.processes)
    session = await prepare(engine, options)
    orders = [context.Queue() for _ in range(options.processes)]
    nodes = [
        context.Process(target=node, args=(number, engine, options, orders[number], answers, barrier), daemon=True)
        for number in range(options.processes)
    ]
    for one in nodes:
        one.start()
    for _ in nodes:
        answers.get(timeout=60)
    figures = {kind: [] for kind in KINDS}
    base = int(time.time())
    for turn in range(options.rounds + 1):  # the first one warms up
        for kind in KINDS:
            before = processor_seconds(postmasters), await session.fetchval("SELECT pg_current_wal_insert_lsn()")
            for queue in orders:
                queue.put((kind, base + turn))
            done = [answers.get(timeout=600) for _ in nodes]
            count = options.messages * options.processes
            rate = count / (max(one[1] for one in done) - min(one[0] for one in done))
            wal = await session.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", before[1])
            servers_us = (processor_seconds(postmasters) - before[0]) / count * 1e6
            ours, waits = sum(one[2] for one in done) / count * 1e6, sorted(wait for one in done for wait in one[3])
            if turn:
                figures[kind].append((rate, servers_us, ours, int(wal) / count))
                print(f"  {kind:8} {rate:7.0f}/s  CPU of servers {servers_us:4.0f} us, of nodes {ours:4.0f} us  "
                      f"log {int(wal) / count:5.0f} octets{latency(waits)}", flush=True)  # fmt: skip
    for queue in orders:
        queue.put(None)
    for one in nodes:
        one.join(30)
    room = {name: int(octets) for name, octets in await session.fetch(ROOM, TABLES)}
    await session.close()
    return room, {
        kind: [statistics.median(column) for column in zip(*rows, strict=True)] for kind, rows in figures.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="")
    for name, value in (("messages", 6000), ("rounds", 5), ("callers", 300), ("accounts", 50_000), ("octets", 4096),
                        ("nodes", 1), ("processes", 2), ("port", 21600)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with servers(options.engine, options.nodes, options.port) as (engine, postmasters):
        room, medians = uvloop.run(measure(engine, postmasters, options))
    rates = {kind: medians[kind][0] for kind in KINDS}
    costs = {kind: medians[kind][1] + medians[kind][2] for kind in KINDS}
    print(json.dumps({
        **{kind: round(rate) for kind, rate in rates.items()},
        **{f"{ours}/{theirs}": round(rates[ours] / rates[theirs], 2)
           for theirs in ("raw", "one") for ours in ("accept", "deliver")},
        "by CPU": {f"{ours}/raw": round(costs["raw"] / costs[ours], 2) for ours in ("accept", "deliver")},
        "servers_us": {kind: round(medians[kind][1]) for kind in KINDS},
        "nodes_us": {kind: round(medians[kind][2]) for kind in KINDS},
        "log_octets": {kind: round(medians[kind][3]) for kind in KINDS},
        "octets a row, indexes and all": room,
        "load": round(os.getloadavg()[0], 1), "cores": os.cpu_count(), **vars(options),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
