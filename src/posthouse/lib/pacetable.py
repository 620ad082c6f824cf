"""When each of very many is through with what it used: a table that a million strangers cannot make large.

One number for each key, the moment at which its allowance is whole again (the
"theoretical arrival time" of the generic cell rate algorithm, ITU-T I.371).
Keys are integers. The table holds the latest keys exactly, in two generations; a
generation that is replaced is faded, two entries with each new key, into a
sketch: two rows of moments, of which a forgotten key reads the lesser. So
nobody buys a fresh allowance by making us forget him, and what the sketch
mixes up is over when the moment has passed.
"""

from array import array
from collections.abc import Iterator
from itertools import islice

SIZE = 65536
"""Keys of both generations together."""

ROW = 32768
"""Moments in each row of the sketch; a power of two."""

_MIX = 0x9E3779B97F4A7C15
_ALL = 0xFFFFFFFFFFFFFFFF


class PaceTable:
    """At most ``size`` exact moments, and a sketch of the rest."""

    __slots__ = ("_fading", "_first", "_half", "_old", "_second", "_young")

    def __init__(self, size: int = SIZE) -> None:
        self._half = max(1, size // 2)
        self._young: dict[int, float] = {}
        self._old: dict[int, float] = {}
        self._fading: Iterator[tuple[int, float]] = iter(())
        self._first = array("d")
        self._second = array("d")

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: int) -> float:
        """The moment noted for ``key``; 0 for one that nobody has heard of."""
        full = self._young.get(key)
        if full is None:
            full = self._old.get(key)
            if full is None:
                return self._recall(key) if self._first else 0.0
        return full

    def put(self, key: int, full: float, now: float) -> None:
        """Note the moment of ``key``. What is over at ``now`` need not be remembered."""
        young = self._young
        young[key] = full
        if self._old:
            for faded, moment in islice(self._fading, 2):
                if moment > now:
                    self._remember(faded, moment)
        if len(young) >= self._half:
            for faded, moment in self._fading:  # nothing, unless few of the puts were of new keys
                if moment > now:
                    self._remember(faded, moment)
            self._old, self._young = young, {}
            self._fading = iter(young.items())

    def _recall(self, key: int) -> float:
        mixed = key * _MIX & _ALL
        return min(self._first[mixed >> 49], self._second[mixed >> 20 & ROW - 1])

    def _remember(self, key: int, moment: float) -> None:
        if not self._first:
            self._first, self._second = array("d", bytes(8 * ROW)), array("d", bytes(8 * ROW))
        mixed = key * _MIX & _ALL
        one, other = mixed >> 49, mixed >> 20 & ROW - 1
        self._first[one] = max(self._first[one], moment)
        self._second[other] = max(self._second[other], moment)
