"""A clock that a test winds, and names that count."""

import base64


class ManualClock:
    """Implements ``lib.ports.Clock``: time stands still until ``pass_time``."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` go by on both clocks."""
        self._now += seconds
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Somebody set the wall clock; what measures does not notice."""
        self._now += seconds


class CountedIds:
    """Implements ``lib.ports.Ids``: the same names in every run, in order."""

    def __init__(self) -> None:
        self._count = 0

    def trace_id(self) -> str:
        self._count += 1
        return f"t{self._count:011d}"

    def token(self, octets: int) -> str:
        self._count += 1
        return base64.urlsafe_b64encode(self._count.to_bytes(octets, "big")).rstrip(b"=").decode()
