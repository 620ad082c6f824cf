"""An office of its own for a test: ``posthouse serve`` with a configuration, a domain, people, and a link to cut."""

import email
import email.policy
import imaplib
import os
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from posthouse.testing.freeports import free_ports

PROGRAM = str(Path(sys.executable).with_name("posthouse"))
PASSWORD = "a-long-enough-Passphrase-71"
PATIENCE = 90.0
"""How long a story waits for something that must happen; nothing is asserted about time."""


def wait_until(found: Callable[[], object], what: str) -> object:
    """Ask again and again until the answer is true; fails by name when it never is."""
    end = time.monotonic() + PATIENCE
    while not (answer := found()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {PATIENCE:.0f} s in vain for {what}")
        time.sleep(0.05)
    return answer


@dataclass
class Office:
    """One Posthouse with one domain. ``routes`` are domains and where their mail goes."""

    dir: Path
    domain: str
    people: tuple[str, ...]
    routes: dict[str, int] = field(default_factory=dict)
    extra: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.smtp, self.submission, self.imaps = free_ports(3)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.config = self.dir / "posthouse.toml"

    def start(self) -> None:
        is_new = not self.config.exists()
        if is_new:
            self._prepare()
        with (self.dir / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--config", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self._is_ready, f"the office of {self.domain} to open; see {self.dir}/log")
        if is_new:
            self.operate("domain", "add", self.domain)
            for person in self.people:
                self.operate("account", "add", f"{person}@{self.domain}", "--password-stdin", text=PASSWORD + "\n")

    def _prepare(self) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-days", "2", "-subj", f"/CN=mail.{self.domain}", "-keyout", f"{self.dir}/key.pem"]
            + ["-out", f"{self.dir}/cert.pem", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            check=True,
            capture_output=True,
        )
        routes = "".join(
            f'[[relay.route]]\ndomain = "{name}"\nhost = "127.0.0.1"\nport = {port}\n'
            for name, port in self.routes.items()
        )
        listeners = "".join(
            f'[[listener]]\nservice = "{service}"\naddress = "127.0.0.1"\nport = {port}\n'
            for service, port in (("smtp", self.smtp), ("submission", self.submission), ("imaps", self.imaps))
        )
        user = '[privileges]\nuser = "nobody"\n' if os.geteuid() == 0 else ""
        self.config.write_text(
            f'hostname = "mail.{self.domain}"\n[store]\ndirectory = "{self.dir}/store"\n'
            f'[tls]\ncertificate = "{self.dir}/cert.pem"\nkey = "{self.dir}/key.pem"\n'
            f"{user}{self.extra}{listeners}{routes}"
        )
        (self.dir / "store").mkdir(mode=0o700)
        if os.geteuid() == 0:
            for path in (self.dir, *self.dir.rglob("*")):
                shutil.chown(path, "nobody")

    def operate(self, *words: str, text: str = "") -> str:
        """A ``posthouse`` command for this office; its standard output."""
        done = subprocess.run(
            [PROGRAM, *words, "--config", str(self.config)], input=text, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"posthouse {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.dir / "log").read_text(errors="replace")[-2000:])
        try:
            with socket.create_connection(("127.0.0.1", self.smtp), 1) as connection:
                connection.settimeout(2)
                return connection.recv(100).startswith(b"220")
        except OSError:
            return False

    def stop(self, sign: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait(PATIENCE)

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.dir / "cert.pem"))

    def submit(self, message: EmailMessage, *, mail: tuple[str, ...] = (), rcpt: tuple[str, ...] = ()) -> None:
        """Send as the person in From, over the submission door."""
        with smtplib.SMTP("127.0.0.1", self.submission, timeout=20) as client:
            client.starttls(context=self.context())
            client.login(message["From"], PASSWORD)
            client.send_message(message, mail_options=mail, rcpt_options=rcpt)

    def mailbox(self, person: str, mailbox: str = "INBOX") -> list[EmailMessage]:
        """Every message of a mailbox, read over IMAP."""
        client = imaplib.IMAP4_SSL("127.0.0.1", self.imaps, ssl_context=self.context())
        try:
            client.login(f"{person}@{self.domain}", PASSWORD)
            client.select(mailbox, readonly=True)
            _, found = client.search(None, "ALL")
            messages = []
            for number in found[0].split():
                _, parts = client.fetch(number.decode(), "(BODY.PEEK[])")
                assert isinstance(parts[0], tuple)
                messages.append(email.message_from_bytes(parts[0][1], policy=email.policy.default))
            return messages
        finally:
            client.logout()

    def find(self, person: str, subject: str) -> EmailMessage | None:
        """The newest message whose Subject contains ``subject``."""
        found = [message for message in self.mailbox(person) if subject in str(message["Subject"])]
        return found[-1] if found else None


class Link:
    """A line between two offices: a port that forwards to another, until it is cut."""

    def __init__(self, target: int) -> None:
        self.target = target
        (self.port,) = free_ports(1)
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.mend()

    def mend(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Everything that is under way breaks, and nobody gets through."""
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        while self._open:
            _end(self._open.pop())

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                return
            self._open += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
    except OSError:
        pass
    _end(source)
    _end(target)


def _end(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()


def letter(sender: str, to: str, subject: str, text: str = "Regards.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message.set_content(text)
    return message
