"""What was said by whom, as evidence: the beginning and the end of it, never all of a flood."""

import time
from dataclasses import dataclass, field

HEAD = 120
TAIL = 120
PIECE_OCTETS = 400


@dataclass(slots=True)
class Transcript:
    """Shared by all callers of one attack."""

    started: float = field(default_factory=time.monotonic)
    head: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    left_out: int = 0

    def note(self, who: str, octets: bytes) -> None:
        """``who``: us, it (the server), connect, tls, note."""
        shown = octets[:PIECE_OCTETS]
        more = f" (and {len(octets) - PIECE_OCTETS} octets more)" if len(octets) > PIECE_OCTETS else ""
        self._add(f"{time.monotonic() - self.started:8.3f} {who:7} {_printable(shown)}{more}")

    def _add(self, line: str) -> None:
        if len(self.head) < HEAD:
            self.head.append(line)
            return
        self.tail.append(line)
        if len(self.tail) > 2 * TAIL:
            self.left_out += TAIL
            del self.tail[:TAIL]

    def text(self) -> str:
        gap = [f"         …       {self.left_out} lines left out"] if self.left_out else []
        return "\n".join([*self.head, *gap, *self.tail]) + "\n"


def _printable(octets: bytes) -> str:
    """ASCII with escapes: nothing a terminal or a page would obey, nothing lost."""
    return repr(octets)[2:-1]
