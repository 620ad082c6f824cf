"""The whole contract of the store, with large content in a bucket."""

import importlib.util
import itertools
from pathlib import Path

import pytest

from posthouse.storage.directory import DomainRow
from posthouse.storage.postgresql import engine as postgresql
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

_path = Path(__file__).parents[2] / "unit" / "storage" / "contract.py"
_spec = importlib.util.spec_from_file_location("store_contract", _path)
_contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_contract)
globals().update({name: test for name, test in vars(_contract).items() if name.startswith("test_")})

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request, seaweed, tmp_path):
    from posthouse.storage.s3.bodies import S3Bodies
    from posthouse.storage.s3.objects import Place

    journal, given = KeptJournal(), {"clock": ManualClock(), "ids": CountedIds()}
    place = Place(
        "mail", f"contract/{next(_numbers)}", f"http://127.0.0.1:{seaweed.port}", key_id="office", secret="not a secret"
    )
    bodies = S3Bodies(place, tmp_path / "uploads", over=16 * 1024, journal=journal, **given)
    if request.param == "sqlite":
        opened = await open_store(tmp_path / "store", journal=journal, bodies=bodies, **given)
    else:
        address = request.getfixturevalue("postgres")
        opened = await postgresql.open_store(address, spool=tmp_path / "spool", journal=journal, bodies=bodies, **given)
    await opened.put_domain(DomainRow("office.test"))
    yield opened
    await opened.close()
    assert journal.entries == []
