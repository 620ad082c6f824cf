"""Operations on a store that no server has open."""

import asyncio

import pytest

from posthouse.storage.sqlite.engine import open_store
from posthouse.supervisor.offline import Unopened, ask_offline
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


def test_answers_are_those_of_the_control_socket(tmp_path) -> None:
    added = list(ask_offline(tmp_path, "domain add", {"name": "office.test"}))
    assert added[-1] == {"done": 1}
    listed = ask_offline(tmp_path, "domain list", {})
    assert next(listed)["row"]["domain"] == "office.test"
    listed.close()


def test_what_cannot_be_done_is_an_answer_too(tmp_path) -> None:
    (answer,) = ask_offline(tmp_path, "account show", {"address": "nobody@office.test"})
    assert "no account" in answer["failed"]


def test_a_store_in_use_is_left_alone(tmp_path) -> None:
    """The lock of the engine: two processes never write to one store."""

    async def hold() -> None:
        store = await open_store(tmp_path, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
        try:
            with pytest.raises(Unopened, match="in use"):
                await asyncio.to_thread(lambda: list(ask_offline(tmp_path, "status", {})))
        finally:
            await store.close()

    asyncio.run(hold())


def test_the_lock_is_free_afterwards(tmp_path) -> None:
    for _ in range(2):
        assert list(ask_offline(tmp_path, "status", {}))[-1] == {"done": 1}
