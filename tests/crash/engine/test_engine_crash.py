"""Nothing acknowledged is missing after a kill or a power cut; a build that does not sync is caught.

``kill -9`` proves only the order of acknowledgement and commit; what was
written but not synced survives it. So each promise is also put to the power
cut, and the power cut to a weakened build that it must convict.
"""

import contextlib
import importlib.util
import random
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
books = load("engine_books", HERE / "books.py")
powercut = load("powercut", HERE.parent / "powercut.py")

needs_power = pytest.mark.skipif(powercut.why_not() is not None, reason=str(powercut.why_not()))


async def test_killed_again_and_again_at_random_moments(tmp_path):
    chance = random.Random(5321)
    acknowledged = []
    for life in range(5):
        worker = books.Worker(tmp_path / "store", life * 10**5)
        worker.wait_for(chance.randrange(1, 300))
        acknowledged += worker.kill()
        assert await books.missing(tmp_path / "store", acknowledged) == []
    assert len(acknowledged) > 50


@pytest.mark.parametrize(
    "point",
    ["blob.written", "blob.synced", "blob.renamed", "blob.durable", "batch.open", "batch.filled", "batch.committed"],
)
async def test_killed_at_a_promise_point(tmp_path, point):
    acknowledged = books.Worker(tmp_path / "store", 0, "kill", point, 6).end()
    assert await books.missing(tmp_path / "store", acknowledged) == []
    again = books.Worker(tmp_path / "store", 10**5)
    again.wait_for(20)
    acknowledged += again.kill()
    assert await books.missing(tmp_path / "store", acknowledged) == []


async def cut(machine, count, *how):
    """One life under load, ended by the power; what was acknowledged before it."""
    worker = books.Worker(machine.disk / "store", 0, *how)
    worker.wait_for(count)
    acknowledged = list(worker.acknowledged)
    machine.cut()
    with contextlib.suppress(ProcessLookupError):
        worker.kill()
    machine.restore()
    return acknowledged


@needs_power
@pytest.mark.parametrize("count", [1, 40, 400, 1500])
async def test_the_power_is_cut(tmp_path, count):
    with powercut.PowerCut(tmp_path) as machine:
        acknowledged = await cut(machine, count)
        assert len(acknowledged) >= count
        assert await books.missing(machine.disk / "store", acknowledged) == []


@needs_power
@pytest.mark.parametrize("what", ["files", "database", "both"])
async def test_a_build_that_does_not_sync_is_caught_by_the_power_cut(tmp_path, what):
    with powercut.PowerCut(tmp_path) as machine:
        acknowledged = await cut(machine, 200, "weak", what)
        try:
            lost = await books.missing(machine.disk / "store", acknowledged)
        except Exception:
            return  # the database itself is ruined: caught
        assert lost
