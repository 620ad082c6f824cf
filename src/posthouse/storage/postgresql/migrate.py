"""Brings a database to the schema of this release, one numbered transaction after the other."""

from collections.abc import Sequence

from posthouse import __version__
from posthouse.storage.errors import SchemaTooNew, StorageError
from posthouse.storage.postgresql.directory import EPOCH
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import POSTGRESQL
from posthouse.storage.sql.migrations import APPLIED, LEAST, MIGRATIONS, Migration, least_with, may_serve, too_new

ONE_AT_A_TIME = "LOCK TABLE migration IN EXCLUSIVE MODE"
"""Several nodes may start at once."""

OTHERS = "SELECT name, version FROM node WHERE version <> $1 AND seen > $2 ORDER BY name LIMIT 10"
ALIVE_MILLISECONDS = 60_000
PUT_LEAST = """INSERT INTO thing (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
FIRST_EPOCH = "INSERT INTO thing (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"

TUNING = (
    # Rows that come and go: room on the page for their next version, and no waiting for a fifth of the table to die.
    """ALTER TABLE item SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01,
        autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)""",
    "ALTER TABLE posting SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000)",
    """ALTER TABLE tally SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_threshold = 500)""",
    """ALTER TABLE mailbox SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_threshold = 500)""",
    # Checked for each new row, these cost a third of the throughput (docs/adr/0009-postgresql.md), and say nothing that
    # locks do not: items come with their posting, messages and letters go under the lock of their account, and content
    # that was there before is locked by whoever refers to it, as the sweep locks it before it looks for references.
    "ALTER TABLE item DROP CONSTRAINT IF EXISTS item_posting_no_fkey",
    "ALTER TABLE message DROP CONSTRAINT IF EXISTS message_letter_no_fkey",
    "ALTER TABLE letter DROP CONSTRAINT IF EXISTS letter_blob_no_fkey",
    "ALTER TABLE posting DROP CONSTRAINT IF EXISTS posting_blob_no_fkey",
    # What is old lies together at the beginning: the sweep finds it without a look at all the rest, for next to nothing
    # at each insert.
    "CREATE INDEX IF NOT EXISTS delivered_at ON delivered USING brin (at) WITH (autosummarize = on)",
    # Pieces are read in ranges, and much of what is so large is compressed already.
    "ALTER TABLE piece ALTER COLUMN octets SET STORAGE EXTERNAL",
)

HAS_LZ4 = "SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
COMPRESS = "ALTER TABLE blob ALTER octets SET STORAGE EXTENDED, ALTER octets SET COMPRESSION lz4"
"""Text of 4 KiB: a third less to the log and the standbys, half on disk, in the same time (bench/cluster/engine.py)."""
LEAVE = "ALTER TABLE blob ALTER COLUMN octets SET STORAGE EXTERNAL"
"""The other method, pglz, costs twice the time of the whole insert."""


async def migrate(units: Units, at: int, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Apply what is missing; a step that fails leaves no trace. ``SchemaTooNew`` touches nothing. How many steps."""
    if not await units.read(_is_empty):
        await units.read(lambda tx: _check(tx, migrations))
    steps = 0
    for migration in migrations:
        steps += await units.write(lambda tx, step=migration: _apply(tx, step, at))  # type: ignore[misc]  # a default binds the loop's value
    if steps:
        await units.write(_tune)
    if await units.read(lambda tx: tx.row(sql.GET_THING, EPOCH)) is None:  # a row to hold, for whoever turns it
        await units.write(lambda tx: tx.run(FIRST_EPOCH, EPOCH, b"0"))
    return steps


async def _is_empty(tx: Tx) -> bool:
    return (await tx.rows("SELECT to_regclass('migration') IS NULL"))[0][0] is True


async def _check(tx: Tx, migrations: Sequence[Migration]) -> None:
    applied = {row[0]: row[1] for row in await tx.rows("SELECT number, checksum FROM migration")}
    newest = migrations[-1].number
    if applied and not await knows_enough(tx, newest):
        raise SchemaTooNew(too_new(max(applied), newest))
    for migration in migrations:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise StorageError(f"migration {migration.number} ({migration.name}) is not the one that was applied")


async def knows_enough(tx: Tx, known: int) -> bool:
    """Whether a release that knows schema ``known`` may serve (or go on to serve) this data."""
    newest = (await tx.rows("SELECT max(number) FROM migration"))[0][0] or 0
    least = await tx.row(sql.GET_THING, LEAST) if newest > known else None
    return may_serve(None if least is None else least[0], newest, known)


async def _refuse_others(tx: Tx, migration: Migration, at: int) -> None:
    """A step that earlier releases cannot live with waits until none of them serves."""
    if migration.serves or (await tx.rows("SELECT to_regclass('node') IS NULL"))[0][0]:
        return
    rows = await tx.rows(OTHERS, __version__, at - ALIVE_MILLISECONDS)
    if rows:
        names = ", ".join(f"{name} ({version})" for name, version in rows)
        raise StorageError(
            f"schema {migration.number} ({migration.name}) cannot be served by an earlier release: stop {names} first"
        )


async def _apply(tx: Tx, migration: Migration, at: int) -> int:
    await tx.rows(POSTGRESQL.define(APPLIED))
    await tx.rows(ONE_AT_A_TIME)
    if await tx.row("SELECT 1 FROM migration WHERE number = $1", migration.number) is not None:
        return 0
    await _refuse_others(tx, migration, at)
    for statement in migration.statements:
        await tx.rows(POSTGRESQL.define(statement))
    least = await tx.row(sql.GET_THING, LEAST)
    await tx.run(PUT_LEAST, LEAST, least_with(migration, None if least is None else least[0]))
    await tx.run(
        "INSERT INTO migration VALUES ($1, $2, $3, $4)", migration.number, migration.name, migration.checksum, at
    )
    return 1


async def _tune(tx: Tx) -> None:
    for statement in TUNING:
        await tx.rows(statement)
    await tx.rows(COMPRESS if await tx.row(HAS_LZ4) else LEAVE)
