"""Exactly these networks: who may relay is decided here, so every spelling of an address counts (A01)."""

import pytest

from posthouse.filter.networks import Networks, normalise, number_of, parse_network


def test_nothing_is_in_no_networks():
    assert "127.0.0.1" not in Networks()
    assert "10.0.0.1" not in Networks()


@pytest.mark.parametrize("address", ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "::ffff:a01:203"])
def test_an_address_of_the_network_is_in_it_mapped_or_not(address):
    assert address in Networks(("10.1.0.0/16",))


@pytest.mark.parametrize(
    "address",
    ["10.2.0.0", "::10.1.2.3", "64:ff9b::10.1.2.3", "2001:db8::1", "", "localhost", "10.1.2.3.4", "10.1.2", "10.1..3",
     "10.1.2.256", "٣.1.2.3", "10.1.2.-3", " 10.1.2.3"],
)  # fmt: skip
def test_what_is_not_exactly_in_the_network_is_not_in_it(address):
    assert address not in Networks(("10.1.0.0/16",))


def test_ipv6_networks_hold_ipv6_addresses_with_or_without_zone():
    networks = Networks(("2001:db8:1::/48", "::1"))
    assert "2001:db8:1:2::3" in networks
    assert "::1" in networks
    assert "2001:db8:2::1" not in networks
    assert "fe80::1%eth0" not in networks


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "10.0.0.0/8", "::/0", "2001:db8::/32", "10.0.0.1/16", "::ffff:10.0.0.0/112", "all", ""]
)
def test_a_network_that_would_make_an_open_relay_or_is_none_is_refused(text):
    with pytest.raises(ValueError):
        parse_network(text)


@pytest.mark.parametrize("address", ["0.0.0.0", "255.255.255.255", "1.2.3.4", "::1", "2001:db8::1", "::ffff:1.2.3.4"])
def test_the_quick_way_agrees_with_the_library(address):
    parsed = normalise(address)
    assert number_of(address) == (parsed.version, int(parsed))
