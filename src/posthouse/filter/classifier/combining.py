"""How likely a message is junk, from how often its tokens were in junk and in good mail.

G. Robinson, "A Statistical Approach to the Spam Problem" (Linux Journal 107, 2003): a token that was seen seldom
counts little (its ``belief``), and the tokens are combined by R. Fisher's method, which says "unsure" of a message
that looks like both.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

DEVIATION: Final = 0.1
"""A token nearer to the middle says nothing."""
MOST: Final = 100
"""Tokens that speak, the strongest."""
EDGE: Final = 0.005
"""No single token is ever surer than this: a thousand times seen is not a proof."""
STRENGTH: Final = 0.45
"""How many sightings what is believed beforehand is worth (Robinson's s)."""

MOST_SCORE: Final = 6.5
"""Enough for Junk, far from a refusal."""
LEAST_SCORE: Final = -3.0
WORDS_SHOWN: Final = 10


class Odds(msgspec.Struct, frozen=True):
    """What a message is like: 0 good mail, 1 junk. ``tokens`` are those that spoke, the strongest first."""

    junk: float
    tokens: Sequence[tuple[str, float]] = ()
    count: int = 0
    """How many spoke in all."""

    @property
    def score(self) -> float:
        """The weight towards Junk: nothing for who is unsure, so much that it decides alone only from 0.92 on."""
        way = (self.junk - 0.5) * 2
        return round(math.copysign(abs(way) ** 1.5, way) * (MOST_SCORE if way > 0 else -LEAST_SCORE), 2)

    @property
    def reasons(self) -> str:
        """For people: the strongest tokens of this message."""
        return ", ".join([f"{token} {junk:.2f}" for token, junk in self.tokens[:WORDS_SHOWN]])


def belief(
    junk: int, good: int, junk_mails: int, good_mails: int, *, before: float = 0.5, strength: float = STRENGTH
) -> float:
    """Robinson's f(w): how likely a message with this token is junk, seen in so many of so many."""
    junk, good = min(max(junk, 0), junk_mails), min(max(good, 0), good_mails)
    seen = junk + good
    if not seen:
        return before
    in_junk, in_good = junk / max(junk_mails, 1), good / max(good_mails, 1)
    alone = in_junk / (in_junk + in_good)
    believed = (strength * before + seen * alone) / (strength + seen)
    return min(max(believed, EDGE), 1 - EDGE)


Weight = tuple[float, float, str]
"""How far from the middle, the belief, the token: in the order they are needed."""
NO_WEIGHT: Final = (0.0, 0.5, "")


def weight_of(token: str, junk: float) -> Weight:
    """What ``combine`` takes of a token."""
    away = abs(junk - 0.5)
    return NO_WEIGHT if away < DEVIATION else (away, junk, token)


def combine(weights: Iterable[Weight]) -> Odds:
    """Fisher's method over the strongest ``MOST``."""
    strong = [one for one in weights if one is not NO_WEIGHT]
    if not strong:
        return Odds(0.5)
    strong.sort(reverse=True)
    del strong[MOST:]
    count = len(strong)
    believed = [junk for _, junk, _ in strong]
    junk_product = math.prod(believed)  # EDGE to the power of MOST is still a float
    good_product = math.prod([1.0 - junk for junk in believed])
    in_junk = chi_squared_tail(-2.0 * math.log(junk_product), count)
    in_good = chi_squared_tail(-2.0 * math.log(good_product), count)
    return Odds((1.0 + in_junk - in_good) / 2, tuple([(token, junk) for _, junk, token in strong[:WORDS_SHOWN]]), count)


def chi_squared_tail(value: float, pairs: int) -> float:
    """How likely chance alone gives at least ``value``, with twice ``pairs`` degrees of freedom."""
    half = value / 2.0
    term = total = math.exp(-half)
    for step in range(1, pairs):
        term *= half / step
        total += term
    return min(total, 1.0)
