"""The whole house under a load that keeps books: what was acknowledged, and what is there afterwards."""

import imaplib
import json
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from localserver import PORTS

from posthouse.testing.freeports import free_base

PROGRAM = str(Path(sys.executable).with_name("posthouse"))
PATIENCE = 90.0
"""For what comes in any case, on a machine that has other things to do; nothing is asserted about time."""
WEAKENED = Path(__file__).with_name("weakened.py")


@dataclass
class House:
    """``posthouse localserve`` on a directory that outlives it."""

    dir: Path
    fault: tuple[str, ...] = ()
    """Arguments of ``weakened``; none for the real thing."""
    log: Path = Path("/dev/null")
    weakened: Path = WEAKENED
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.base = free_base(PORTS)
        ready = self.dir / "endpoints.json"
        ready.unlink(missing_ok=True)
        program = [sys.executable, str(self.weakened), *self.fault] if self.fault else [PROGRAM]
        config = self.dir / "small-disk.toml"
        config.write_text('hostname = "crash.test"\n[limits]\nfree_octets = "1MiB"\nfree_inodes = 10\n')
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*program, "localserve", "--dir", str(self.dir), "--base-port", str(self.base)]
                + ["--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + PATIENCE
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"localserve did not start; see {self.log}")
            time.sleep(0.02)
        self.endpoints = json.loads(ready.read_text())

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(PATIENCE) == 0

    def subjects(self) -> list[str]:
        """The Subject of every message in alice's inbox, over IMAP."""
        account = next(one for one in self.endpoints["accounts"] if one["address"].startswith("alice@"))
        context = ssl.create_default_context(cafile=self.endpoints["ca_file"])
        client = imaplib.IMAP4_SSL("127.0.0.1", self.endpoints["services"]["imaps"]["port"], ssl_context=context)
        client.login(account["address"], account["password"])
        _, count = client.select("INBOX", readonly=True)
        found = []
        if int(count[0] or b"0"):
            _, parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            found = [part[1].decode().partition(":")[2].strip() for part in parts if isinstance(part, tuple)]
        client.logout()
        return found


class Load:
    """Clients that send numbered messages until they are told to stop, and write down each 250."""

    def __init__(self, port: int, clients: int, name: str) -> None:
        self.port, self.name = port, name
        self.acknowledged: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,), daemon=True) for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, count: int) -> None:
        """Until so many are acknowledged."""
        end = time.monotonic() + PATIENCE
        while len(self.acknowledged) < count:
            assert time.monotonic() < end, f"the load was acknowledged {len(self.acknowledged)} messages, not {count}"
            time.sleep(0.02)

    def stop(self) -> list[str]:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.acknowledged

    def _send(self, client: int) -> None:
        number = 0
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                replies = connection.makefile("rb")
                replies.readline()
                _ask(connection, replies, "HELO load.test")
                while not self._stop.is_set():
                    subject = f"{self.name}-{client}-{number}"
                    size = random.choice((200, 3000, 200_000))
                    for line in ("MAIL FROM:<load@load.test>", "RCPT TO:<alice@office.test>", "DATA"):
                        _ask(connection, replies, line)
                    body = f"Subject: {subject}\r\n\r\n" + ("x" * 70 + "\r\n") * (size // 72)
                    _ask(connection, replies, body + ".")
                    self.acknowledged.append(subject)
                    number += 1
        except (OSError, ConnectionError):
            return


def _ask(connection: socket.socket, replies: "socket.SocketIO", line: str) -> None:  # type: ignore[type-arg] # generic in the stubs alone
    connection.sendall(line.encode() + b"\r\n")
    answer = replies.readline()
    if answer[:1] not in b"23" or not answer:
        raise ConnectionError(answer.decode(errors="replace"))
