"""The contract suite, run against each engine that this machine has."""

import importlib.util
from pathlib import Path

import pytest

from posthouse.storage.cells.opening import first_number, found, open_cells
from posthouse.storage.directory import DomainRow
from posthouse.storage.postgresql import engine as postgresql
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock

_spec = importlib.util.spec_from_file_location("store_contract", Path(__file__).with_name("contract.py"))
_contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_contract)
globals().update({name: test for name, test in vars(_contract).items() if name.startswith("test_")})


async def open_two_cells(addresses, tmp_path, journal, ports):
    """Two databases as one store; accounts are made in one and in the other in turn."""

    async def open_one(address, first_number):
        spool = tmp_path / f"spool{first_number}"
        return await postgresql.open_store(address, spool=spool, journal=journal, first_number=first_number, **ports)

    home = await open_one(addresses[0], first_number(0))
    await found(home, addresses[1], open_one)
    return await open_cells(home, open_one, journal, ports["ids"])


@pytest.fixture(params=["sqlite", "postgresql", "cells"])
async def store(request, tmp_path):
    journal, ports = KeptJournal(), {"clock": ManualClock(), "ids": CountedIds()}
    if request.param == "sqlite":
        opened = await open_store(tmp_path / "store", journal=journal, **ports)
    elif request.param == "cells":
        opened = await open_two_cells(request.getfixturevalue("two_databases"), tmp_path, journal, ports)
    else:
        address = request.getfixturevalue("postgres")
        opened = await postgresql.open_store(address, spool=tmp_path / "spool", journal=journal, **ports)
    await opened.put_domain(DomainRow("office.test"))
    yield opened
    await opened.close()
    assert journal.entries == []
