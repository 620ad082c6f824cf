"""What the benchmarks of the distributed engine share: servers, messages, and the rows of the bare loop."""

import hashlib
import os
import random
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from posthouse.mail.address import Address
from posthouse.mail.content import Blob
from posthouse.mail.envelope import Recipient
from posthouse.mail.ids import BlobId, QueueId, TraceId
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.mailbox import Facts, Role
from posthouse.storage.queue import Posting
from posthouse.testing.patroni import MEMBERS, PatroniCluster
from posthouse.testing.postgres import ThrowawayPostgres

PREFIX = b"Received: from client.example ([192.0.2.1])\r\n\tby mx.office.test with ESMTPS id 0123456789abcdef\r\n" * 2
ENVELOPE, STRUCTURE, PREVIEW, RECORD = b"e" * 350, b"s" * 80, "Dear all, " * 10, b'{"id":"x"}' * 30
TICK = 1e6 / os.sysconf("SC_CLK_TCK")


# -- servers


@contextmanager
def servers(engine, nodes, port):
    """Addresses of an engine and the pids of its postmasters: ``engine``, or one of ours with ``nodes`` servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    if engine:
        yield engine, []
    elif nodes == 1:
        server = ThrowawayPostgres(settings={"shared_buffers": "256MB"})
        try:
            server.start()
            yield server.address(), [server.pid]
        finally:
            server.remove()
    else:
        cluster = PatroniCluster(port, network="127.0.79.", shared_buffers="256MB")
        try:
            cluster.start()
            pids = [int((cluster.home(i) / "data/postmaster.pid").read_text().split()[0]) for i in MEMBERS]
            yield cluster.address(), pids
        finally:
            cluster.remove()


def processor_seconds(postmasters):
    """What servers and their children have used; who ended is counted with the postmaster."""
    used = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(folder.name) in postmasters:
                used += sum(map(int, fields[11:15]))
            elif int(fields[1]) in postmasters:
                used += sum(map(int, fields[11:13]))
    return used * TICK / 1e6


# -- messages


def bodies(seed, messages, octets):
    """Each another one; words, as most mail, half of which a fast compressor saves."""
    chance = random.Random(seed)
    words = [bytes(chance.choices(b"etaoinshrdlucmfwypvbgkjqxz", k=chance.randint(2, 9))) for _ in range(3000)]
    weights = [1 / rank for rank in range(1, 3001)]
    pages = [b" ".join(chance.choices(words, weights, k=octets // 4))[: octets - 34] for _ in range(200)]
    return [b"%016x%016x" % (seed, number) + pages[number % 200] + b"\r\n" for number in range(messages)]


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


def acceptances(make, contents, accounts, ids):
    """Made before the clock runs: what is measured is the store."""
    result = []
    for number, body in enumerate(contents):
        blob = Blob(BlobId(hashlib.sha256(body).hexdigest()), len(body), body)
        result.append(make(TraceId(ids.trace_id()), blob, number, accounts))
    return result


# -- people, loaded by the engine itself

FIRST_ACCOUNT = 100_000
DOMAIN = "INSERT INTO domain (name, catch_all, created_at) VALUES ('office.test', '', 0) ON CONFLICT (name) DO NOTHING"
ACCOUNTS = (
    (
        "INSERT INTO account (account_id, address, domain, name, verifiers, admin, enabled, created_at)"
        " SELECT n, 'u' || n || '@office.test', 'office.test', '', '[]', 0, 1, 0 FROM {series}"
    ),
    (
        "INSERT INTO tally (account_id, modseq, used, quota, mailboxes, uidvalidity)"
        " SELECT n, 2, 0, 1000000000000, 2, 2 FROM {series}"
    ),
    (
        "INSERT INTO mailbox (account_id, mailbox_id, name, role, uidvalidity, uidnext, modseq, messages, unseen, size,"
        " deleted, pruned) SELECT n, 1, 'INBOX', 'INBOX', 1, 1, 1, 0, 0, 0, 0, 0 FROM {series}"
        " UNION ALL SELECT n, 2, 'Junk', 'JUNK', 2, 1, 2, 0, 0, 0, 0, 0 FROM {series}"
    ),
)


# -- the bare loop

MAKE_RAW = """
    CREATE SCHEMA IF NOT EXISTS raw;
    CREATE TABLE IF NOT EXISTS raw.ledger (LIKE public.ledger INCLUDING ALL);
    CREATE TABLE IF NOT EXISTS raw.blob (LIKE public.blob INCLUDING ALL);
    CREATE TABLE IF NOT EXISTS raw.posting (LIKE public.posting INCLUDING ALL);
    CREATE TABLE IF NOT EXISTS raw.item (LIKE public.item INCLUDING ALL);
    CREATE TABLE IF NOT EXISTS raw.one (id BIGINT PRIMARY KEY, octets BYTEA, rest BYTEA);
    ALTER TABLE raw.one ALTER octets SET STORAGE {storage}, ALTER rest SET STORAGE EXTERNAL{compression}"""
RAW_ROWS = (
    (
        "INSERT INTO raw.ledger (trace, at, accepted, record)"
        " SELECT t, a, 1, r FROM unnest($1::text[], $2::bigint[], $3::bytea[]) v(t, a, r)"
    ),
    (
        "INSERT INTO raw.blob (blob_no, hash, size, octets)"
        " SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bytea[])"
    ),
    (
        "INSERT INTO raw.posting (posting_no, queue_id, reverse_path, blob_no, body, utf8, require_tls, is_report,"
        " created_at, expires_at, prefix) SELECT n, q, r, b, '8BITMIME', 0, 0, 0, c, c, p FROM"
        " unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[]) v(n, q, r, b, c, p)"
    ),
    (
        "INSERT INTO raw.item (item_no, posting_no, local, domain, state, due_at, owner, token, attempts, warned, last,"
        " last_host) SELECT n, p, l, d, 0, u, 'bench', 1, 0, 0, '', '' FROM"
        " unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[]) v(n, p, l, d, u)"
    ),
)
RAW_ONE = "INSERT INTO raw.one SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])"


def raw_rows(contents, first, ids, batch):
    """Arguments of ``RAW_ROWS``, for each batch: exactly the rows that accepting ``queued`` messages makes."""
    pages = []
    for start in range(0, len(contents), batch):
        page = contents[start : start + batch]
        count, numbers = len(page), list(range(first + start, first + start + len(page)))
        traces = [ids.trace_id() for _ in page]
        hashes = [hashlib.sha256(body).digest() for body in page]
        users, domains = [f"user{n % 100}" for n in numbers], [f"domain{n % 50}.test" for n in numbers]
        pages.append((
            (traces, numbers, [RECORD] * count),
            (numbers, hashes, [len(body) for body in page], page),
            (numbers, traces, ["me@office.test"] * count, numbers, numbers, [PREFIX] * count),
            (numbers, numbers, users, domains, [10**13 + n for n in numbers]),
        ))  # fmt: skip
    return pages


def raw_one(contents, first, batch):
    """The same octets as one row a message."""
    rest = PREFIX + ENVELOPE + STRUCTURE + PREVIEW.encode() + RECORD
    pages = []
    for start in range(0, len(contents), batch):
        page = contents[start : start + batch]
        pages.append(((list(range(first + start, first + start + len(page))), page, [rest] * len(page)),))
    return pages
