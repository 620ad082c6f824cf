"""What tests in several folders share: an office over a real store in a directory of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, settings

from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.office import Office

OpenOffice = Callable[..., Awaitable[Office]]

# Nothing that a busy machine decides: no example is too slow, and every run tries the same ones. Who wants others:
# --hypothesis-profile=search, and --hypothesis-seed to see one of its runs again.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", UNTIMED, derandomize=True, database=None)
settings.register_profile("search", UNTIMED, derandomize=False, max_examples=2000)
settings.load_profile("same")


@pytest.fixture
async def open_office(tmp_path) -> AsyncIterator[OpenOffice]:
    """Makes an office; keywords go to ``Office`` and (quota, verifiers, aliases) to ``Office.furnish``."""
    async with AsyncExitStack() as stack:

        async def make(**given) -> Office:
            furniture = {name: given.pop(name) for name in ("quota", "verifiers", "aliases") if name in given}
            clock, ids, journal = (given.pop(name, None) for name in ("clock", "ids", "journal"))
            from posthouse.testing.journal import KeptJournal
            from posthouse.testing.ports import CountedIds, ManualClock

            clock, ids, journal = clock or ManualClock(), ids or CountedIds(), journal or KeptJournal()
            store = await open_store(tmp_path / "store", clock=clock, ids=ids, journal=journal)
            stack.push_async_callback(store.close)
            office = Office(store, clock=clock, ids=ids, journal=journal, **given)
            stack.callback(office.authenticator.close)
            return await office.furnish(**furniture)

        yield make


@pytest.fixture
async def office(open_office: OpenOffice) -> Office:
    return await open_office()
