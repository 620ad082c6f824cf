"""Group commit: everybody who waits gets an answer, also when the answer to another one goes wrong."""

import asyncio

import pytest

from posthouse.storage.errors import Conflict, StorageError
from posthouse.storage.sqlite.connection import open_writer
from posthouse.storage.sqlite.faults import NoFaults
from posthouse.storage.sqlite.writer import Writer
from posthouse.testing.journal import KeptJournal


class Speechless(KeptJournal):
    """A journal that has no memory for what it is told of bugs and of failures."""

    def note(self, *_, **__):
        raise MemoryError

    bug = note


def make_writer(path, journal):
    connection = open_writer(path / "x.db", "FULL")
    connection.execute("CREATE TABLE told (word TEXT) STRICT")
    return Writer(connection, faults=NoFaults(), journal=journal, committed=lambda _tx: None)


def write(tx):
    tx.run("INSERT INTO told VALUES ('a word')")
    return "written"


def refuse(_tx):
    raise Conflict("there is one")


def fail(_tx):
    raise RuntimeError("on purpose")


async def answers(writer, *units):
    """What each of ``units``, submitted together, is answered, by the kind of it; all of them are answered."""
    found = await asyncio.wait_for(asyncio.gather(*map(writer.submit, units), return_exceptions=True), 60)
    return [one if isinstance(one, str) else type(one) for one in found]


@pytest.mark.parametrize("bad", range(3))
async def test_a_bug_that_cannot_be_told_leaves_nobody_without_an_answer(tmp_path, bad):
    """The journal had no memory for it: all who came later in the batch waited for ever."""
    writer = make_writer(tmp_path, Speechless())
    units = [write, refuse, write]
    units.insert(bad, fail)
    found = await answers(writer, *units)
    assert found.pop(bad) is StorageError
    assert found == ["written", Conflict, "written"]
    assert await answers(writer, write) == ["written"]
    await writer.close()


async def test_a_batch_that_fails_without_memory_to_say_so_leaves_nobody_without_an_answer(tmp_path):
    class Full(NoFaults):
        def at(self, point):
            if point == "batch.filled":
                raise MemoryError

    writer = make_writer(tmp_path, Speechless())
    writer._faults = Full()
    assert await answers(writer, write, refuse, write) == [StorageError] * 3
    writer._faults = NoFaults()
    assert await answers(writer, write) == ["written"]
    await writer.close()


def test_who_cannot_be_woken_keeps_nobody_else_from_being(tmp_path):
    class Starved(asyncio.SelectorEventLoop):
        """A loop that has no memory to wake one waiter."""

        dumb = None

        def call_soon(self, callback, *arguments, context=None):
            if arguments and arguments[0] is self.dumb:
                raise MemoryError
            return super().call_soon(callback, *arguments, context=context)

    async def run():
        loop = asyncio.get_running_loop()
        writer = make_writer(tmp_path, KeptJournal())
        first, lost, last = map(writer.submit, [write, fail, write])
        told = [asyncio.ensure_future(one) for one in (first, last)]
        lost.add_done_callback(lambda _: None)
        loop.dumb = lost
        assert await asyncio.wait_for(asyncio.gather(*told), 60) == ["written", "written"]
        assert isinstance(lost.exception(), StorageError)
        await writer.close()

    with asyncio.Runner(loop_factory=Starved) as runner:
        runner.run(run())


def test_units_that_come_together_ask_for_their_batch_a_few_times_at_most(tmp_path, monkeypatch):
    """Each asked: a hundred calls for one batch. Twice as many ask once more, lest a call that was lost is missed."""
    monkeypatch.setattr("posthouse.storage.sqlite.writer.GATHER_SECONDS", 3600.0)

    class Counting(asyncio.SelectorEventLoop):
        begun = 0

        def call_soon(self, callback, *arguments, context=None):
            self.begun += getattr(callback, "__name__", "") == "_start"
            return super().call_soon(callback, *arguments, context=context)

    async def run():
        loop = asyncio.get_running_loop()
        writer = make_writer(tmp_path, KeptJournal())
        assert await answers(writer, *[write] * 100) == ["written"] * 100
        assert loop.begun <= 7
        loop.begun = 0
        assert await answers(writer, *[write] * 100) == ["written"] * 100  # these were waited for
        assert loop.begun == 1
        await writer.close()

    with asyncio.Runner(loop_factory=Counting) as runner:
        runner.run(run())


async def test_a_writer_that_never_wrote_closes_at_once(tmp_path):
    writer = make_writer(tmp_path, KeptJournal())
    await asyncio.wait_for(writer.close(), 60)
    with pytest.raises(StorageError, match="closed"):
        await writer.submit(write)
