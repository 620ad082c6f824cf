import socket
from contextlib import suppress

import pytest

from posthouse.testing.freeports import DRILL, FIRST, LAST, free_base, free_ports, slice_of


def test_two_workers_of_a_run_have_no_port_in_common():
    first, second = (set(slice_of(worker, 2)) for worker in ("gw0", "gw1"))
    assert not first & second
    assert first | second == set(slice_of("", 1)) == set(range(FIRST, LAST))


def test_nothing_is_given_away_twice_and_nothing_of_the_clients_or_of_the_drill():
    given = [*free_ports(3), *free_ports(40), free_base(1)]
    assert len(set(given)) == 44
    assert max(given) < 32768
    assert not set(given) & set(DRILL)
    assert given[:3] == list(range(given[0], given[0] + 3))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.77.3", "0.0.0.0"])
def test_a_port_that_somebody_listens_on_is_passed_over(address):
    following = free_base(1) + 1
    with socket.socket() as taken:
        with suppress(OSError):  # then somebody has it already, which is as good
            taken.bind((address, following))
            taken.listen()
        assert following not in free_ports(3)
