"""How values are written in the configuration file."""

import pytest

from posthouse.supervisor.kinds import parse_duration, parse_endpoint, parse_size


@pytest.mark.parametrize(
    ("text", "octets"), [("1", 1), ("10 KiB", 10240), ("1.5MiB", 1572864), ("2GB", 2_000_000_000), (7, 7)]
)
def test_sizes(text, octets):
    assert parse_size(text) == octets


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1.5m", 90), ("4h", 14400), ("5d", 432000), ("250ms", 0.25), (3, 3)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["5 apples", "", "-1s", "1e9d"])
def test_what_is_no_size_and_no_duration(text):
    with pytest.raises(ValueError, match="looks like"):
        parse_size(text)
    with pytest.raises(ValueError, match="looks like"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [("relay.test:25", ("relay.test", 25)), ("[::1]:53", ("::1", 53)), ("127.0.0.1:1", ("127.0.0.1", 1))],
)
def test_endpoints(text, endpoint):
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize("text", ["", "relay.test", "relay.test:0", "relay.test:65536", "::1:53", "a b:3"])
def test_what_is_no_endpoint(text):
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_endpoint(text)
