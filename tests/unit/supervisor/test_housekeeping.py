"""What is watched while the house is open."""

import asyncio
import contextlib

import pytest

from posthouse.observe.ports import Level
from posthouse.supervisor import housekeeping
from posthouse.supervisor.housekeeping import watch_health
from posthouse.testing.journal import KeptJournal, KeptMeter


class TwoClocks:
    """One for people, which can be set, and one that only goes."""

    def __init__(self):
        self.wall = 1_800_000_000.0
        self.going = 0.0

    def now(self):
        return self.wall + self.going

    def monotonic(self):
        self.going += 0.001
        return self.going


@pytest.mark.parametrize(("seconds", "told"), [(86400.0, [86400]), (-3600.0, [-3600]), (200.0, [])])
async def test_a_clock_that_is_set_is_an_alarm(monkeypatch, seconds, told):
    monkeypatch.setattr(housekeeping, "LAG_SECONDS", 0.0)
    clock, journal = TwoClocks(), KeptJournal()
    watching = asyncio.create_task(watch_health(clock, journal, KeptMeter(), list))
    for turn in range(60):
        await asyncio.sleep(0)
        if turn == 30:
            clock.wall += seconds
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    found = [one for one in journal.entries if one.event == "clock.jumped"]
    assert [one.values["seconds"] for one in found] == told
    assert all(one.level is Level.ALARM for one in found)
