"""What was right a moment ago is not hashed again, and nobody profits from another's login."""

import pytest

from posthouse.admd.recent import CACHE_SECONDS, MAX_CACHED, Recent
from posthouse.testing.ports import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def recent(clock: ManualClock) -> Recent:
    return Recent(clock)


@pytest.mark.parametrize("matched", [True, False])
def test_what_was_found_is_known_for_some_minutes(recent: Recent, clock: ManualClock, matched: bool) -> None:
    login = recent.fingerprint("alice@office.test", ("v1",), "secret")
    assert recent.recall(login) is None
    recent.remember(login, matched=matched)
    clock.pass_time(CACHE_SECONDS - 1)
    assert recent.recall(login) is matched
    clock.pass_time(1)
    assert recent.recall(login) is None


@pytest.mark.parametrize(
    "other",
    [
        ("bob@office.test", ("v1", "v2"), "secret"),
        ("alice@office.test", ("v1", "v3"), "secret"),
        ("alice@office.test", ("v1",), "v2secret"),
        ("alice@office.test", ("v1v2",), "secret"),
        ("alice@office.test", ("v1", "v2"), "secrets"),
    ],
)
def test_no_two_logins_share_a_fingerprint(recent: Recent, other: tuple[str, tuple[str, ...], str]) -> None:
    """Threat A09."""
    assert recent.fingerprint("alice@office.test", ("v1", "v2"), "secret") != recent.fingerprint(*other)


def test_a_fingerprint_means_nothing_to_another_process(recent: Recent, clock: ManualClock) -> None:
    login = ("alice@office.test", ("v1",), "secret")
    assert recent.fingerprint(*login) != Recent(clock).fingerprint(*login)


def test_guesses_do_not_grow_it(recent: Recent) -> None:
    for number in range(MAX_CACHED + 1):
        recent.remember(b"%d" % number, matched=False)
    assert recent.recall(b"0") is None
    assert recent.recall(b"1") is False
