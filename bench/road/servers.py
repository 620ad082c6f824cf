"""The servers on the bench: each is set up in a directory of its own and listens on loopback only."""

import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from pathlib import Path
from shutil import rmtree, which

from tree import Tree

RECIPIENT = {"postfix": "bench@bench.test", "posthouse": "alice@office.test"}
MASTER = """
    127.0.0.1:{port} inet n - n - - smtpd
    cleanup   unix  n  -  n  -     0  cleanup
    qmgr      unix  n  -  n  300   1  qmgr
    tlsmgr    unix  -  -  n  1000? 1  tlsmgr
    rewrite   unix  -  -  n  -     -  trivial-rewrite
    bounce    unix  -  -  n  -     0  bounce
    defer     unix  -  -  n  -     0  bounce
    trace     unix  -  -  n  -     0  bounce
    verify    unix  -  -  n  -     1  verify
    proxymap  unix  -  -  n  -     -  proxymap
    smtp      unix  -  -  n  -     -  smtp
    relay     unix  -  -  n  -     -  smtp
    error     unix  -  -  n  -     -  error
    retry     unix  -  -  n  -     -  error
    virtual   unix  -  n  n  -     -  virtual
    anvil     unix  -  -  n  -     1  anvil
    scache    unix  -  -  n  -     1  scache
    postlog   unix-dgram n - n -   1  postlogd
"""


def free_port() -> int:
    """A loopback port with eleven free ones above it."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 60000 and all(_is_free(port + offset) for offset in range(12)):
            return port
    raise RuntimeError("no free range of ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Server:
    """A running server with its data under ``dir``; ``received`` is how many messages reached their last place."""

    name = ""

    def __init__(self, *, relay_to: int | None = None, base: str | None = None) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix=f"bench-{self.name}-", dir=base))
        self.dir.chmod(0o755)
        self.port = free_port()
        self.relay_to = relay_to
        self.tree = Tree()
        self.prepare()
        started = time.monotonic()
        with (self.dir / "output").open("wb") as output:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=self.tree.enter,  # noqa: PLW1509 (one thread is running here)
            )
        self.tree.root = self.process.pid
        self._wait_ready()
        self.ready_seconds = time.monotonic() - started

    @property
    def recipient(self) -> str:
        return "user@relay.test" if self.relay_to else RECIPIENT[self.name]

    def prepare(self) -> None: ...

    def command(self) -> list[str]:
        raise NotImplementedError

    def received(self) -> int:
        raise NotImplementedError

    def _is_ready(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.settimeout(5)
            return connection.recv(512).startswith(b"220")

    def _wait_ready(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                if self._is_ready():
                    return
            except OSError:
                time.sleep(0.02)
        self.end(keep=True)
        raise RuntimeError(f"{self.name} did not start; its output is in {self.dir}/output")

    def end(self, *, keep: bool = False) -> None:
        self.tree.end()
        if not keep:
            rmtree(self.dir, ignore_errors=True)


class Postfix(Server):
    """Debian's Postfix, delivering to a Maildir with its virtual(8) agent or relaying everything to a sink."""

    name = "postfix"

    def prepare(self) -> None:
        user = pwd.getpwnam("nobody")
        for name in ("etc", "queue", "mail"):
            (self.dir / name).mkdir()
        (self.dir / "data").mkdir(mode=0o700)
        os.chown(self.dir / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.dir / "mail", user.pw_uid, user.pw_gid)
        domains = "" if self.relay_to else "bench.test"
        relayhost = f"[127.0.0.1]:{self.relay_to}" if self.relay_to else ""
        (self.dir / "etc/master.cf").write_text(textwrap.dedent(MASTER.format(port=self.port)))
        (self.dir / "etc/main.cf").write_text(
            textwrap.dedent(f"""\
            compatibility_level = 3.6
            config_directory = {self.dir}/etc
            queue_directory = {self.dir}/queue
            data_directory = {self.dir}/data
            command_directory = /usr/sbin
            daemon_directory = /usr/lib/postfix/sbin
            myhostname = bench.localhost
            mydestination =
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            alias_maps =
            alias_database =
            local_recipient_maps =
            message_size_limit = 52428800
            mailbox_size_limit = 0
            virtual_mailbox_limit = 0
            maillog_file = {self.dir}/mail.log
            maillog_file_prefixes = {self.dir}
            smtpd_peername_lookup = no
            smtp_dns_support_level = disabled
            smtp_host_lookup = native
            virtual_transport = virtual
            virtual_mailbox_base = {self.dir}/mail
            virtual_mailbox_maps = static:box/
            virtual_uid_maps = static:{user.pw_uid}
            virtual_gid_maps = static:{user.pw_gid}
            virtual_mailbox_domains = {domains}
            relayhost = {relayhost}
            """)
        )

    def command(self) -> list[str]:
        return ["postfix", "-c", f"{self.dir}/etc", "start-fg"]

    def received(self) -> int:
        try:
            with os.scandir(self.dir / "mail/box/new") as entries:
                return sum(1 for _ in entries)
        except FileNotFoundError:
            return 0


class Posthouse(Server):
    """Posthouse as ``localserve`` runs it, with the sender's address allowed to relay when a sink is given."""

    name = "posthouse"

    def prepare(self) -> None:
        self.config = self.dir / "posthouse.toml"
        roomy = 'hostname = "bench.localhost"\n[limits]\nconnections = 10000\nimap_account_connections = 2000\n'
        self.config.write_text(roomy + ('[relay]\nnetworks = ["127.0.0.1/32"]\n' if self.relay_to else ""))

    def command(self) -> list[str]:
        program = str(Path(sys.executable).with_name("posthouse"))
        command = [program, "localserve", "--dir", f"{self.dir}/data", "--base-port", str(self.port)]
        command += ["--config", str(self.config)]
        return [*command, "--relay", f"127.0.0.1:{self.relay_to}"] if self.relay_to else command

    def _is_ready(self) -> bool:
        return (self.dir / "data/endpoints.json").exists() and super()._is_ready()

    @property
    def endpoints(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.dir / "data/endpoints.json").read_text())
        return found

    def received(self) -> int:
        """Messages filed, by the server's own counter; ``verify`` counts them with a client."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port + 11}/metrics", timeout=5) as page:
            for line in page.read().decode().splitlines():
                if line.startswith('posthouse_messages_total{door="smtp",result="accepted"}'):
                    return int(float(line.rsplit(" ", 1)[1]))
        return 0


class Sink:
    """smtp-sink: takes everything, keeps nothing, counts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.tree = Tree()
        command = ["smtp-sink", "-c", "-4", "-u", "nobody", f"127.0.0.1:{self.port}", "4000"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=self.tree.enter,  # noqa: PLW1509 (one thread is running here)
        )
        self.tree.root = self.process.pid
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        self._text = b""
        self._count = 0

    def received(self) -> int:
        assert self.process.stdout
        while chunk := self.process.stdout.read(65536):
            self._text = (self._text + chunk)[-4096:]
        for word in self._text.replace(b"\r", b" ").split():
            if word.startswith(b"mesg=") and word[5:].isdigit():
                self._count = max(self._count, int(word[5:]))
        return self._count

    def end(self) -> None:
        self.tree.end()


def missing_programs() -> list[str]:
    """Programs of Debian's that the bench needs and that are not here."""
    return [program for program in ("postfix", "smtp-source", "smtp-sink") if not which(program)]
