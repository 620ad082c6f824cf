"""The real clock and the real dice."""

import base64
import os
import time

LETTERS = "0123456789bcdfghjklmnpqrstvwxyz-"[:31]
"""Digits and consonants: no word can come of them."""

LENGTH = 12
COUNT_LENGTH = 8
"""Letters of an id, and those of them that count milliseconds."""

_PAIRS = tuple(first + second for first in LETTERS for second in LETTERS)
_BASE = len(_PAIRS)  # 961
_POOL = 4096
_SINCE = 1_735_689_600  # 2025-01-01: eight letters of milliseconds last until 2052


class SystemClock:
    """Implements ``lib.ports.Clock``."""

    __slots__ = ()
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


class RandomIds:
    """Implements ``lib.ports.Ids``.

    A trace id is 12 characters: eight count milliseconds, so that ids sort by time, and four are
    chance, so that nobody guesses the id of somebody else's message. Two ids of one process
    never agree: the count never stands still.
    """

    __slots__ = ("_at", "_beginning", "_last", "_pool", "_second", "slot")

    def __init__(self) -> None:
        self.slot = -1
        """Among several nodes, a number that nobody else has, below 961: it takes the place of half of the chance, or
        two nodes would now and then give the same id to two messages, and one of them would be taken for a repeat."""
        self._last = 0
        self._second = -1
        self._beginning = ""
        """Of all ids of one second, nearly."""
        self._pool = b""
        self._at = 0

    def trace_id(self) -> str:
        count = int((time.time() - _SINCE) * 1000)
        if count <= self._last:
            count = self._last + 1
        self._last = count
        at = self._at
        if at + 3 > len(self._pool):
            self._pool, at = os.urandom(_POOL), 0
        self._at = at + 3
        chance = int.from_bytes(self._pool[at : at + 3], "little") % (_BASE * _BASE)
        pairs = _PAIRS
        second, fourth = divmod(count, _BASE)
        if second != self._second:
            self._second, self._beginning = second, self._begin(second)
        fifth, sixth = divmod(chance, _BASE)
        if self.slot >= 0:
            sixth = self.slot
        return f"{self._beginning}{pairs[fourth]}{pairs[fifth]}{pairs[sixth]}"

    def _begin(self, count: int) -> str:
        """The first six letters."""
        count, third = divmod(count, _BASE)
        first, second = divmod(count % (_BASE * _BASE), _BASE)
        return _PAIRS[first] + _PAIRS[second] + _PAIRS[third]

    def resume(self, trace: str) -> None:
        """Begin behind ``trace``, which an earlier life may have given: a busy one's ids run ahead of the clock.

        Its clock may have been wrong, too. Anything that is no id of ours says nothing.
        """
        if len(trace) != LENGTH or not set(trace) <= set(LETTERS):
            return
        count = 0
        for letter in trace[:COUNT_LENGTH]:
            count = count * len(LETTERS) + LETTERS.index(letter)
        self._last = max(self._last, count)

    def token(self, octets: int) -> str:
        return base64.urlsafe_b64encode(os.urandom(octets)).rstrip(b"=").decode()
