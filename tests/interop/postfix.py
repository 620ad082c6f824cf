"""A real Postfix on loopback, as the neighbour who sends to us and receives from us."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n  -  n  1     1  pickup
cleanup   unix  n  -  n  -     0  cleanup
qmgr      unix  n  -  n  1     1  qmgr
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
showq     unix  n  -  n  -     -  showq
virtual   unix  -  n  n  -     -  virtual
anvil     unix  -  -  n  -     1  anvil
scache    unix  -  -  n  -     1  scache
postlog   unix-dgram n - n -   1  postlogd
"""


def why_not() -> str | None:
    """Why no Postfix can be started here, None if one can."""
    if not shutil.which("postfix"):
        return "postfix is not installed"
    return None if os.geteuid() == 0 else "Postfix wants to be started by root"


@dataclass
class Postfix:
    """``domain``'s mail goes to Maildirs under ``mail``; everything else by ``transport`` (domain to host and port)."""

    dir: Path
    port: int
    domain: str
    users: tuple[str, ...]
    transport: dict[str, tuple[str, int]]
    settings: str = ""
    """More lines of main.cf."""
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        owner = pwd.getpwnam("nobody")
        for name in ("etc", "queue", "mail"):
            (self.dir / name).mkdir(parents=True)
        (self.dir / "data").mkdir(mode=0o700)
        os.chown(self.dir / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.dir / "mail", owner.pw_uid, owner.pw_gid)
        etc = self.dir / "etc"
        (etc / "master.cf").write_text(MASTER.format(port=self.port))
        (etc / "boxes").write_text("".join(f"{user}@{self.domain} {user}/\n" for user in self.users))
        (etc / "transport").write_text(
            "".join(f"{name} smtp:[{host}]:{port}\n" for name, (host, port) in self.transport.items())
        )
        (etc / "main.cf").write_text(
            textwrap.dedent(f"""\
            compatibility_level = 3.6
            config_directory = {etc}
            queue_directory = {self.dir}/queue
            data_directory = {self.dir}/data
            command_directory = /usr/sbin
            daemon_directory = /usr/lib/postfix/sbin
            myhostname = mail.{self.domain}
            mydestination =
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            mynetworks = 127.0.0.0/8
            smtpd_relay_restrictions = permit_mynetworks, reject
            alias_maps =
            alias_database =
            maillog_file = {self.dir}/mail.log
            maillog_file_prefixes = {self.dir}
            smtpd_peername_lookup = no
            smtp_dns_support_level = disabled
            smtp_host_lookup = native
            transport_maps = texthash:{etc}/transport
            virtual_mailbox_domains = {self.domain}
            virtual_mailbox_base = {self.dir}/mail
            virtual_mailbox_maps = texthash:{etc}/boxes
            virtual_uid_maps = static:{owner.pw_uid}
            virtual_gid_maps = static:{owner.pw_gid}
            """)
            + self.settings
        )
        self.process = subprocess.Popen(
            ["postfix", "-c", str(etc), "start-fg"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        if self.process is None:
            return
        subprocess.run(["postfix", "-c", str(self.dir / "etc"), "stop"], capture_output=True, timeout=20, check=False)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def mailbox(self, user: str) -> list[bytes]:
        """Every message in the user's Maildir."""
        box = self.dir / "mail" / user / "new"
        return [path.read_bytes() for path in sorted(box.iterdir())] if box.exists() else []

    def log(self) -> str:
        path = self.dir / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""


def wait_for_port(port: int, seconds: float = 15) -> None:
    """Until something greets on ``port``."""
    end = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.settimeout(2)
                if connection.recv(100).startswith(b"220"):
                    return
        except OSError:
            pass
        if time.monotonic() > end:
            raise TimeoutError(f"nothing greets on port {port}")
        time.sleep(0.05)
