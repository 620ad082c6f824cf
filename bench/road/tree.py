"""What a tree of processes costs: CPU seconds and resident memory, exact where a cgroup can be made."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

CPUACCT = Path("/sys/fs/cgroup/cpuacct")
TICK = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


class Tree:
    """A process and all that it starts. ``enter`` runs in the child before exec."""

    def __init__(self) -> None:
        self.root = 0
        self.group: Path | None = None
        try:
            group = CPUACCT / f"posthouse-bench-{os.getpid()}-{time.monotonic_ns()}"
            group.mkdir()
            self.group = group
        except OSError:
            pass  # no root or no cgroup v1: the tree under /proc is counted instead

    def enter(self) -> None:
        os.setsid()
        keep_niceness()
        if self.group:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self) -> list[int]:
        if self.group:
            return [int(pid) for pid in (self.group / "cgroup.procs").read_text().split()]
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, todo = [], [self.root]
        while todo:
            pid = todo.pop()
            found.append(pid)
            todo += children.get(pid, [])
        return found

    def cpu_seconds(self) -> float:
        if self.group:
            return int((self.group / "cpuacct.usage").read_text()) / 1e9
        return sum(sum(int(ticks) for ticks in fields[11:15]) for pid in self.pids() if (fields := _stat(pid))) / TICK

    def resident_kib(self) -> int:
        """Proportional set size: pages shared among the processes count once."""
        total = 0
        for pid in self.pids():
            try:
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
            except OSError:
                continue
        return total

    def end(self, seconds: float = 5) -> None:
        """End every process of the tree, politely first, by pid."""
        for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 2)):
            for pid in [self.root] if sign is signal.SIGTERM and self.root else self.pids():
                try:
                    os.kill(pid, sign)
                except OSError:
                    continue
            end = time.monotonic() + patience
            while time.monotonic() < end and self._alive():
                time.sleep(0.05)
        if self.group:
            for _ in range(20):
                try:
                    self.group.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)

    def _alive(self) -> bool:
        if self.root:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.root, os.WNOHANG)
        return any((fields := _stat(pid)) and fields[0] != "Z" for pid in self.pids())


def keep_niceness() -> None:
    """A new session is weighed as a group (``sched_autogroup``): it gets the niceness of whoever runs the bench."""
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(os.getpriority(os.PRIO_PROCESS, 0)))


class Peak(threading.Thread):
    """The largest resident memory of a tree while it is watched, in KiB."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(daemon=True)
        self.tree, self.kib, self.stop = tree, 0, threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.25):
            self.kib = max(self.kib, self.tree.resident_kib())


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, …; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
