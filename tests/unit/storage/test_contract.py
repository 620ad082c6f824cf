"""The contract suite, run against each engine that this machine has."""

import importlib.util
from pathlib import Path

import pytest

from posthouse.storage.ports import DomainRow
from posthouse.storage.postgresql import engine as postgresql
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

_spec = importlib.util.spec_from_file_location("store_contract", Path(__file__).with_name("contract.py"))
_contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_contract)
globals().update({name: test for name, test in vars(_contract).items() if name.startswith("test_")})


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request, tmp_path):
    journal, ports = KeptJournal(), {"clock": ManualClock(), "ids": CountedIds()}
    if request.param == "sqlite":
        opened = await open_store(tmp_path / "store", journal=journal, **ports)
    else:
        address = request.getfixturevalue("postgres")
        opened = await postgresql.open_store(address, spool=tmp_path / "spool", journal=journal, **ports)
    await opened.put_domain(DomainRow("office.test"))
    yield opened
    await opened.close()
    assert journal.entries == []
