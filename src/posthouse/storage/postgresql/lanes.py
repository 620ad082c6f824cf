"""The lanes of a node: units of work on sessions of their own, by what they may cost and what they may lose."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from posthouse.observe.ports import Journal
from posthouse.storage.errors import StorageError
from posthouse.storage.postgresql.address import EngineAddress
from posthouse.storage.postgresql.connecting import connect
from posthouse.storage.postgresql.numbers import TAKE_BLOCK, Numbers
from posthouse.storage.postgresql.pool import Connect, Pool
from posthouse.storage.postgresql.tx import Tx
from posthouse.storage.postgresql.units import Units

SESSIONS = 8
"""With the server, for units and reads."""
LOOSE_SECONDS = 2.0
"""How long what may be lost is tried."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """``durable`` for nearly all; ``loose`` for what a failover may lose; ``blocks`` for numbers of the others."""

    durable: Units
    loose: Units
    blocks: Units

    async def close(self) -> None:
        for units in (self.durable, self.loose, self.blocks):
            await units.close()


def make_lanes(
    address: EngineAddress,
    *,
    node: str,
    journal: Journal,
    committed: Callable[[Tx], None],
    hold_seconds: float,
    first: int,
) -> Lanes:
    """Nothing is connected yet. ``committed`` hears of each durable commit; numbers begin at ``first``."""
    durably: Connect = partial(connect, address)
    loosely: Connect = partial(connect, address, asynchronous=True)
    blocks = Units(Pool(durably, 1), Numbers(_no_block), node=node, journal=journal, hold_seconds=hold_seconds)
    numbers = Numbers(lambda size: blocks.write(partial(_take_block, first=first, size=size)))
    durable = Units(
        Pool(durably, SESSIONS), numbers, node=node, journal=journal, committed=committed, hold_seconds=hold_seconds
    )
    loose = Units(Pool(loosely, 1), numbers, node=node, journal=journal, hold_seconds=LOOSE_SECONDS)
    return Lanes(durable, loose, blocks)


async def _take_block(tx: Tx, first: int, size: int) -> int:
    return int((await tx.rows(TAKE_BLOCK, first, size))[0][0])


async def _no_block(_size: int) -> int:
    raise StorageError("who takes a block of numbers needs none himself")
