"""Which of two versions is the older, by the rules of whoever numbers them."""

import re
from functools import total_ordering
from itertools import zip_longest
from typing import Any

_RELEASE = re.compile(r"v?((?:[0-9]+\.?)+)")
_WORD = re.compile(r"([A-Za-z]+)[.-]?([0-9]*)")
_BEFORE = {"dev": -4, "alpha": -3, "a": -3, "beta": -2, "b": -2, "pre": -2, "rc": -1}
"""Words that make a version older than without them, where versions are only numbers and letters."""
VERSION_LETTERS = 256


def sort_key(version: str, ecosystem: str = "generic") -> Any:
    """Two of the same ecosystem can be compared. Never raises: what obeys no rule is compared piece by piece."""
    version = version[:VERSION_LETTERS].strip()
    if ecosystem.startswith("Debian"):
        return Debian(version)
    if ecosystem == "PyPI":
        from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - only these commands need it

        try:
            return _Mixed(0, Version(version))
        except InvalidVersion:
            return _Mixed(1, _pieces(version))
    return _pieces(version)


@total_ordering
class _Mixed:
    """What obeys the rules comes after what does not: an advisory with odd versions rather warns."""

    __slots__ = ("key", "rank")

    def __init__(self, rank: int, key: Any) -> None:
        self.rank, self.key = -rank, key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Mixed) and (self.rank, self.key) == (other.rank, other.key)

    def __lt__(self, other: "_Mixed") -> bool:
        return (self.rank, self.key) < (other.rank, other.key) if self.rank == other.rank else self.rank < other.rank

    def __hash__(self) -> int:
        return hash((self.rank, str(self.key)))


def _pieces(version: str) -> tuple[tuple[int, ...], tuple[tuple[int, str, int], ...]]:
    """``1.1.1w`` after ``1.1.1``; ``3.13.0rc1`` before ``3.13.0``; ``3.0`` and ``3.0.0`` the same."""
    match = _RELEASE.match(version)
    release = [int(piece) for piece in match[1].split(".") if piece] if match is not None else []
    while release and not release[-1]:
        release.pop()
    words = _WORD.findall(version[match.end() :] if match is not None else version)
    rest = [(_rank(word.lower(), number), word.lower(), int(number or 0)) for word, number in words]
    return tuple(release), (*rest, (0, "", 0))


def _rank(word: str, number: str) -> int:
    """A letter with a number is before the release (``3.15.0a1``), one alone after it (``1.1.1a``)."""
    return 1 if len(word) == 1 and not number else _BEFORE.get(word, 1)


@total_ordering
class Debian:
    """A version as dpkg compares it: epoch, upstream, revision; a tilde is before everything, even the end."""

    __slots__ = ("parts",)

    def __init__(self, version: str) -> None:
        epoch, colon, rest = version.partition(":")
        upstream, _, revision = (rest if colon else version).rpartition("-")
        if not upstream:
            upstream, revision = revision, ""
        number = int(epoch) if colon and epoch.isdigit() else 0
        self.parts = (number, _order(upstream), _order(revision))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Debian) and self._compare(other) == 0

    def __lt__(self, other: "Debian") -> bool:
        return self._compare(other) < 0

    def __hash__(self) -> int:
        return hash(self.parts)

    def _compare(self, other: "Debian") -> int:
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            if mine != theirs:
                return -1 if _less(mine, theirs) else 1
        return 0


def _order(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Turns of what is no digit and what is: letters before other signs, the tilde before the end."""
    turns = [turn for turn in re.findall(r"(\D*)(\d*)", text) if turn != ("", "")]
    return tuple((tuple(map(_weight, signs)), int(digits or 0)) for signs, digits in turns)


def _weight(sign: str) -> int:
    return -1 if sign == "~" else ord(sign) if sign.isalpha() else ord(sign) + 256


def _less(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, int):
        return bool(mine < theirs)
    for (signs, number), (other_signs, other_number) in zip_longest(mine, theirs, fillvalue=((), 0)):
        for sign, other in zip_longest(signs, other_signs, fillvalue=0):
            if sign != other:
                return bool(sign < other)
        if number != other_number:
            return bool(number < other_number)
    return False
