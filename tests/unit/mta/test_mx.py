"""Where the DNS leads: order, implicit MX, null MX, loops, both address families, and trouble that only defers."""

import pytest

from posthouse.mail.reply import Reply
from posthouse.mta.mx import LOOP, NO_ANSWER, NO_HOST, NO_SUCH_DOMAIN, NULL_MX, MxLookup, Ourselves
from posthouse.mta.route import HostRoute, Routes
from posthouse.standards.dns.ports import Mx
from posthouse.testing.zone import Zone

US = Ourselves(frozenset({"mx.office.test"}), frozenset({"192.0.2.9"}))


def lookup(names, *, broken=(), chance=lambda: 0.5) -> MxLookup:
    return MxLookup(Zone(names, frozenset(broken)), US, chance)


def domain(*records: Mx):
    return {"elsewhere.test": {"mx": records, "a": ("198.51.100.1",)}}


async def hosts(look: MxLookup, name="elsewhere.test"):
    found = await look.find(name)
    return found if isinstance(found, Reply) else [hop.host for hop in found]


async def test_the_best_comes_first():
    assert await hosts(lookup(domain(Mx(20, "b.test"), Mx(10, "a.test"), Mx(30, "c.test")))) == [
        "a.test",
        "b.test",
        "c.test",
    ]


async def test_equals_take_turns():
    rolls = iter((0.9, 0.1))
    assert await hosts(lookup(domain(Mx(10, "a.test"), Mx(10, "b.test")), chance=lambda: next(rolls))) == [
        "b.test",
        "a.test",
    ]


async def test_no_more_than_ten_are_tried():
    assert len(await hosts(lookup(domain(*(Mx(n, f"h{n}.test") for n in range(300)))))) == 10


async def test_without_mx_the_domain_itself_is_the_host():
    found = await lookup({"elsewhere.test": {"a": ("198.51.100.1",), "aaaa": ("2001:db8::1",)}}).find("elsewhere.test")
    assert [(hop.host, hop.addresses) for hop in found] == [("elsewhere.test", ("2001:db8::1", "198.51.100.1"))]


async def test_neither_mx_nor_address_is_no_host():
    assert await hosts(lookup({"elsewhere.test": {}})) == NO_HOST


async def test_a_domain_that_does_not_exist():
    assert await hosts(lookup({})) == NO_SUCH_DOMAIN


async def test_trouble_defers():
    assert await hosts(lookup({}, broken=["elsewhere.test"])) == NO_ANSWER
    look = lookup(domain(Mx(10, "a.test")), broken=["a.test"])
    assert await look.addresses("a.test") == NO_ANSWER
    assert NO_ANSWER.transient


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ((Mx(10, "mx.office.test"),), LOOP),
        ((Mx(10, "mx.office.test"), Mx(20, "b.test")), LOOP),
        ((Mx(10, "a.test"), Mx(20, "mx.office.test"), Mx(20, "b.test"), Mx(30, "c.test")), ["a.test"]),
        ((Mx(10, "a.test"), Mx(10, "mx.office.test")), LOOP),
    ],
)
async def test_what_is_no_better_than_ourselves_is_left_out(records, found):
    assert await hosts(lookup(domain(*records))) == found


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "192.0.2.9"])
async def test_an_exchanger_that_is_us_by_address_is_a_loop(address):
    kind = "aaaa" if ":" in address else "a"
    assert await lookup({"a.test": {kind: (address,)}}).addresses("a.test") == LOOP


async def test_both_families_by_turns():
    names = {"a.test": {"a": ("198.51.100.1", "198.51.100.2"), "aaaa": ("2001:db8::1",)}}
    assert await lookup(names).addresses("a.test") == ("2001:db8::1", "198.51.100.1", "198.51.100.2")


async def test_one_family_in_trouble_leaves_the_other():
    class Half(Zone):
        async def aaaa(self, name):
            self.broken = frozenset({name})
            try:
                return await super().aaaa(name)
            finally:
                self.broken = frozenset()

    look = MxLookup(Half({"a.test": {"a": ("198.51.100.1",)}}), US, lambda: 0.5)
    assert await look.addresses("a.test") == ("198.51.100.1",)


@pytest.mark.parametrize(
    ("literal", "found"),
    [
        ("[198.51.100.7]", ["198.51.100.7"]),
        ("[IPv6:2001:db8::7]", ["2001:db8::7"]),
        ("[127.0.0.1]", LOOP),
        ("[192.0.2.9]", LOOP),
        ("[x]", NO_SUCH_DOMAIN),
    ],
)
async def test_address_literals(literal, found):
    assert await hosts(lookup({}), literal) == found


async def test_domains_with_the_same_exchangers_share_a_destination():
    names = {"a.test": {"mx": (Mx(10, "mx.test"),)}, "b.test": {"mx": (Mx(5, "mx.test"),)}}
    routes = Routes(lookup(names), table={})
    first, second = await routes.find("a.test"), await routes.find("b.test")
    assert isinstance(first, HostRoute)
    assert first.key == second.key
    assert first.from_dns


async def test_null_mx_is_final():
    assert await hosts(lookup(domain(Mx(0, "")))) == NULL_MX
    assert (NULL_MX.code, NULL_MX.status) == (556, "5.1.10")
