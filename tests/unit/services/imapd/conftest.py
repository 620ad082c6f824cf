"""An office with a store in a temporary directory, and mail readers that are let in by name."""

import pytest

from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.mailreader import MailReader, open_house
from posthouse.testing.office import Office
from posthouse.testing.ports import CountedIds, ManualClock


@pytest.fixture
async def office(tmp_path):
    clock, ids, journal = ManualClock(), CountedIds(), KeptJournal()
    store = await open_store(tmp_path / "store", clock=clock, ids=ids, journal=journal)
    yield await Office(store, clock=clock, ids=ids, journal=journal).furnish()
    await store.close()


@pytest.fixture
def house(office):
    return open_house(office)


@pytest.fixture
async def alice(office, house):
    reader = await MailReader.enter(office, "alice", house)
    yield reader
    reader.leave()


@pytest.fixture
async def twin(office, house):
    """A second session of alice."""
    reader = await MailReader.enter(office, "alice", house)
    yield reader
    reader.leave()
