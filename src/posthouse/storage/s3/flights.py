"""Objects on their way in: uploaded by this process, and perhaps not yet referred to by any row."""

from dataclasses import dataclass

LINKABLE_MS = 12 * 3600 * 1000
"""An object may be linked this long after its key was made. The trash and the sweep wait 24 hours, so what they
delete can never be linked any more: no lock is needed between nodes."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One upload of a content."""

    key: str
    size: int
    made_at: int


class Flights:
    """By content. Asked in the loop and in the engine's thread: a content's tuple is replaced, never changed."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Flight, ...]] = {}

    def enter(self, blob: str, flight: Flight) -> None:
        self._of[blob] = (*self._of.get(blob, ()), flight)

    def leave(self, blob: str, flight: Flight) -> None:
        """Nobody may link it from now on but who has done it already."""
        left = tuple(other for other in self._of.get(blob, ()) if other != flight)
        if left:
            self._of[blob] = left
        else:
            self._of.pop(blob, None)

    def find(self, blob: str, now: int) -> Flight | None:
        """The newest, if it may still be linked."""
        found = self._of.get(blob)
        return found[-1] if found and now - found[-1].made_at < LINKABLE_MS else None
