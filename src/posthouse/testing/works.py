"""Works for a pool of workers, good ones and bad ones (``supervisor.workers``)."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def measure(octets: bytes, terms: Any) -> tuple[int, Any]:
    """How many octets came, and the terms as they came."""
    return len(octets), terms


def hang(_octets: bytes, _terms: Any) -> None:
    """Never ends."""
    while True:
        pass


def wait(_octets: bytes, _terms: Any) -> None:
    """Gets no time of the processor."""
    time.sleep(3600)


def grow(_octets: bytes, _terms: Any) -> int:
    """Takes all the memory it gets."""
    return len([bytes(1 << 20) for _ in range(1 << 20)])


def die(_octets: bytes, _terms: Any) -> None:
    """Ends the process."""
    os._exit(3)


def fail(_octets: bytes, _terms: Any) -> None:
    """A bug."""
    raise ValueError("a bug of ours")


def try_everything(_octets: bytes, _terms: Any) -> list[str]:
    """What a worker can still do of what it should not; empty when it is well confined."""
    attempts: dict[str, Callable[[], object]] = {
        "socket": socket.socket,
        "read": lambda: Path("/etc/passwd").read_bytes(),
        "write": lambda: Path("/tmp/posthouse-worker").write_bytes(b"x"),
        "fork": os.fork,
        "run": lambda: os.execv("/bin/true", ["true"]),
        "signal": lambda: os.kill(os.getppid(), 0),
        "list": lambda: list(Path("/").iterdir()),
    }
    done = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except OSError:
            continue
        done.append(name)
    return done
