"""Who is asked and does not answer is away; and after that whoever holds something is heard before others take it."""

import pytest

from posthouse.storage.postgresql import pulse as module
from posthouse.storage.postgresql.pulse import Pulse

GRACE_SECONDS, MISSED_SECONDS, SILENT_SECONDS = 15.0, 25.0, 5.0


@pytest.fixture(autouse=True)
def seconds(monkeypatch):
    """Other tests of this folder have more patience."""
    for name in ("GRACE_SECONDS", "MISSED_SECONDS", "SILENT_SECONDS"):
        monkeypatch.setattr(module, name, globals()[name])


class Watch:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_engine_is_silent_when_somebody_waits_and_nobody_is_answered():
    watch = Watch()
    pulse = Pulse(watch)
    watch.now += 10 * SILENT_SECONDS
    assert not pulse.is_silent, "nobody asked"
    first, second = pulse.begun(), pulse.begun()
    assert not pulse.is_silent
    watch.now += SILENT_SECONDS + 1
    assert pulse.is_silent
    pulse.committed()
    pulse.ended(second)
    assert not pulse.is_silent, "one waits for a row, perhaps: others are answered"
    watch.now += SILENT_SECONDS + 1
    assert pulse.is_silent
    pulse.ended(first)
    assert not pulse.is_silent


def test_it_is_steady_again_when_it_has_been_back_for_a_while():
    watch = Watch()
    pulse = Pulse(watch)
    assert pulse.is_steady
    watch.now += MISSED_SECONDS - 1
    pulse.committed()
    assert pulse.is_steady, "commits come now and then"
    watch.now += MISSED_SECONDS + 1
    assert not pulse.is_steady
    pulse.committed()
    assert not pulse.is_steady
    watch.now += GRACE_SECONDS / 2
    pulse.committed()
    watch.now += GRACE_SECONDS / 2 - 1
    assert not pulse.is_steady
    watch.now += 1
    assert pulse.is_steady
