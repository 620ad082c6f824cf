"""Octets that have arrived and are not read yet: taken a line, a count or whole at a time.

Whatever arrives while nothing waits is kept as the very object the loop
gave, so that a command or a chunk that came in one piece is never copied.
Only a remainder that grows is copied, once, into a growing buffer; nothing
here is quadratic in the number of pieces.
"""


class LineBuffer:
    """A queue of octets. It sets no limit by itself: ``line`` says when one is passed, ``clear`` lets go."""

    __slots__ = ("_at", "_searched", "waiting")

    def __init__(self) -> None:
        self.waiting: bytes | bytearray = b""
        """Empty when nothing waits; otherwise what waits begins at ``_at``."""
        self._at = 0
        self._searched = 0
        """Up to here, never before ``_at``, there is no LF: an octet is looked at once, however slowly a line drips in.
        """

    def __len__(self) -> int:
        return len(self.waiting) - self._at

    def feed(self, octets: bytes) -> None:
        """Put ``octets`` behind those that wait."""
        if not self.waiting:
            self.waiting = octets
        elif isinstance(self.waiting, bytearray):
            self.waiting += octets
        else:
            grown = bytearray(memoryview(self.waiting)[self._at :])
            grown += octets
            self.waiting = grown
            self._searched -= self._at
            self._at = 0

    def line(self) -> bytes | None:
        """The next line with its LF, None while it is incomplete."""
        octets = self.waiting
        end = octets.find(b"\n", self._searched) + 1
        if not end:
            self._searched = len(octets)
            return None
        if end == len(octets) and not self._at and type(octets) is bytes:  # one line came, in one piece
            self.waiting, self._searched = b"", 0
            return octets
        return self.take(end - self._at)

    def peek(self, most: int) -> bytes:
        """The same as ``take``, and they stay."""
        return bytes(self.waiting[self._at : self._at + most])

    def take(self, most: int) -> bytes:
        """Up to ``most`` octets, as many as there are."""
        octets, start = self.waiting, self._at
        end = start + most
        if end >= len(octets):
            self.waiting, self._at, self._searched = b"", 0, 0
            return bytes(octets if not start else octets[start:])
        taken = bytes(octets[start:end])
        if isinstance(octets, bytearray):
            del octets[:end]
            self._searched = max(0, self._searched - end)
        else:
            self._at = self._searched = end
        return taken

    def rest(self) -> bytes:
        """All that waits."""
        return self.take(len(self.waiting))

    def clear(self) -> int:
        """Forget all that waits; how many octets that was."""
        count = len(self)
        self.waiting, self._at, self._searched = b"", 0, 0
        return count
