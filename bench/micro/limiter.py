"""What a decision of the rate limiters costs, and what a million sources make of their tables.

``python bench/micro/limiter.py [--sources 1000000]``: microseconds for a decision (one allowance taken) and for the
whole question of a connection, resident memory that all tables together have grown by, and what one IPv6 /48 with
more addresses than the table has places gets through in a minute.
"""

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path

from posthouse.admd.limits import Limits
from posthouse.filter.allowance import MINUTE, Allowance
from posthouse.filter.connections import Census, surroundings
from posthouse.filter.rates import ClientRates
from posthouse.mail.address import Address
from posthouse.supervisor.ports import SystemClock
from posthouse.testing.ports import ManualClock


def resident() -> int:
    """Octets of memory in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def spread(index: int) -> str:
    """The address of a source: all over IPv4, so that networks repeat seldom."""
    number = (index * 2654435761) & 0xFFFFFFFF
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def microseconds(times: int, do: Callable[[int], object]) -> float:
    """Of CPU time: neighbours on the machine do not count."""
    started = time.process_time()
    for index in range(times):
        do(index)
    return (time.process_time() - started) / times * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=1_000_000)
    sources = parser.parse_args().sources
    clock = SystemClock()

    one: Allowance[int] = Allowance(60, MINUTE, clock)
    print(f"decision, {sources} sources that never came before  {microseconds(sources, one.take):6.2f} us")
    again = microseconds(sources, lambda n, one=one: one.take(n % 1000))
    print(f"decision, 1,000 sources again and again        {again:6.2f} us")
    del one

    addresses = [spread(index) for index in range(sources)]
    gc.collect()
    before = resident()
    census, rates = Census(Limits(), clock), ClientRates(Limits(), clock)
    alice = Address("alice", "office.test")

    def arrive(index: int) -> None:
        address = addresses[index]
        keys = surroundings(address)
        if not census.is_crowded(keys) and not census.is_hasty(keys):
            rates.may_begin(address)
            rates.may_ask(address)

    print(f"a connection and its MAIL: 8 questions          {microseconds(sources, arrive):6.2f} us")

    def misbehave(index: int) -> None:
        address = addresses[index]
        rates.count_octets(address, 1000)
        rates.count_unknown(address)
        rates.may_write_to(address, alice)

    microseconds(sources, misbehave)
    grown = resident() - before
    print(f"all tables after {sources} sources in each       {grown / 2**20:6.1f} MiB")

    still = ManualClock()
    census = Census(Limits(), still)
    passed = sum(
        not census.is_hasty(surroundings(f"2001:db8:7:{index & 0xFFFF:x}::{index >> 4:x}")) for index in range(200_000)
    )
    print(f"one /48, 200,000 addresses, in no time            {passed:6} let in (L15: {Limits().near_connects})")


if __name__ == "__main__":
    main()
