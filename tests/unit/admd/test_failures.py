"""Networks and windows of the failure count."""

from posthouse.admd import failures
from posthouse.admd.failures import Charge, Failures, WindowCounter, source_networks
from posthouse.admd.limits import Limits
from posthouse.testing.ports import ManualClock


def test_an_ipv4_address_has_its_own_count_and_two_around_it() -> None:
    near, far = source_networks("192.0.2.1"), source_networks("192.0.2.60")
    assert near[0] != far[0]
    assert near[1:] == far[1:]
    assert source_networks("192.0.2.1")[1] != source_networks("192.0.2.64")[1]


def test_ipv6_is_counted_by_64() -> None:
    assert source_networks("2001:db8::1")[0] == source_networks("2001:db8::ffff")[0]
    assert source_networks("2001:db8::1")[0] != source_networks("2001:db8:0:1::1")[0]


def test_an_ipv4_mapped_address_is_the_ipv4_address() -> None:
    assert source_networks("::ffff:192.0.2.1") == source_networks("192.0.2.1")


def test_a_window_ends() -> None:
    window = WindowCounter(1, 60)
    window.add("key", 0.0)
    assert window.is_full("key", 59.0)
    assert not window.is_full("key", 60.0)


def test_what_is_taken_back_was_never_counted() -> None:
    window = WindowCounter(1, 60)
    window.add("key", 0.0)
    window.take_back("key")
    assert not window.is_full("key", 1.0)


def test_the_table_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(failures, "MAX_KEYS", 10)
    window = WindowCounter(1, 60)
    for key in range(100):
        window.add(key, 0.0)
    assert len(window) == 10
    assert window.is_full(99, 1.0)


def test_another_limit_holds_at_once_and_what_was_counted_stays_counted() -> None:
    clock = ManualClock()
    counter = Failures(Limits(client_auth_failures_minute=2), clock)
    assert [isinstance(counter.charge("192.0.2.1", f"u{turn}"), Charge) for turn in range(3)] == [True, True, False]
    counter.adopt(Limits(client_auth_failures_minute=3))
    assert [isinstance(counter.charge("192.0.2.1", f"v{turn}"), Charge) for turn in range(2)] == [True, False]
