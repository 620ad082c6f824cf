import socket
from contextlib import suppress

import pytest

from posthouse.testing.freeports import BLOCK, DRILL, FIRST, LAST, block_in, free_base, free_ports, slice_of


def test_two_workers_of_a_run_have_no_port_in_common():
    first, second = (set(slice_of(worker, 2)) for worker in ("gw0", "gw1"))
    assert not first & second
    assert first | second == set(slice_of("", 1)) == set(range(FIRST, LAST))


def test_two_runs_on_one_machine_have_no_port_in_common():
    mine, locks = range(FIRST, FIRST + 4 * BLOCK), []
    blocks = [block_in(mine, locks) for _ in range(5)]
    kept = blocks[: len(locks)]
    assert len({block.start for block in kept}) == len(locks) <= 4
    assert set(blocks[len(locks) :]) == {mine}, "there is no more"
    near_the_drill = block_in(range(DRILL.start - 2 * BLOCK, DRILL.stop + BLOCK), locks)
    assert len(near_the_drill) > BLOCK or not set(near_the_drill) & set(DRILL)
    for lock in locks:
        lock.close()


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
