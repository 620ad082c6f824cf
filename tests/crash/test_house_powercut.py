"""The power cut of the whole house: what was acknowledged is there; a build that does not sync is caught."""

from collections import Counter
from pathlib import Path

import pytest
from house import House, Load
from powercut import PowerCut, why_not

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]


def missing_after_a_cut(tmp_path: Path, fault: tuple[str, ...]) -> list[str]:
    """What was acknowledged before the cut and is not there, exactly once, after it."""
    with PowerCut(tmp_path, mebibytes=512) as machine:
        house = House(machine.disk / "data", fault=fault, log=tmp_path / "log")
        house.dir.mkdir()
        house.start()
        load = Load(house.base, 6, "cut")
        load.wait_for(150)
        machine.cut()
        ledger = load.stop()
        house.kill()
        machine.restore()
        house.fault = ()
        try:
            house.start()
            found = Counter(house.subjects())
        except (AssertionError, ConnectionError):
            return ledger  # nothing can be read any more
        finally:
            house.kill()
        return [subject for subject in ledger if found[subject] != 1]


def test_nothing_acknowledged_is_missing(tmp_path: Path) -> None:
    assert missing_after_a_cut(tmp_path, ()) == []


def test_a_build_that_does_not_sync_is_caught(tmp_path: Path) -> None:
    assert missing_after_a_cut(tmp_path, ("nosync",)) != []
