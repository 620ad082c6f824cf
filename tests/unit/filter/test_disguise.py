"""A NAT or proxy before us that gives all strangers one address of ours (threat A01)."""

import pytest

from posthouse.filter.disguise import CALLS, Disguise
from posthouse.observe.ports import Level
from posthouse.testing.journal import KeptJournal


def call(disguise, address, names, times=CALLS):
    for turn in range(times):
        disguise.note(address, f"host{turn % names}.test")


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "fd00::1", "127.0.0.9"])
def test_the_world_behind_one_private_address_is_noticed_and_told_once(address):
    journal, found = KeptJournal(), []
    disguise = Disguise(journal, found=found.append)
    call(disguise, address, 30)
    call(disguise, address, 30)
    assert disguise.hides(address)
    assert found == [address]
    assert [(one.event, one.level) for one in journal.entries] == [("relay.disguised", Level.ALARM)]


def test_a_machine_of_ours_that_sends_much_says_few_names():
    disguise = Disguise(KeptJournal())
    call(disguise, "10.0.0.1", 3, 10 * CALLS)
    assert not disguise.hides("10.0.0.1")


def test_strangers_with_addresses_of_their_own_are_what_we_want():
    disguise = Disguise(KeptJournal())
    for turn in range(10 * CALLS):
        disguise.note(f"198.51.{turn % 200}.7", f"host{turn}.test")
        if turn % 5 == 0:
            disguise.note("10.0.0.1", f"host{turn}.test")
    call(disguise, "93.184.216.34", 30, 3 * CALLS)
    assert not disguise.hidden
