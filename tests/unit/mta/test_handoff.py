"""Without workers mail waits in the queue."""

from posthouse.mta.handoff import Nobody


def test_nobody_is_free_and_takes_nothing():
    assert Nobody().lease(5) is None
    Nobody().take(())
