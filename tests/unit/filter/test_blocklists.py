"""Lists of clients in the DNS (RFC 5782)."""

import asyncio

import pytest

from posthouse.filter import blocklists
from posthouse.filter.blocklists import BlockLists, List, Means, query_name
from posthouse.standards.dns.ports import Answer
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock
from posthouse.testing.zone import Zone

V6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
LISTED = {"2.0.0.127.bl.test": {"a": ("127.0.0.2",)}}
SIX = {"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test": {"a": ("127.0.0.2",)}}
NO_SIX = "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test"


def lists(names, *given: List, broken=frozenset(), journal=None) -> BlockLists:
    return BlockLists(given, Zone(names, broken=broken), ManualClock(), journal or KeptJournal())


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.99", "99.2.0.192.bl.test"),
        ("2001:db8::1", f"{V6}.bl.test"),
        ("::ffff:192.0.2.99", "99.2.0.192.bl.test"),
        ("nonsense", ""),
    ],
)
def test_octets_or_nibbles_backwards(address, name):
    """RFC 5782 sections 2.1 and 2.4."""
    assert query_name(address, "bl.test") == name


@pytest.mark.parametrize(
    ("record", "codes", "listed"),
    [
        ("127.0.0.2", frozenset(), True),
        ("127.0.0.9", frozenset({"127.0.0.2"}), False),
        ("127.0.0.2", frozenset({"127.0.0.2"}), True),
        ("203.0.113.1", frozenset(), False),
    ],
)
async def test_only_the_codes_that_are_meant_count_and_never_a_parked_domain(record, codes, listed):
    found = await lists({"1.2.0.192.bl.test": {"a": (record,)}}, List("bl.test", codes=codes)).find("192.0.2.1")
    assert bool(found.lists) is listed


async def test_a_list_without_ipv6_is_not_asked_about_it():
    assert not (
        await lists({f"{V6}.bl.test": {"a": ("127.0.0.2",)}}, List("bl.test", ipv6=False)).find("2001:db8::1")
    ).lists


async def test_a_list_that_names_everybody_is_left_out_with_an_alarm():
    """RFC 5782 section 5."""
    journal = KeptJournal()
    everybody = {
        name: {"a": ("127.0.0.2",)} for name in ("2.0.0.127.bl.test", "1.0.0.127.bl.test", "1.2.0.192.bl.test")
    }
    one = lists(everybody, List("bl.test", Means.REFUSE, ipv6=False), journal=journal)
    await one.test()
    assert not (await one.find("192.0.2.1")).lists
    assert [entry.event for entry in journal.entries] == ["dnsbl.dead"]


async def test_a_list_that_names_nobody_is_left_out_too():
    journal = KeptJournal()
    one = lists({"1.2.0.192.bl.test": {"a": ("127.0.0.2",)}}, List("bl.test", ipv6=False), journal=journal)
    await one.test()
    assert not (await one.find("192.0.2.1")).lists
    assert [entry.event for entry in journal.entries] == ["dnsbl.dead"]


async def test_a_good_list_passes_its_test():
    journal = KeptJournal()
    one = lists({**LISTED, **SIX, "1.2.0.192.bl.test": {"a": ("127.0.0.2",)}}, List("bl.test"), journal=journal)
    await one.test()
    assert (await one.find("192.0.2.1")).lists
    assert not journal.entries


async def test_a_list_that_names_all_of_ipv6_is_left_out_for_ipv6_alone():
    names = {**LISTED, **SIX, NO_SIX: {"a": ("127.0.0.2",)}, "1.2.0.192.bl.test": {"a": ("127.0.0.2",)}}
    one = lists({**names, f"{V6}.bl.test": {"a": ("127.0.0.2",)}}, List("bl.test"))
    await one.test()
    assert (await one.find("192.0.2.1")).lists
    assert not (await one.find("2001:db8::1")).lists


async def test_trouble_in_the_test_leaves_the_list_in_and_says_so():
    journal = KeptJournal()
    one = lists(LISTED, List("bl.test", ipv6=False), broken=frozenset({"1.0.0.127.bl.test"}), journal=journal)
    await one.test()
    assert [entry.event for entry in journal.entries] == ["dnsbl.untested"]


async def test_a_silent_list_costs_its_time_and_nothing_more(monkeypatch):
    monkeypatch.setattr(blocklists, "SECONDS", 0.01)

    class Silent(Zone):
        async def a(self, name: str) -> Answer[str]:
            if name.endswith("silent.test"):
                await asyncio.Event().wait()
            return await super().a(name)

    found = BlockLists(
        (List("silent.test"), List("bl.test")),
        Silent({"1.2.0.192.bl.test": {"a": ("127.0.0.2",)}}),
        ManualClock(),
        KeptJournal(),
    )
    assert [one.zone for one in (await found.find("192.0.2.1")).lists] == ["bl.test"]
