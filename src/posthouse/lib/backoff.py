"""Growing pauses between tries: what is broken is not hammered, what was hit together does not return together."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """``first`` seconds, then ``factor`` times as long each time, at most ``most``; give or take ``jitter`` of it."""

    first: float
    most: float
    factor: float = 2.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.most and self.factor >= 1 and 0 <= self.jitter < 1):
            raise ValueError(f"no pauses can be made of {self}")

    def pause(self, tries: int, chance: float) -> float:
        """Seconds to wait after ``tries`` failed tries (1 and up); ``chance`` in [0, 1) places it within the jitter."""
        plain = self.first
        for _ in range(tries - 1):
            if plain >= self.most:
                break
            plain *= self.factor
        return min(plain, self.most) * (1 + self.jitter * (2 * chance - 1))
