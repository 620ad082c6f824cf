"""Brings a database to the schema of this release, one numbered transaction after the other."""

from collections.abc import Sequence

import apsw

from posthouse.storage.errors import SchemaTooNew, StorageError
from posthouse.storage.sql import statements as sql
from posthouse.storage.sql.dialect import SQLITE
from posthouse.storage.sql.migrations import APPLIED, LEAST, MIGRATIONS, Migration, least_with, may_serve, too_new


def migrate(connection: apsw.Connection, at: int, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply what is missing; a step that fails leaves no trace. ``SchemaTooNew`` touches nothing."""
    applied = _applied(connection)
    newest = migrations[-1].number
    if applied and not may_serve(_least(connection), max(applied), newest):
        raise SchemaTooNew(too_new(max(applied), newest))
    for migration in migrations:
        if migration.number not in applied:
            _apply(connection, migration, at)
        elif applied[migration.number] != migration.checksum:
            raise StorageError(f"migration {migration.number} ({migration.name}) is not the one that was applied")


def _least(connection: apsw.Connection) -> bytes | None:
    if not connection.table_exists("main", "thing"):
        return None
    row = connection.execute(SQLITE.render(sql.GET_THING), (LEAST,)).fetchone()
    return None if row is None else bytes(row[0])


def _applied(connection: apsw.Connection) -> dict[int, str]:
    if not connection.table_exists("main", "migration"):
        return {}
    rows = connection.execute("SELECT number, checksum FROM migration").fetchall()
    return {int(str(number)): str(checksum) for number, checksum in rows}


def _apply(connection: apsw.Connection, migration: Migration, at: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in (APPLIED, *migration.statements, *migration.embedded):
            connection.execute(SQLITE.render(statement))
        least = least_with(migration, _least(connection), embedded=True)
        connection.execute(SQLITE.render(sql.PUT_THING), (LEAST, least))
        connection.execute(
            "INSERT INTO migration VALUES (?1, ?2, ?3, ?4)",
            (migration.number, migration.name, migration.checksum, at),
        )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
