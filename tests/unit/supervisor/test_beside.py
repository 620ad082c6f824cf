"""What runs beside the doors goes on, whatever happens to it."""

import pytest

from posthouse.supervisor import beside
from posthouse.testing.journal import KeptJournal


async def test_a_bug_is_told_and_the_run_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "RESTART_SECONDS", 0)
    journal, turns = KeptJournal(), []

    async def run() -> None:
        turns.append(len(turns))
        if len(turns) < 3:
            raise ZeroDivisionError

    await beside.keep_running("sweep", run, journal)
    assert turns == [0, 1, 2]
    assert [entry.event for entry in journal.entries] == ["sweep.died"] * 2


async def test_not_even_want_of_memory_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "RESTART_SECONDS", 0)
    turns = []

    class Speechless(KeptJournal):
        def bug(self, *_words: object, **_values: object) -> None:
            raise MemoryError

    async def run() -> None:
        turns.append(len(turns))
        if len(turns) < 3:
            raise MemoryError

    await beside.keep_running("sweep", run, Speechless())
    assert turns == [0, 1, 2]
