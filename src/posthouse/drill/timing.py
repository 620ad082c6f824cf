"""Whether two kinds of answers can be told apart by the clock."""

import math
from collections.abc import Sequence


def tell_apart(some: Sequence[float], others: Sequence[float]) -> float:
    """The chance that a difference as large comes of nothing (Kolmogorov and Smirnov's two-sample test)."""
    first, second = sorted(some), sorted(others)
    at = [0, 0]
    furthest = 0.0
    while at[0] < len(first) and at[1] < len(second):
        value = min(first[at[0]], second[at[1]])
        for which, row in enumerate((first, second)):
            while at[which] < len(row) and row[at[which]] <= value:
                at[which] += 1
        furthest = max(furthest, abs(at[0] / len(first) - at[1] / len(second)))
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    weight = (root + 0.12 + 0.11 / root) * furthest
    if weight < 0.2:  # the series below converges slowly there, and its sum is 1
        return 1.0
    return min(
        1.0, max(0.0, 2 * sum((1.0 if k % 2 else -1.0) * math.exp(-2 * (k * weight) ** 2) for k in range(1, 101)))
    )
