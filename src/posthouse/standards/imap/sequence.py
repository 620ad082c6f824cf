"""Sequence sets (RFC 9051 section 9, ``sequence-set``): ranges, never expanded (threat I02)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

STAR = 0
"""``*``, the largest number in use; no message has the number 0."""
MAX_NUMBER = 2**32 - 1
MAX_RANGES = 8192
"""As many as a line of 16 KiB holds (L30): scripts join all numbers that a search gave them."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as the client wrote them, ``STAR`` kept. ``saved``: it was ``$`` (RFC 5182), and ``ranges`` is empty."""

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False

    def spans(self, largest: int) -> list[tuple[int, int]]:
        """The ranges in ascending order, merged, with ``*`` as ``largest``. Numbers above it may remain (UIDs)."""
        if not largest and all(STAR in pair for pair in self.ranges):
            return []
        plain = sorted(
            (low, high) if low <= high else (high, low)
            for low, high in ((low or largest, high or largest) for low, high in self.ranges)
        )
        merged: list[tuple[int, int]] = []
        for low, high in plain:
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        return merged

    def indexes(self, numbers: Sequence[int], largest: int | None = None) -> Iterator[range]:
        """Index ranges into the ascending ``numbers`` (the UIDs of a view) of what the set names.

        ``*`` is ``largest``, or the last of ``numbers``.
        """
        if largest is None:
            largest = numbers[-1] if numbers else 0
        for low, high in self.spans(largest):
            found = range(bisect_left(numbers, low), bisect_right(numbers, high))
            if found:
                yield found


SAVED = SequenceSet((), saved=True)


def parse_sequence_set(text: str) -> SequenceSet:
    """``sequence-set`` (RFC 9051 section 9) or ``$`` (RFC 5182). Raises ``ValueError``."""
    if text == "$":
        return SAVED
    parts = text.split(",", MAX_RANGES)
    if len(parts) > MAX_RANGES:
        raise ValueError("too many ranges")
    return SequenceSet(tuple(map(_parse_range, parts)))


def _parse_range(text: str) -> tuple[int, int]:
    low, colon, high = text.partition(":")
    first = _parse_number(low)
    return first, _parse_number(high) if colon else first


def _parse_number(text: str) -> int:
    if text == "*":
        return STAR
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or text[0] == "0":
        raise ValueError("not a sequence number")
    number = int(text)
    if number > MAX_NUMBER:
        raise ValueError("sequence number too large")
    return number


def format_sequence_set(numbers: Iterable[int]) -> str:
    """Ascending numbers as the shortest set: ``1,3:5,9``."""
    runs: list[str] = []
    low, high = -1, -2
    for number in numbers:
        if number != high + 1:
            runs.append(_format_run(low, high))
            low = number
        high = number
    runs.append(_format_run(low, high))
    return ",".join(filter(None, runs))


def _format_run(low: int, high: int) -> str:
    if low < 0:
        return ""
    return str(low) if low == high else f"{low}:{high}"
