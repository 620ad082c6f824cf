"""The whole contract of the store, with PostgreSQL and large content in a bucket: what many nodes share."""

import importlib.util
import itertools
from pathlib import Path

import pytest

from posthouse.storage.directory import DomainRow
from posthouse.storage.postgresql.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock
from posthouse.testing.postgres import Absent, ThrowawayPostgres

_path = Path(__file__).parents[2] / "unit" / "storage" / "contract.py"
_spec = importlib.util.spec_from_file_location("store_contract", _path)
_contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_contract)
globals().update({name: test for name, test in vars(_contract).items() if name.startswith("test_")})

_numbers = itertools.count()

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def postgres():
    try:
        server = ThrowawayPostgres()
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
async def store(seaweed, postgres, tmp_path):
    from posthouse.storage.s3.bodies import S3Bodies
    from posthouse.storage.s3.objects import Place

    journal, given = KeptJournal(), {"clock": ManualClock(), "ids": CountedIds()}
    number = next(_numbers)
    place = Place(
        "mail", f"pg/{number}", f"http://127.0.0.1:{seaweed.port}", key_id="office", secret="not a secret"
    )  # fmt: skip
    bodies = S3Bodies(place, tmp_path / "uploads", over=16 * 1024, journal=journal, **given)
    database = f"office{number}"
    postgres.make_database(database)
    opened = await open_store(
        postgres.address(database), spool=tmp_path / "spool", journal=journal, bodies=bodies, **given
    )
    await opened.put_domain(DomainRow("office.test"))
    yield opened
    await opened.close()
    postgres.drop_database(database)
    assert journal.entries == []
