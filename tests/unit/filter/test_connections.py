"""Who may come in (L14, L15)."""

import pytest

from posthouse.admd.limits import Limits
from posthouse.filter.connections import Census, ClientGate, surroundings
from posthouse.filter.networks import Networks
from posthouse.net.ports import Peer
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import ManualClock

LIMITS = Limits(
    client_connections=2, near_connections=3, far_connections=4, connections=8,
    client_connects=5, near_connects=7, far_connects=9,
)  # fmt: skip
REFUSAL = b"421 4.7.0 too many\r\n"


def peer(address: str) -> Peer:
    return Peer(address, 1, "198.51.100.1", 25)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def census(clock):
    return Census(LIMITS, clock)


def gate(census, *, public=True, exempt=("127.0.0.1",)):
    return ClientGate(census, exempt=Networks(exempt), public=public, refusal=REFUSAL, journal=KeptJournal())


def test_one_address_has_so_many_connections_at_once_and_gets_the_place_back(census):
    door = gate(census)
    assert [door.admit(peer("192.0.2.1")) for _ in range(3)] == [None, None, REFUSAL]
    door.left(peer("192.0.2.1"))
    assert door.admit(peer("192.0.2.1")) is None


def test_neighbours_share_a_limit_so_that_many_addresses_do_not_help(census):
    door = gate(census)
    near = [door.admit(peer(f"192.0.2.{host}")) for host in range(1, 5)]
    assert near == [None, None, None, REFUSAL]
    assert door.admit(peer("192.0.2.200")) is None, "another /26 of the same /21"
    assert door.admit(peer("192.0.3.1")) == REFUSAL, "the /21 is full"


def test_an_ipv6_client_is_its_64(census):
    door = gate(census)
    answers = [door.admit(peer(f"2001:db8::{host:x}")) for host in range(1, 4)]
    assert answers == [None, None, REFUSAL]


def test_a_mapped_address_is_the_same_client(census):
    door = gate(census)
    assert [door.admit(peer(one)) for one in ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1")] == [None, None, REFUSAL]


def test_a_quarter_of_the_house_is_kept_for_our_own_people(census):
    public, ours = gate(census), gate(census, public=False)
    for number in range(6):
        assert public.admit(peer(f"{number + 1}.0.2.1")) is None
    assert public.admit(peer("50.0.2.1")) == REFUSAL
    assert ours.admit(peer("51.0.2.1")) is None
    assert ours.admit(peer("52.0.2.1")) is None
    assert ours.admit(peer("53.0.2.1")) == REFUSAL


def test_new_connections_a_minute_are_counted_for_port_25(census, clock):
    door = gate(census)

    def come_and_go():
        answer = door.admit(peer("192.0.2.1"))
        if answer is None:
            door.left(peer("192.0.2.1"))
        return answer

    assert [come_and_go() for _ in range(6)] == [None] * 5 + [REFUSAL]
    clock.pass_time(60)
    assert come_and_go() is None


def test_the_exempt_are_not_counted_and_other_loopback_addresses_are_strangers(census):
    door = gate(census)
    assert {door.admit(peer("127.0.0.1")) for _ in range(100)} == {None}
    assert census.total == 0
    assert [door.admit(peer("127.0.0.2")) for _ in range(3)] == [None, None, REFUSAL]


def test_when_all_have_left_nothing_is_remembered_of_them(census):
    door = gate(census)
    for host in range(3):
        door.admit(peer(f"192.0.{host * 16}.1"))
    for host in range(3):
        door.left(peer(f"192.0.{host * 16}.1"))
    assert census.total == 0
    assert not census._open


def test_what_is_no_address_has_no_surroundings():
    assert surroundings("") == ()


def test_stress_ends_only_well_below_where_it_began(census):
    """One caller more or less does not turn it on and off."""
    for number in range(5):
        census.enter(surroundings(f"192.{number}.0.1"))
    assert census.is_stressed()
    census.leave(surroundings("192.0.0.1"))
    assert census.is_stressed()
    census.leave(surroundings("192.1.0.1"))
    assert not census.is_stressed()
    census.enter(surroundings("192.1.0.1"))
    assert not census.is_stressed()


def test_a_house_that_fills_up_is_stressed_before_it_is_full(census):
    door = gate(census, public=False)
    for number in range(4):
        door.admit(peer(f"{number + 1}.0.2.1"))
    assert not census.is_stressed()
    door.admit(peer("50.0.2.1"))
    assert census.is_stressed()


def test_when_strangers_have_filled_their_part_others_still_get_in(clock):
    """R01: who floods us is here already; who is not gets one of the places kept for newcomers."""
    census = Census(Limits(connections=20, client_connections=1000, near_connections=1000, far_connections=1000), clock)
    door = gate(census)
    assert [door.admit(peer("192.0.2.1")) for _ in range(15)] == [None] * 14 + [REFUSAL]
    assert [door.admit(peer(f"198.51.{net}.1")) for net in (0, 8)] == [None, REFUSAL]
    inside = gate(census, public=False)
    assert [inside.admit(peer("203.0.113.1")) for _ in range(5)] == [None] * 4 + [REFUSAL]


def test_limits_change_at_once_and_what_is_open_stays_counted(census):
    door = gate(census)
    assert [door.admit(peer("192.0.2.1")) for _ in range(2)] == [None, None]
    census.adopt(Limits(client_connections=3))
    assert [door.admit(peer("192.0.2.1")) for _ in range(2)] == [None, REFUSAL]


def test_nobody_locks_our_own_people_out_by_filling_the_doors(clock):
    """O11: whoever comes from an address that was logged in from finds a place, though strangers hold all of theirs."""
    census = Census(Limits(connections=100, client_connections=5, near_connections=1000, far_connections=1000), clock)
    inside = gate(census, public=False)
    census.note_login("203.0.113.1")
    strangers = [inside.admit(peer(f"10.{number}.0.1")) for number in range(100)]
    assert strangers == [None] * 95 + [REFUSAL] * 5
    assert inside.admit(peer("203.0.113.1")) is None
    assert inside.admit(peer("203.0.113.2")) == REFUSAL


def test_who_floods_from_beside_us_does_not_use_up_our_address(census):
    """Behind one NAT with the attacker, but logged in before."""
    inside = gate(census, public=False)
    assert [inside.admit(peer("192.0.2.1")) for _ in range(3)] == [None, None, REFUSAL]
    census.note_login("192.0.2.1")
    assert inside.admit(peer("192.0.2.1")) is None
    public = gate(census)
    assert public.admit(peer("192.0.2.1")) == REFUSAL, "port 25 knows nobody"
