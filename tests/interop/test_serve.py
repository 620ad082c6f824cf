"""``posthouse serve``: privileges, notices to systemd, reload, and a stop that finishes what was begun."""

import io
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from posthouse.supervisor.authority import make_certificates
from posthouse.testing.freeports import free_base

PROGRAM = [sys.executable, "-m", "posthouse"]
PATIENCE = 90.0
IS_ROOT = os.geteuid() == 0


class Node:
    """A configured server in a directory that ``nobody`` may use."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_base(1)
        self.file = directory / "posthouse.toml"
        self.log = directory / "log"
        self.clients: list[smtplib.SMTP] = []
        make_certificates(directory / "tls", ("localhost",), ("127.0.0.1",))
        self.write()
        if IS_ROOT:
            for path in (directory, *directory.rglob("*")):
                shutil.chown(path, "nobody")

    def write(self, *, limits: str = "", user: str = "nobody", more: str = "") -> None:
        privileges = f'[privileges]\nuser = "{user}"\n' if IS_ROOT and user else ""
        self.file.write_text(
            f'hostname = "mx.serve.test"\n{more}[store]\ndirectory = "{self.directory}/store"\n'
            f'[tls]\ncertificate = "{self.directory}/tls/server.pem"\nkey = "{self.directory}/tls/server.key"\n'
            f'[stop]\ndeadline = "5s"\n[limits]\n{limits}\n{privileges}'
            f'[[listener]]\nservice = "smtp"\naddress = "127.0.0.1"\nport = {self.port}\n'
        )

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--config", str(self.file)],
                stderr=log,
                stdout=log,
                env={**os.environ, **environment},
            )
        return self.process

    def wait_for(self, word: str, times: int = 1) -> None:
        end = time.monotonic() + PATIENCE
        while self.log.read_text().count(word) < times:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def client(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE)
        self.clients.append(client)
        client.ehlo("client.test")
        return client


@pytest.fixture
def node():
    directory = Path(tempfile.mkdtemp(prefix="posthouse-serve-"))
    directory.chmod(0o755)
    node = Node(directory)
    yield node
    for client in node.clients:
        client.close()
    process = getattr(node, "process", None)
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()
    shutil.rmtree(directory)


def test_ready_and_stopping_are_told_to_systemd(node):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = node.directory / "notify"
        manager.bind(str(path))
        path.chmod(0o777)
        manager.settimeout(PATIENCE)
        node.start(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="200000")
        said = manager.recv(1000)
        while b"READY=1" not in said:
            said = manager.recv(1000)
        while manager.recv(1000) != b"WATCHDOG=1":
            pass
        node.client().quit()
        node.process.send_signal(signal.SIGTERM)
        while b"STOPPING=1" not in manager.recv(1000):
            pass
    assert node.process.wait(PATIENCE) == 0


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    born = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
    return [pid, *(one for file in born for child in file.read_text().split() for one in family(int(child)))]


def archive() -> bytes:
    """A message that goes to a worker."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as file:
        file.writestr("a.txt", "a text")
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "a@elsewhere.test", "zip"
    letter.add_attachment(octets.getvalue(), maintype="application", subtype="zip", filename="a.zip")
    return letter.as_bytes(policy=SMTP)


@pytest.mark.skipif(not IS_ROOT, reason="only root has something to drop")
def test_no_process_of_a_server_that_root_started_can_do_more_than_it_needs(node):
    """What the kernel says of the server, the zygote and a worker, from the first moment that anybody is let in."""
    node.start()
    node.wait_for("server.ready")
    server, zygote = family(node.process.pid)
    check_confined(server, zygote)
    for words in (("domain", "add", "serve.test"), ("account", "add", "alice@serve.test", "--password-stdin")):
        command = [*PROGRAM, words[0], words[1], "--config", str(node.file), *words[2:]]
        subprocess.run(command, input=b"a long enough pass phrase 7\n", check=True, capture_output=True)
    with node.client() as client:
        client.sendmail("a@elsewhere.test", ["alice@serve.test"], archive())
    server, zygote, worker = family(node.process.pid)
    check_confined(server, zygote, worker)


def check_confined(*pids: int) -> None:
    nobody = [str(pwd.getpwnam("nobody").pw_uid)] * 4
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        said = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        assert said["Uid"] == nobody
        assert "0" not in said["Gid"] + said["Groups"]
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(said[name][0], 16) == 0, name
        assert (said["NoNewPrivs"], said["Seccomp"]) == (["1"], ["2"])


@pytest.mark.skipif(not IS_ROOT, reason="only root has something to drop")
def test_root_binds_and_is_nobody_from_then_on(node):
    node.start()
    node.wait_for("server.ready")
    status = Path(f"/proc/{node.process.pid}/status").read_text()
    for line in ("Uid:", "Gid:"):
        numbers = next(one for one in status.splitlines() if one.startswith(line)).split()[1:]
        assert "0" not in numbers
    with node.client() as client:
        assert client.noop()[0] == 250


@pytest.mark.skipif(not IS_ROOT, reason="only root is refused")
def test_root_without_a_user_is_refused_with_a_hint(node):
    node.write(user="")
    assert node.start().wait(PATIENCE) == 1
    assert "[privileges] user is not set" in node.log.read_text()
    assert "Traceback" not in node.log.read_text()


def test_a_bad_file_is_refused_with_every_error(node):
    node.write(limits='mesage_octets = "1MiB"', more="lisener = 1\n")
    assert node.start().wait(PATIENCE) == 1
    said = node.log.read_text()
    assert "lisener" in said
    assert 'did you mean "message_octets"' in said
    assert "Traceback" not in said


def test_a_reload_changes_limits_for_those_who_come_after_it(node):
    node.start()
    node.wait_for("server.ready")
    before = node.client()
    node.write(limits='message_octets = "1MiB"')
    node.process.send_signal(signal.SIGHUP)
    node.wait_for("server.reloaded")
    assert node.client().esmtp_features["size"] == "1048576"
    assert before.noop()[0] == 250


def test_a_reload_with_a_bad_file_changes_nothing(node):
    node.start()
    node.wait_for("server.ready")
    before = node.client().esmtp_features["size"]
    node.write(limits='message_octets = "lots"')
    node.process.send_signal(signal.SIGHUP)
    node.wait_for("server.reload-refused")
    assert "limits.message_octets" in node.log.read_text()
    assert node.client().esmtp_features["size"] == before


def test_a_new_certificate_is_shown_after_a_reload(node):
    import ssl

    def shown() -> bytes:
        context = ssl._create_unverified_context()
        with node.client() as client:
            client.starttls(context=context)
            client.ehlo()
            return client.sock.getpeercert(binary_form=True)

    node.start()
    node.wait_for("server.ready")
    before = shown()
    for path in (node.directory / "tls").iterdir():
        path.unlink()
    make_certificates(node.directory / "tls", ("localhost",), ("127.0.0.1",))
    if IS_ROOT:
        for path in (node.directory / "tls").iterdir():
            shutil.chown(path, "nobody")
    node.process.send_signal(signal.SIGHUP)
    node.wait_for("server.reloaded")
    assert shown() != before


def test_a_stop_tells_everybody_and_waits_for_nobody_for_ever(node):
    node.start()
    node.wait_for("server.ready")
    polite, in_the_middle = node.client(), node.client()
    in_the_middle.docmd("MAIL", "FROM:<a@client.test>")
    node.process.send_signal(signal.SIGTERM)
    for client in (polite, in_the_middle):
        assert client.getreply()[0] == 421
        client.close()
    assert node.process.wait(PATIENCE) == 0
    assert "server.cut" not in node.log.read_text()


def test_a_second_server_on_the_same_store_is_refused(node):
    node.start()
    node.wait_for("server.ready")
    first = node.process
    node.port = free_base(1)
    node.write()
    assert node.start().wait(PATIENCE) == 1
    assert "Traceback" not in node.log.read_text()
    assert first.poll() is None
    node.process = first
