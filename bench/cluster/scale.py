"""Does a message cost the same in a large house? Accounts from 10^3 to 10^6, queued messages from 10^4 to 10^6.

    python bench/cluster/scale.py accounts [--embedded] [--sizes 1000,10000,100000,1000000] [--mail 200] [--messages N]
    python bench/cluster/scale.py queue    [--embedded] [--sizes 10000,100000,1000000]

Generated rows are loaded by the engine itself (a row of a series a person or
message), a house for each size, and in each the same is done through the store:
``accounts`` delivers to people drawn from all, ``queue`` accepts messages that
are due now, claims them among all that wait, and settles them. Printed is CPU
time a message, of the servers and of the node, because the rate says more about
the machine's other work. The houses take turns, so that work beside this one
meets all alike: ``times`` is the median, over the rounds, of what a message cost
here against what it cost in the first house in the same round. Of the embedded
engine also how many pages it wrote and read for a message, which no other work
changes. ``--mail``: so many messages (of all not more than 4,000,000) are in each
mailbox before; without them a small house is so young that the ends of all its
mailboxes share a few pages, which it never is again. ``--kept``: so many contents
are there at least, queued or not, because what a new one costs goes by the index
of their names and not by what waits. ``cold``: right after a checkpoint, when the
first change of each page goes to the log as a whole.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import apsw
import asyncpg
import uvloop
from material import ACCOUNTS, DOMAIN, FIRST_ACCOUNT, acceptances, bodies, filed, processor_seconds

from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import AccountId, QueueId
from posthouse.storage.acceptance import Acceptance
from posthouse.storage.postgresql.engine import open_store as open_postgres
from posthouse.storage.queue import Posting, Settlement
from posthouse.storage.sqlite.engine import open_store as open_embedded
from posthouse.supervisor.ports import RandomIds, SystemClock
from posthouse.supervisor.serve import GC_THRESHOLDS
from posthouse.testing.journal import KeptJournal
from posthouse.testing.postgres import ThrowawayPostgres

FIRST_ITEMS = 10_000_000
MOST_MAIL = 4_000_000
CLEAR = 1_000_000_000
"""Where numbers of the engine begin, behind all generated ones."""
PAGE = 50_000
MAIL = (
    (
        "INSERT INTO message (account_id, mailbox_id, uid, modseq, born, flags, size, saved_at, letter_no)"
        " SELECT n, 1, m, m + 2, m + 2, '', 5000, 0, {letter} FROM {mail} CROSS JOIN {series}"
    ),
    "INSERT INTO thread (account_id, key, thread) SELECT n, {key}, m + 2 FROM {mail} CROSS JOIN {series}",
    "UPDATE tally SET modseq = {count} + 2, used = {count} * 5000 WHERE account_id IN (SELECT n FROM {series})",
    (
        "UPDATE mailbox SET uidnext = {count} + 1, modseq = {count} + 2, messages = {count}, unseen = {count},"
        " size = {count} * 5000 WHERE mailbox_id = 1 AND account_id IN (SELECT n FROM {series})"
    ),
)
"""What is in a mailbox, without the letters: nobody reads them here."""
BESIDE = (
    (
        "UPDATE mailbox SET (account_modseq, account_used, account_quota, account_mailboxes, account_uidvalidity)"
        " = (SELECT modseq, used, quota, mailboxes, uidvalidity FROM tally t WHERE t.account_id = mailbox.account_id)"
        " WHERE mailbox_id = 1"
    ),
)
"""As the embedded engine writes it when it makes an account."""
QUEUE = (
    "INSERT INTO blob (blob_no, hash, size, octets) SELECT n, {hash}, 1, NULL FROM {series}",
    (
        "INSERT INTO posting (posting_no, queue_id, reverse_path, blob_no, body, utf8, require_tls, is_report,"
        " created_at, expires_at, prefix) SELECT n, 'Q' || n, 'me@office.test', n, '8BITMIME', 0, 0, 0, {now},"
        " {now} + 432000000, {empty} FROM {series}"
    ),
    (
        "INSERT INTO item (item_no, posting_no, local, domain, state, due_at, token, attempts, warned, last, last_host)"
        " SELECT n, n, 'user' || n, 'domain' || (n % 5000) || '.test', 0, {now} + {due}, 1, 3, 0, '', '' FROM {series}"
    ),
)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# -- houses


class Servers:
    """One PostgreSQL with a database for each house."""

    def __init__(self, directory):
        self.spool = directory
        self.server = ThrowawayPostgres(settings={"shared_buffers": "512MB", "max_wal_size": "16GB",
                                                  "checkpoint_timeout": "1h", "max_connections": "200"})  # fmt: skip
        self.server.start()

    def house(self, size):
        self.server.make_database(f"house{size}")
        return Distributed(self.server, f"house{size}", self.spool)

    def close(self):
        self.server.remove()


class Distributed:
    name = "postgresql"

    def __init__(self, server, database, spool):
        self.server = server
        self.database = database
        self.spool = spool / database
        self.spool.mkdir()

    async def open(self, ids):
        return await open_postgres(
            self.server.address(self.database), spool=self.spool, clock=SystemClock(), ids=ids, journal=KeptJournal()
        )  # fmt: skip

    async def prepare(self):
        await self.load((DOMAIN,), 0, 1)
        self.server.sql(
            f"INSERT INTO counter VALUES ('number', {CLEAR}) ON CONFLICT (name) DO UPDATE SET value = {CLEAR}",
            self.database,
        )

    async def load(self, statements, first, end, **words):
        session = await asyncpg.connect(self.server.address(self.database))
        await session.execute("SET session_replication_role = replica")  # nobody looks whether each account is there
        words |= {"hash": "decode(md5(n::text) || md5('x' || n), 'hex')", "empty": "''::bytea"}
        words |= {"key": "decode(md5(n || '.' || m), 'hex')", "letter": "0"}
        words["mail"] = f"generate_series(1, {words.get('count', 0)}) k(m)"
        for start in range(first, end, PAGE):
            words["series"] = f"generate_series({start}, {min(start + PAGE, end) - 1}) s(n)"
            for statement in statements:
                await session.execute(statement.format(**words))
        await session.execute("VACUUM ANALYZE")  # as autovacuum does within the hour
        await session.close()

    async def settle(self):
        pass

    def cpu(self):
        return processor_seconds([self.server.pid])

    def pages(self):
        return [0, 0]

    def chill(self):
        self.server.sql("CHECKPOINT")


class Directories:
    """A directory for each house."""

    def __init__(self, directory):
        self.directory = directory

    def house(self, size):
        return Embedded(self.directory / str(size))

    def close(self):
        pass


class Embedded:
    name = "embedded"

    def __init__(self, directory):
        self.directory = directory
        self.connections = []

    async def open(self, ids):
        self.connections.clear()
        apsw.connection_hooks.append(self.connections.append)
        try:
            return await open_embedded(self.directory, clock=SystemClock(), ids=ids, journal=KeptJournal())
        finally:
            apsw.connection_hooks.remove(self.connections.append)

    async def prepare(self):
        await self.load((DOMAIN,), 0, 1)

    async def load(self, statements, first, end, **words):
        path = next(path for path in self.directory.iterdir() if path.name.endswith((".db", ".sqlite", ".sqlite3")))
        connection = apsw.Connection(str(path))
        list(connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN"))
        words |= {"hash": "randomblob(32)", "empty": "x''", "key": "randomblob(16)", "letter": "0"}
        words["mail"] = (
            f"(WITH RECURSIVE k(m) AS (VALUES (1) UNION ALL SELECT m + 1 FROM k WHERE m < {words.get('count', 0)})"
            " SELECT m FROM k)"
        )
        words["series"] = (
            f"(WITH RECURSIVE s(n) AS (VALUES ({first}) UNION ALL SELECT n + 1 FROM s WHERE n < {end - 1})"
            " SELECT n FROM s)"
        )
        for statement in statements:
            list(connection.execute(statement.format(**words)))
        list(connection.execute("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"))
        connection.close()

    async def settle(self):
        await self.load(BESIDE, 0, 1)

    def cpu(self):
        return 0.0

    def pages(self):
        """Written and read so far."""
        return [
            sum(connection.status(what)[0] for connection in self.connections)
            for what in (apsw.SQLITE_DBSTATUS_CACHE_WRITE, apsw.SQLITE_DBSTATUS_CACHE_MISS)
        ]

    def chill(self):
        pass


# -- what is measured


async def spread(work, callers=150):
    work = iter(work)

    async def caller():
        for one in work:
            await one()

    await asyncio.gather(*[caller() for _ in range(callers)])


async def timed(house, count, run):
    """CPU of the servers and of the node, microseconds a message; and messages a second."""
    servers, node, begun = house.cpu(), cpu(), time.perf_counter()
    await run
    seconds = time.perf_counter() - begun
    return (house.cpu() - servers) / count * 1e6, (cpu() - node) / count * 1e6, count / seconds


async def deliver(house, store, ids, size, options, turn):
    people = [AccountId(FIRST_ACCOUNT + n) for n in random.sample(range(size), min(size, options.messages))]
    messages = acceptances(filed, bodies(turn, options.messages, 4096), people, ids)
    return {"deliver": await timed(house, len(messages), spread([lambda m=m: store.accept(m) for m in messages]))}


def waiting(trace, blob, number, _accounts):
    """Due now, nobody's."""
    now = int(time.time() * 1000)
    people = (Recipient(Address(f"user{number}", f"domain{number % 5000}.test")),)
    posting = Posting(QueueId(trace), "me@office.test", b"Received: x\r\n", people, now, now - 1000, now + 432_000_000)
    return Acceptance(trace, blob, (), (posting,), b'{"id":"x"}', now)


async def circulate(house, store, ids, _size, options, turn):
    messages = acceptances(waiting, bodies(turn, options.messages, 4096), (), ids)
    count = len(messages)
    accepted = await timed(house, count, spread([lambda m=m: store.accept(m) for m in messages]))
    items = []

    async def claim_all():
        now = int(time.time() * 1000)
        while found := await store.claim(owner="bench", now=now, lease_until=now + 600_000, limit=50):
            items.extend(found)

    claimed = await timed(house, count, claim_all())
    assert len(items) == count, (len(items), count)
    pages = [items[start : start + 50] for start in range(0, count, 50)]

    def settle(page):
        return lambda: store.settle([Settlement(item.item, item.token) for item in page])

    settled = await timed(house, count, spread(map(settle, pages), callers=4))
    return {"accept": accepted, "claim": claimed, "settle": settled}


async def build(house, size, options, ids):
    """A house of ``size``, open; and how its directory is read."""
    begun = time.perf_counter()
    await (await house.open(ids)).close()
    await house.prepare()
    statements, first = (ACCOUNTS, FIRST_ACCOUNT) if options.what == "accounts" else (QUEUE, FIRST_ITEMS)
    words = {"now": str(int(time.time() * 1000)), "due": "600000 + n % 86400000"}
    await house.load(statements, first, first + size, **words)
    if options.what == "accounts":
        if options.mail:
            await house.load(MAIL, first, first + size, count=min(options.mail, MOST_MAIL // size))
        await house.settle()
    elif options.kept > size:
        await house.load(QUEUE[:1], first + size, first + options.kept)
    store, took, begun = await house.open(ids), time.perf_counter() - begun, time.perf_counter()
    async for _ in store.directory_pages():
        pass
    print(f"    {house.name} {options.what} {size:>8}: loaded in {took:.0f} s, the directory is read in "
          f"{time.perf_counter() - begun:.2f} s", flush=True)  # fmt: skip
    return store


async def measure(engine, options):
    ids, run = RandomIds(), {"accounts": deliver, "queue": circulate}[options.what]
    sizes = list(map(int, options.sizes.split(",")))
    houses = {size: engine.house(size) for size in sizes}
    stores = {size: await build(house, size, options, ids) for size, house in houses.items()}
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)  # as the server does when it is ready
    seen, pages, turn = {}, {size: [] for size in sizes}, int(time.time()) * 100
    for number, state in enumerate(["warm-up"] + ["warm"] * options.rounds + ["cold"]):
        for size in sizes if number % 2 else sizes[::-1]:
            house, turn = houses[size], turn + 1
            if state == "cold":
                house.chill()
            before = house.pages()
            for step, figures in (await run(house, stores[size], ids, size, options, turn)).items():
                seen.setdefault((size, step, state), []).append(figures)
            after = house.pages()
            pages[size].append([(now - then) / options.messages for now, then in zip(after, before, strict=True)])
    results = {}
    for (size, step, state), figures in seen.items():
        if state != "warm":
            continue
        here, there = ([sum(one[:2]) for one in some] for some in (figures, seen[sizes[0], step, state]))
        results[f"{step} at {size}"] = times = round(
            statistics.median(one / first for one, first in zip(here, there, strict=True)), 2)  # fmt: skip
        servers, node, rate = map(statistics.median, zip(*figures, strict=True))
        cold = seen[size, step, "cold"][0]
        print(f"  {houses[size].name} {options.what} {size:>8} {step:8} servers {servers:4.0f} + node {node:4.0f} us,"
              f" least {min(here):4.0f}, times {times:.2f}, {rate:6.0f}/s   cold {cold[0]:4.0f} + {cold[1]:4.0f} us",
              flush=True)  # fmt: skip
    for size in sizes:
        written, read = map(statistics.median, zip(*pages[size], strict=True))
        if written:
            print(f"    {size:>8}: pages a message {written:.2f} written, {read:.2f} read", flush=True)
    for store in stores.values():
        await store.close()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("accounts", "queue"))
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--sizes", default="")
    parser.add_argument("--mail", type=int, default=0)
    parser.add_argument("--kept", type=int, default=0)
    parser.add_argument("--messages", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    default = {"accounts": "1000,10000,100000,1000000", "queue": "10000,100000,1000000"}[options.what]
    options.sizes = options.sizes or default
    with tempfile.TemporaryDirectory() as directory, ExitStack() as last:
        engine = (Directories if options.embedded else Servers)(Path(directory))
        last.callback(engine.close)
        growth = uvloop.run(measure(engine, options))
    name = "embedded" if options.embedded else "postgresql"
    print(json.dumps({"engine": name, "what": options.what, "times the first size": growth,
                      "load": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}))  # fmt: skip


if __name__ == "__main__":
    main()
