"""Rates that hold for all nodes together: what is used here is told there, a second later.

Asking a store for every connection would put it on the road of strangers. So
each node counts for itself, at once, and tells the others what was used since
the last time; they charge it as if it had been used there. What N nodes let
through beyond a limit is what comes to all of them within that second. A node
that hears nothing goes by its own count.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

from posthouse.storage.ports import Store

TOPIC: Final = "rates"
TELL_SECONDS: Final = 1.0
MOST_OCTETS: Final = 6000
MOST_TOLD: Final = 1000
"""Of each rule in a second: who used most of it. A crowd of strangers who come once is not worth telling of."""

Who = int | str | tuple[int | str, str]
_decode = msgspec.json.Decoder(tuple[str, list[tuple[Who, float]]]).decode
_encode = msgspec.json.Encoder().encode


class Shared(Protocol):
    """What is counted by ``Who``: an ``Allowance``, or anything else that nodes count together."""

    def share(self) -> None:
        """From now on keep what is counted here, for ``take_news``."""

    def take_news(self) -> Mapping[Any, float]:
        """What was counted here since the last time."""

    def charge_elsewhere(self, who: Any, amount: float) -> None:
        """Another node has counted it."""


class Sharing:
    """Between ``allowances``, by name, and those of the other nodes. All nodes must give them the same names."""

    def __init__(self, store: Store, allowances: Mapping[str, Shared]) -> None:
        self._store = store
        self._allowances = allowances
        for allowance in allowances.values():
            allowance.share()
        store.listen(TOPIC, self.hear)

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self.tell()

    def tell(self) -> None:
        """What was used since the last time."""
        for name, allowance in self._allowances.items():
            news = sorted(allowance.take_news().items(), key=_amount, reverse=True)[:MOST_TOLD]
            while news:
                news = self._tell_some(name, news)

    def _tell_some(self, name: str, news: list[tuple[Who, float]]) -> list[tuple[Who, float]]:
        """As many as fit; what is left."""
        count = len(news)
        while len(text := _encode((name, news[:count]))) > MOST_OCTETS and count > 1:
            count //= 2
        if len(text) <= MOST_OCTETS:
            self._store.broadcast(TOPIC, text.decode())
        return news[count:]

    def hear(self, text: str) -> None:
        """What another node has told; one of another release may tell of what we do not know."""
        try:
            name, news = _decode(text)
        except msgspec.DecodeError:
            return
        allowance = self._allowances.get(name)
        if allowance is not None:
            for who, amount in news:
                allowance.charge_elsewhere(who, amount)


def _amount(entry: tuple[Who, float]) -> float:
    return entry[1]
