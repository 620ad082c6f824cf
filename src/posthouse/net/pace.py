"""How fast a peer must send a content, and read what we say (limit L18). Octets are counted by whoever asks.

Each is an average over a window of time, so that one lost packet costs nobody
his connection. They are made when a content begins and when a peer first does
not read: a session that is idle has neither.
"""

RATE_WINDOW_SECONDS = 30.0
"""The least rate is an average over this long, asked for after the first such time. Of a reader it is asked over two:
the kernels between us hand on what he reads in lumps.
"""


class SenderPace:
    """One content that comes in. ``received`` counts the octets of the whole connection."""

    __slots__ = ("_began", "_octets", "_since", "_windows", "prompted")

    def __init__(self, now: float, received: int) -> None:
        self._began = now
        self._windows = 0
        self.prompted = False
        """Its first octets were acknowledged at once."""
        self.renew(now, received)

    def renew(self, now: float, received: int) -> None:
        """Another window begins."""
        self._windows += 1
        self._since, self._octets = now, received

    def left(self, now: float) -> float:
        """Seconds until the window ends."""
        return max(0.0, self._since + RATE_WINDOW_SECONDS - now)

    def is_over(self, now: float) -> bool:
        """Whether the window has ended."""
        return now >= self._since + RATE_WINDOW_SECONDS

    def came(self, received: int) -> int:
        """Octets in this window."""
        return received - self._octets

    def seconds(self, now: float) -> float:
        """Since the content began."""
        return now - self._began

    def is_too_slow(self, now: float, received: int, rate: int) -> bool:
        """Whether the window, unless it was the first, brought less than ``rate`` octets a second."""
        return self._windows > 1 and self.came(received) < (now - self._since) * rate


class ReaderPace:
    """A peer that does not read as fast as we write. ``read`` counts the octets it has read of all we said."""

    __slots__ = ("_earlier", "_read", "_since")

    def __init__(self, now: float, read: int) -> None:
        self._earlier: int | None = None
        """What it read in the window before."""
        self._since, self._read = now, read

    def stalled(self, now: float, read: int) -> None:
        """It stopped reading again; a refill of the buffer within a window begins no new one."""
        if self.is_over(now):
            self._earlier = None
            self._since, self._read = now, read

    def left(self, now: float) -> float:
        """Seconds until the window ends."""
        return self._since + RATE_WINDOW_SECONDS - now

    def is_over(self, now: float) -> bool:
        """Whether the window has ended."""
        return now - self._since >= RATE_WINDOW_SECONDS

    def seconds(self, now: float) -> float:
        """What both windows lasted."""
        return now - self._since + RATE_WINDOW_SECONDS

    def is_too_slow(self, now: float, read: int, rate: int) -> bool:
        """Whether two windows brought less than ``rate`` octets a second."""
        return self._earlier is not None and self._earlier + read - self._read < self.seconds(now) * rate

    def renew(self, now: float, read: int) -> None:
        """Another window begins, the last one counts."""
        self._earlier = read - self._read
        self._since, self._read = now, read
