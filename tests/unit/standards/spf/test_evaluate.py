"""What the official suite does not ask about: senders whose local part is no ASCII, and other forms of addresses."""

import pytest

from posthouse.standards.spf.evaluate import Result, Verdict, check_host
from posthouse.testing.zone import Zone


async def check(record: str, sender: str = "alice@office.test", address: str = "192.0.2.1") -> Verdict:
    zone = Zone({"office.test": {"txt": (record.encode(),)}, "xn--lice-loa.far.test": {"a": ("127.0.0.2",)}})
    return await check_host(zone, address, "office.test", sender, helo="mx.office.test")


@pytest.mark.rfc(8616, "4", "example")
@pytest.mark.parametrize("term", ["exists:%{l}.far.test", "include:%{l}.far.test", "a:%{s}.far.test"])
async def test_a_local_part_that_is_no_ascii_matches_nothing(term: str) -> None:
    assert (await check(f"v=spf1 {term} ip4:192.0.2.1 -all", "älice@office.test")).result is Result.PASS
    assert (await check(f"v=spf1 -{term} ~all", "älice@office.test")).result is Result.SOFTFAIL


@pytest.mark.rfc(7208, "5", "example")
@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("::ffff:192.0.2.1", Result.PASS),
        ("::192.0.2.1", Result.FAIL),
        ("2001:db8::192.0.2.1", Result.FAIL),
    ],
)
async def test_only_a_mapped_address_is_one_of_ipv4(address: str, result: Result) -> None:
    assert (await check("v=spf1 ip4:192.0.2.1 -all", address=address)).result is result
