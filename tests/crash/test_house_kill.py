"""SIGKILL at random moments under load: what was acknowledged is there, once."""

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from house import House, Load


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_nothing_acknowledged_is_missing_after_five_sudden_deaths(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    house.dir.mkdir()
    ledger: list[str] = []
    for round_ in range(5):
        house.start()
        load = Load(house.base, 6, f"r{round_}")
        time.sleep(random.uniform(0.3, 1.0))  # the moment is the point of the test
        house.kill()
        ledger += load.stop()
    house.start()
    try:
        found = Counter(house.subjects())
    finally:
        house.stop()
    assert ledger, "the load was never acknowledged anything"
    assert [subject for subject in ledger if found[subject] != 1] == []
