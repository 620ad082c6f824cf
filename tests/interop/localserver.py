"""A ``posthouse localserve`` for tests, on free ports, and real programs to talk to it."""

import json
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from posthouse.testing.freeports import free_base

PROGRAM = str(Path(sys.executable).with_name("posthouse"))
PORTS = 12
PATIENCE = 90.0


@dataclass(frozen=True)
class LocalServer:
    """A running server as ``endpoints.json`` describes it."""

    endpoints: dict
    directory: Path

    def port(self, service: str) -> int:
        if service not in self.endpoints["services"]:
            pytest.skip(f"localserve does not serve {service} yet")
        return self.endpoints["services"][service]["port"]

    @property
    def ca_file(self) -> str:
        return self.endpoints["ca_file"]

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def password(self, name: str) -> str:
        (found,) = (one["password"] for one in self.endpoints["accounts"] if one["address"] == f"{name}@office.test")
        return found

    def records(self) -> dict[str, str]:
        """The TXT records that an operator would publish for ``office.test``."""
        done = subprocess.run(
            [PROGRAM, "dns", "records", "office.test", "--json", "--dir", str(self.directory / "data")],
            capture_output=True,
            check=True,
            timeout=60,
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row["name"]: row["value"] for row in rows if row.get("type") == "TXT"}


@contextmanager
def localserve(directory: Path, *words: str) -> Iterator[LocalServer]:
    """A ``posthouse localserve`` with ``words``; it must end as it lived, without a traceback."""
    log = (directory / "log").open("wb")
    process = subprocess.Popen(
        [PROGRAM, "localserve", "--dir", str(directory / "data"), "--base-port", str(free_base(PORTS)), *words],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        yield LocalServer(wait_for(directory / "data" / "endpoints.json", process, directory / "log"), directory)
        assert process.poll() is None, (directory / "log").read_text(errors="replace")[-4000:]
        assert "Traceback" not in (directory / "log").read_text(errors="replace")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def wait_for(path: Path, process: "subprocess.Popen[bytes]", log: Path) -> dict:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if path.exists():
            return json.loads(path.read_text())
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"localserve did not become ready:\n{log.read_text(errors='replace')[-4000:]}")


class Program:
    """A real program; the test is skipped, with its name, where it is absent."""

    def __init__(self, name: str) -> None:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        self.path = path

    def run(
        self, *arguments: str, text: str | bytes = b"", good: bool = True, **options
    ) -> subprocess.CompletedProcess[bytes]:
        octets = text.encode() if isinstance(text, str) else text
        done = subprocess.run(
            [self.path, *arguments], input=octets, capture_output=True, timeout=90, check=False, **options
        )
        if good:
            assert done.returncode == 0, (done.stdout[-3000:] + done.stderr[-3000:]).decode(errors="replace")
        return done
