"""Rates of all nodes together: what is used here is used there."""

import pytest

from posthouse.filter.allowance import MINUTE, Allowance
from posthouse.filter.connections import surroundings
from posthouse.filter.sharing import MOST_OCTETS, Sharing
from posthouse.testing.ports import ManualClock


class Wire:
    """What two nodes tell each other through their store."""

    def __init__(self):
        self.ends = []
        self.said = []

    def end(self):
        return End(self, len(self.ends))


class End:
    def __init__(self, wire, number):
        self.wire, self.number = wire, number
        wire.ends.append([])

    def broadcast(self, topic, text):
        self.wire.said.append(text)
        for number, listeners in enumerate(self.wire.ends):
            for wanted, heard in listeners:
                if number != self.number and wanted == topic:
                    heard(text)

    def listen(self, topic, heard):
        self.wire.ends[self.number].append((topic, heard))


@pytest.fixture
def nodes():
    wire, clock = Wire(), ManualClock()
    rates = [Allowance(10, MINUTE, clock) for _ in range(2)]
    return rates, [Sharing(wire.end(), {"rate": rate}) for rate in rates], wire


CLIENTS = [
    surroundings("2001:db8::1")[0],
    surroundings("192.0.2.1")[2],
    "alice",
    ("else.test", "alice@office.test"),
    (7, "else.test"),
]


@pytest.mark.parametrize("who", CLIENTS)
def test_who_has_used_it_up_here_has_nothing_left_there(nodes, who):
    rates, sharings, _ = nodes
    assert all(rates[0].take(who) for _ in range(10))
    assert not rates[1].is_spent(who)
    sharings[0].tell()
    assert rates[1].is_spent(who)
    assert not rates[1].is_spent("somebody else")


def test_what_was_heard_is_not_told_back(nodes):
    rates, sharings, wire = nodes
    rates[0].take("alice", 4)
    sharings[0].tell()
    sharings[1].tell()
    sharings[0].tell()
    assert len(wire.said) == 1
    assert rates[0].take("alice", 6)
    assert not rates[1].take("alice", 7)


def test_a_refusal_uses_nothing_anywhere(nodes):
    rates, sharings, wire = nodes
    rates[0].take("alice", 11)
    sharings[0].tell()
    assert wire.said == []


def test_a_flood_is_told_in_letters_that_fit(nodes):
    rates, sharings, wire = nodes
    for number in range(5000):
        rates[0].take(("sender-of-some-length.example", f"recipient-{number}@office.test"))
    sharings[0].tell()
    assert 1 < len(wire.said) < 50
    assert max(map(len, wire.said)) <= MOST_OCTETS


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '["rate", [["x", "y"]]]', '["another", [["x", 1]]]', '["rate", [[[1], 1]]]']
)
def test_what_another_release_says_is_let_be(nodes, text):
    rates, sharings, _ = nodes
    sharings[0].hear(text)
    assert rates[0].take("x", 10)


def test_alone_nothing_is_kept():
    rate = Allowance(10, MINUTE, ManualClock())
    rate.take("alice")
    assert rate.take_news() == {}
