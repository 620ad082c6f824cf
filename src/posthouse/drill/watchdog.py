"""The last resort: a process of its own that ends the sandbox when the drill dies or forgets the time.

As a program it reads lines from standard input: ``watch GROUP`` (a process group to end), ``clear DIRECTORY``
(to be removed then), ``seconds N`` (how long the drill may live). When standard input closes without ``done``, the
drill is dead.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

CANCEL_SECONDS = 5.0


class Watchdog:
    """The drill's end of the line."""

    def __init__(self, seconds: float) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "posthouse.drill.watchdog", str(os.getpid())],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self.tell(f"seconds {seconds}")

    def tell(self, line: str) -> None:
        if self._process.stdin is not None and self._process.poll() is None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def watch(self, group: int) -> None:
        self.tell(f"watch {group}")

    def done(self) -> None:
        self.tell("done")
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(parent: int) -> None:
    """Wait for an end of any kind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    directories: set[Path] = set()
    end = time.monotonic() + 60
    is_done, half = False, ""
    while time.monotonic() < end and not is_done:
        ready, _, _ = select.select([sys.stdin], [], [], min(1.0, max(0.0, end - time.monotonic())))
        if not ready:
            continue
        octets = os.read(sys.stdin.fileno(), 4096)
        if not octets:
            break
        *lines, half = (half + octets.decode()).split("\n")
        for word, _, value in (one.partition(" ") for one in lines):
            if word == "watch":
                groups.add(int(value))
            elif word == "clear":
                directories.add(Path(value))
            elif word == "seconds":
                end = time.monotonic() + float(value)
            else:
                is_done = True
    else:
        if not is_done:
            with contextlib.suppress(ProcessLookupError):
                os.kill(parent, signal.SIGINT)
                time.sleep(CANCEL_SECONDS)
                os.kill(parent, signal.SIGKILL)
    if not is_done:
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        for directory in directories:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
