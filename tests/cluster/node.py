"""One Posthouse node: ``posthouse serve`` with a directory of its own and the database of all."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from posthouse.testing.freeports import free_base

PROGRAM = str(Path(sys.executable).with_name("posthouse"))
PASSWORD = "a-long-enough-Passphrase-71"
PATIENCE = 150.0

LIMITS = "\n".join(
    f"{name} = 1000000"
    for name in (
        "client_connections", "near_connections", "far_connections", "client_connects", "near_connects",
        "far_connects", "client_messages", "pair_messages_minute", "pair_messages_hour", "recipient_messages_minute",
        "imap_account_connections", "connections",
    )
)  # fmt: skip


@dataclass
class Node:
    """``outside`` is the port of the server that takes all mail for others."""

    dir: Path
    engine: str
    outside: int
    extra: str = ""
    program: tuple[str, ...] = (PROGRAM,)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.smtp = free_base(3)
        self.imaps, self.metrics = self.smtp + 1, self.smtp + 2
        self.config = self.dir / "posthouse.toml"
        self.dir.mkdir(parents=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-days", "2", "-subj", "/CN=mail.office.test", "-keyout", f"{self.dir}/key.pem"]
            + ["-out", f"{self.dir}/cert.pem", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True,
            capture_output=True,
        )
        listeners = "".join(
            f'[[listener]]\nservice = "{service}"\naddress = "127.0.0.1"\nport = {port}\n'
            for service, port in (("smtp", self.smtp), ("imaps", self.imaps), ("metrics", self.metrics))
        )
        user = '[privileges]\nuser = "nobody"\n' if os.geteuid() == 0 else ""
        self.config.write_text(
            f'hostname = "mail.office.test"\n[store]\ndirectory = "{self.dir}/store"\nengine = "{self.engine}"\n'
            f'[tls]\ncertificate = "{self.dir}/cert.pem"\nkey = "{self.dir}/key.pem"\n'
            f'[dns]\nserver = "127.0.0.1:9"\n[authentication]\nverify = false\n[dkim]\nsign = false\n'
            f'[limits]\nfree_octets = "1MiB"\nfree_inodes = 10\n{LIMITS}\n'
            f'{user}{self.extra}[relay]\nnetworks = ["127.0.0.1/32"]\n'
            f'{listeners}[[relay.route]]\ndomain = "*"\nhost = "127.0.0.1"\nport = {self.outside}\n'
        )
        (self.dir / "store").mkdir()
        if os.geteuid() == 0:
            for path in (self.dir, *self.dir.rglob("*")):
                shutil.chown(path, "nobody")

    def launch(self) -> None:
        """Start it, and do not wait."""
        with (self.dir / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "serve", "--config", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_ready(self) -> None:
        assert self.process is not None
        end = time.monotonic() + PATIENCE
        while not self.greets():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(self.log[-3000:])
            time.sleep(0.05)

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.smtp), 1) as connection:
                connection.settimeout(2)
                return connection.recv(100).startswith(b"220")
        except OSError:
            return False

    @property
    def log(self) -> str:
        return (self.dir / "log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    def send_signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def stop(self) -> int:
        """As an operator stops it; its exit status."""
        assert self.process is not None
        self.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def operate(self, *words: str, text: str = "") -> str:
        """A ``posthouse`` command on this node; its standard output."""
        done = subprocess.run(
            [PROGRAM, *words, "--config", str(self.config)], input=text, capture_output=True, text=True, check=False,
            timeout=PATIENCE,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"posthouse {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout
