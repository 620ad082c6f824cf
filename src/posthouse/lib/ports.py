"""Time and chance as ports: whoever needs them is handed them, so that a test can hand in its own."""

from typing import Protocol


class Clock(Protocol):
    """Two clocks: one for people and schedules, one for measuring."""

    def now(self) -> float:
        """Seconds since 1970, UTC. May jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""


class Ids(Protocol):
    """Names that nobody can guess and nobody else has given."""

    def trace_id(self) -> str:
        """A new trace id: 12 characters of ``0-9a-z`` without vowels that could spell a word, time-ordered."""

    def token(self, octets: int) -> str:
        """``octets`` octets of secure randomness, as unpadded base64url text."""
