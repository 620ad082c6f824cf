"""A PostgreSQL for the tests of this folder: started once, emptied for each test."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from posthouse.storage.cells import accepting, queue
from posthouse.storage.postgresql import connecting, pulse
from posthouse.storage.postgresql.engine import open_store
from posthouse.testing.freeports import free_base
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock
from posthouse.testing.postgres import Absent, ThrowawayPostgres

PATIENCE = 60.0
"""An engine answers in any case, on a machine that has other things to do as well."""


@pytest.fixture(scope="session")
def postgres_server():
    """Skips, with the reason, where there is no PostgreSQL."""
    try:
        server = ThrowawayPostgres(port=free_base(1))
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        server.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connecting, "CONNECT_SECONDS", PATIENCE)
            for module, name in ((pulse, "SILENT_SECONDS"), (pulse, "MISSED_SECONDS"), (queue, "ANSWER_SECONDS"),
                                 (accepting, "PATIENCE_SECONDS")):  # fmt: skip
                patch.setattr(module, name, PATIENCE)
            yield server
    finally:
        server.remove()


def furnish(address, spool):
    """Give the database its schema."""

    async def open_and_close():
        ports = {"clock": ManualClock(), "ids": CountedIds(), "journal": KeptJournal()}
        store = await open_store(address, spool=spool, **ports)
        await store.close()

    with ThreadPoolExecutor(1) as thread:  # whoever asks may be in a loop
        thread.submit(lambda: asyncio.run(open_and_close())).result()


@pytest.fixture(scope="session")
def postgres_tables(postgres_server, tmp_path_factory):
    """The names of all tables of a database that has the schema."""
    furnish(postgres_server.address(), tmp_path_factory.mktemp("spool"))
    found = postgres_server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return [name for name in found.split() if name != "migration"]


@pytest.fixture
def postgres(postgres_server, postgres_tables):
    """The address of an empty database with the schema: a new one for each test would take a second each."""
    deletions = [f"DELETE FROM {name}" for name in postgres_tables]
    postgres_server.sql(";".join(["SET session_replication_role = replica", *deletions]))
    return postgres_server.address()


@pytest.fixture(scope="session")
def new_database(postgres_server, tmp_path_factory):
    """The address of one that never had mail: rows that are deleted leave indexes and statistics behind."""
    postgres_server.make_database("new", template="template0")
    furnish(postgres_server.address("new"), tmp_path_factory.mktemp("spool"))
    return postgres_server.address("new")


@pytest.fixture(scope="session")
def second_database(postgres_server, postgres_tables):
    """Another one on the same server, as a copy of the first that is empty."""
    postgres_server.make_database("second", template="template0")


@pytest.fixture
def two_databases(postgres_server, postgres_tables, postgres, second_database):
    """The addresses of two databases without a row; the second one may have no schema yet."""
    deletions = [f"DELETE FROM {name}" for name in postgres_tables]
    has_schema = postgres_server.sql("SELECT to_regclass('migration') IS NOT NULL", "second") == "t"
    if has_schema:
        postgres_server.sql(";".join(["SET session_replication_role = replica", *deletions]), "second")
    return postgres, postgres_server.address("second")
