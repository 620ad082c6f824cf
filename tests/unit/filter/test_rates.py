"""How much one client, one pair and one account may send (L16, L20, L27)."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.filter.rates import AccountRates, ClientRates
from posthouse.mail.address import Address
from posthouse.testing.ports import ManualClock

LIMITS = Limits(
    client_messages=3, client_octets=1000, pair_messages_minute=2, pair_messages_hour=3, unknown_recipients_hour=2,
    account_messages_day=2, account_recipients_burst=3,
)  # fmt: skip
ALICE = Address("alice", "office.test")


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def rates(clock):
    return ClientRates(LIMITS, clock)


def test_messages_a_minute_from_one_address_aborted_or_not(rates, clock):
    assert [rates.may_begin("192.0.2.1") for _ in range(4)] == [True, True, True, False]
    assert rates.may_begin("192.0.2.2")
    clock.pass_time(20)
    assert rates.may_begin("192.0.2.1")


def test_octets_that_came_are_owed_even_for_a_message_that_was_given_up(rates, clock):
    rates.count_octets("192.0.2.1", 1500)
    assert not rates.may_begin("192.0.2.1")
    clock.pass_time(31)
    assert rates.may_begin("192.0.2.1")


def test_one_domain_may_not_flood_one_recipient_but_may_write_to_others(rates, clock):
    assert [rates.may_write_to("a.test", ALICE) for _ in range(3)] == [True, True, False]
    assert rates.may_write_to("a.test", Address("bob", "office.test"))
    assert rates.may_write_to("b.test", ALICE)
    clock.pass_time(60)
    assert rates.may_write_to("a.test", Address("ALICE", "office.test"))
    clock.pass_time(60)
    assert not rates.may_write_to("a.test", ALICE), "the hour's limit"


def test_who_asks_for_nobodies_may_not_ask_any_more(rates, clock):
    rates.count_unknown("192.0.2.1")
    assert rates.may_ask("192.0.2.1")
    rates.count_unknown("192.0.2.1")
    assert not rates.may_ask("192.0.2.1")
    assert rates.may_ask("192.0.2.9")
    clock.pass_time(3600)
    assert rates.may_ask("192.0.2.1")


def test_a_stolen_account_sends_so_much_and_no_more(clock):
    rates = AccountRates(LIMITS, clock)
    assert [rates.may_send(1) for _ in range(3)] == [True, True, False]
    assert [rates.may_address(1) for _ in range(4)] == [True, True, True, False]
    assert rates.may_send(2)
    clock.pass_time(600)
    assert rates.may_address(1)
    assert not rates.may_send(1)
