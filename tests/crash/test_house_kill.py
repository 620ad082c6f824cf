"""The whole house killed with SIGKILL, at random moments and at every promise point: what was acknowledged is there."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from house import PATIENCE, House, Load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

POINTS = [
    "blob.written",
    "blob.synced",
    "blob.renamed",
    "blob.durable",
    "batch.open",
    "batch.filled",
    "batch.committed",
]


def missing_after_restart(house: House, ledger: list[str]) -> list[str]:
    """Acknowledged messages that are not there exactly once, after a start of the real thing."""
    house.fault = ()
    house.start()
    try:
        found = Counter(house.subjects())
    finally:
        house.stop()
    return [subject for subject in ledger if found[subject] != 1]


def test_nothing_acknowledged_is_missing_after_five_sudden_deaths(tmp_path: Path) -> None:
    house = House(tmp_path, log=tmp_path / "log")
    ledger: list[str] = []
    for round_ in range(5):
        house.start()
        load = Load(house.base, 6, f"r{round_}")
        load.wait_for(1)
        time.sleep(random.uniform(0.0, 0.7))  # the moment is the point of the test
        house.kill()
        ledger += load.stop()
    assert missing_after_restart(house, ledger) == []


@pytest.mark.parametrize("point", POINTS)
def test_nothing_acknowledged_is_missing_after_death_at(point: str, tmp_path: Path) -> None:
    house = House(tmp_path, fault=(point, "25" if point.startswith("batch") else "8"), log=tmp_path / "log")
    house.start()
    load = Load(house.base, 6, point)
    assert house.process is not None
    assert house.process.wait(PATIENCE) == -9, "the point was never reached"
    ledger = load.stop()
    assert ledger, "the load was never acknowledged anything"
    assert missing_after_restart(house, ledger) == []
