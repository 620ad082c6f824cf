"""A board that all workers of a node can see: each hangs its metrics on it, whoever is asked adds them up.

Memory that processes share because one forked the others. Nobody waits for
anybody: who reads while another one writes reads again, and takes the worker for
absent if it never stands still. Sums are as old as the slowest poster, a
second or so.
"""

import mmap
from collections.abc import Iterable, Sequence

SLOT_OCTETS = 256 * 1024
"""Five times what a worker has to say."""
HEAD = 16
TRIES = 5

SUMMED = frozenset({"posthouse_sessions", "posthouse_resident_octets", "posthouse_open_files"})
"""Gauges of one process each."""
LEAST = frozenset({"posthouse_start_seconds", "posthouse_scanner_up", "posthouse_confined"})
"""Gauges where the worst or the oldest says most; of others the greatest counts: all say the same, or it is a lag."""


class Board:
    """One slot a worker; made before they are forked."""

    __slots__ = ("_memory", "workers")

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._memory = mmap.mmap(-1, workers * SLOT_OCTETS)

    def post(self, number: int, text: bytes) -> None:
        """What worker ``number`` has to say from now on; what does not fit is left out at the end of a line."""
        text = text[: text.rfind(b"\n", 0, SLOT_OCTETS - HEAD) + 1]
        start = number * SLOT_OCTETS
        turn = int.from_bytes(self._memory[start : start + 8], "little") | 1
        self._memory[start : start + HEAD] = turn.to_bytes(8, "little") + len(text).to_bytes(8, "little")
        self._memory[start + HEAD : start + HEAD + len(text)] = text
        self._memory[start : start + 8] = (turn + 1).to_bytes(8, "little")

    def clear(self, number: int) -> None:
        """It is dead: what it held open is closed. Its counts begin anew with its successor."""
        self.post(number, b"")

    def read(self, number: int) -> bytes:
        """The latest of worker ``number``; nothing if there is none yet."""
        start = number * SLOT_OCTETS
        for _ in range(TRIES):
            head = self._memory[start : start + HEAD]
            length = int.from_bytes(head[8:], "little")
            text = self._memory[start + HEAD : start + HEAD + length]
            if not head[0] & 1 and self._memory[start : start + HEAD] == head:
                return text
        return b""

    def others(self, number: int) -> Sequence[bytes]:
        """What all but ``number`` say."""
        return [text for other in range(self.workers) if other != number and (text := self.read(other))]


def add_up(texts: Iterable[bytes]) -> bytes:
    """Several texts in Prometheus' format as one: counters and histograms added, gauges as they are meant."""
    values: dict[str, float] = {}
    order: dict[str, None] = {}
    gauges: set[str] = set()
    for text in texts:
        for line in text.decode("utf-8", "replace").splitlines():
            order.setdefault(line if line.startswith("#") else line.rpartition(" ")[0])
            if line.startswith("#"):
                words = line.split(" ")
                gauges.update(words[2:3] if words[1] == "TYPE" and words[3] == "gauge" else ())
                continue
            series, _, value = line.rpartition(" ")
            values[series] = _both(series.partition("{")[0], gauges, values.get(series), float(value))
    lines = [one if one.startswith("#") else f"{one} {values[one]!r}" for one in _grouped(order)]
    return "".join(f"{line}\n" for line in lines).encode()


def _both(name: str, gauges: set[str], before: float | None, value: float) -> float:
    if before is None:
        return value
    if name not in gauges or name in SUMMED:
        return before + value
    return min(before, value) if name in LEAST else max(before, value)


def _grouped(order: Iterable[str]) -> list[str]:
    """Lines of a family together, as the format wants it, also when another worker knows more labels."""
    families: dict[str, list[str]] = {}
    names: set[str] = set()
    for line in order:
        if line.startswith("#"):
            family = line.split(" ")[2]
            names.add(family)
        else:
            name = line.partition("{")[0]
            cut = name.rpartition("_")[0]
            family = name if name in names else cut if cut in names else name
        families.setdefault(family, []).append(line)
    return [line for lines in families.values() for line in lines]
