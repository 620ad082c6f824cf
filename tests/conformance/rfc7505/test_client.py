"""RFC 7505 from the side of the client that relays."""

import pytest

from posthouse.mta.mx import NULL_MX, MxLookup, Ourselves
from posthouse.standards.dns.ports import Mx
from posthouse.testing.zone import Zone


def lookup(*records: Mx) -> MxLookup:
    zone = Zone({"nomail.test": {"mx": records, "a": ("198.51.100.1",)}})
    return MxLookup(zone, Ourselves(frozenset()), lambda: 0.5)


@pytest.mark.rfc(7505, "3", "MUST")
async def test_a_single_mx_with_an_empty_exchange_means_no_mail():
    assert await lookup(Mx(0, "")).find("nomail.test") == NULL_MX


@pytest.mark.rfc(7505, "4.1", "SHOULD")
async def test_the_reply_is_556_with_5_1_10():
    found = await lookup(Mx(0, "")).find("nomail.test")
    assert (found.code, found.status) == (556, "5.1.10")


@pytest.mark.rfc(7505, "4.1", "SHOULD")
async def test_the_address_of_the_domain_is_not_tried_instead():
    assert await lookup(Mx(0, "")).find("nomail.test") == NULL_MX


@pytest.mark.rfc(7505, "3", "MUST NOT")
async def test_a_null_mx_beside_others_is_no_null_mx():
    found = await lookup(Mx(0, ""), Mx(10, "mx.test")).find("nomail.test")
    assert [hop.host for hop in found] == ["mx.test"]
