"""What the kernel says of the server's processes. Nothing here asks the server."""

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Vitals:
    """At one moment: memory of all its processes in octets; memory, open files and CPU seconds of the first."""

    resident: int
    own: int
    files: int
    cpu: float
    pids: tuple[int, ...]


def measure(pid: int) -> Vitals | None:
    """None when the process is gone."""
    try:
        pids = (pid, *sorted(everybody_below(pid)))
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        own = _resident(pid)
        return Vitals(own + sum(map(_resident, pids[1:])), own, files, _cpu(pid), pids)
    except (OSError, ValueError, IndexError):
        return None


def is_alive(pid: int) -> bool:
    """There, and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """Those that ``pid`` itself started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def everybody_below(pid: int) -> set[int]:
    """All below ``pid``; a kernel without the list gives none."""
    found: set[int] = set()
    waiting = [pid]
    while waiting and len(found) < 100:
        fresh = set(children(waiting.pop())) - found
        found |= fresh
        waiting += fresh
    return found


def _resident(pid: int) -> int:
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0  # a worker that just ended
    return int(found[1]) * 1024 if found else 0


def _cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


@dataclass(frozen=True, slots=True)
class Strain:
    """How long had been waited for a processor up to a moment (``CLOCK_MONOTONIC``), in seconds.

    ``queued``: by the server's first thread, which is its loop. ``cpu`` and ``disk``: by somebody on the machine.
    """

    at: float
    queued: float = 0.0
    cpu: float = 0.0
    disk: float = 0.0


def strain(pid: int) -> Strain:
    """As the kernel counts it; what it does not count is 0."""
    return Strain(time.monotonic(), queued(pid), _pressure("cpu"), _pressure("io"))


def queued(pid: int | str = "self") -> float:
    """Seconds that a process was ready to run and something else ran."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _pressure(what: str) -> float:
    try:
        found = re.match(r"some .*total=(\d+)", Path(f"/proc/pressure/{what}").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1e6 if found else 0.0


class Journal:
    """The lines a server wrote since this was made; ``rewind`` makes now the beginning."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._from = 0
        self.rewind()

    def rewind(self) -> None:
        self._from = self._file.stat().st_size if self._file is not None and self._file.exists() else 0

    def text(self) -> str:
        """What was written, whole lines only."""
        if self._file is None or not self._file.exists():
            return ""
        with self._file.open("rb") as file:
            file.seek(self._from)
            return file.read(64 * MIB).rpartition(b"\n")[0].decode("utf-8", "replace")

    def entries(self) -> list[dict[str, Any]]:
        found = []
        for line in self.text().splitlines():
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue
        return found

    def named(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries() if entry.get("event") == event]
