"""``posthouse serve --workers``: several processes at the same doors, watched, started again, reloaded and stopped."""

import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from posthouse.testing.freeports import free_ports
from posthouse.testing.postgres import Absent, ThrowawayPostgres

PROGRAM = [sys.executable, "-m", "posthouse"]
PATIENCE = 90.0


@pytest.fixture(scope="module")
def engine():
    try:
        server = ThrowawayPostgres()
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        server.start()
        yield server
    finally:
        server.remove()


class Fleet:
    def __init__(self, directory, address, user):
        self.directory, self.log = directory, directory / "log"
        self.port, self.metrics, _ = free_ports(3)  # two neighbours for the metrics of two workers
        self.file = directory / "posthouse.toml"
        privileges = f'[privileges]\nuser = "{user}"\n' if os.geteuid() == 0 else ""
        self.file.write_text(
            f'hostname = "mx.fleet.test"\n[store]\ndirectory = "{directory}/store"\nengine = "{address}"\n'
            f'[stop]\ndeadline = "5s"\n{privileges}'
            f'[[listener]]\nservice = "smtp"\naddress = "127.0.0.1"\nport = {self.port}\n'
            f'[[listener]]\nservice = "metrics"\naddress = "127.0.0.1"\nport = {self.metrics}\n'
        )
        if os.geteuid() == 0:
            for path in (directory, self.file):
                shutil.chown(path, user)

    def start(self, **environment):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "serve", "--workers", "2", "--config", str(self.file)],
                stdout=log, stderr=log, env={**os.environ, **environment},
            )  # fmt: skip

    def wait_for(self, word, times=1):
        self.until(lambda: self.log.read_text().count(word) >= times)

    def until(self, is_so):
        end = time.monotonic() + PATIENCE
        while not is_so():
            assert self.process.poll() in {None, -9}, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def workers(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if b"zygote" not in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def counted(self, worker, page="/metrics/all"):
        """Connections to port 25, of all workers."""
        address = f"http://127.0.0.1:{self.metrics + worker}{page}"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        name = 'posthouse_connections_total{door="smtp"} '
        return max((float(line.removeprefix(name)) for line in lines if line.startswith(name)), default=0)

    def greets(self):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as client:
            return client.ehlo("client.test")[0] == 250


def check_confined(*pids):
    """The parent too, which answers nobody."""
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        said = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2")
        assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def fleet(engine):
    directory = Path(tempfile.mkdtemp(prefix="posthouse-fleet-"))
    directory.chmod(0o755)
    user = engine._user.pw_name if engine._user is not None else ""
    fleet = Fleet(directory, engine.address(), user)
    yield fleet
    process = getattr(fleet, "process", None)
    if process is not None and process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(directory)


def test_workers_share_the_doors_are_reloaded_replaced_and_stopped(fleet):
    fleet.start()
    fleet.wait_for("fleet.ready")
    first, second = fleet.workers()
    check_confined(fleet.process.pid, first, second)
    assert all(fleet.greets() for _ in range(10))
    for number in range(2):
        address = f"http://127.0.0.1:{fleet.metrics + number}/metrics"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            assert b"posthouse_build_info" in answer.read()
    for number in range(2):  # whoever is asked answers for all, as of a second ago
        fleet.until(lambda number=number: fleet.counted(number) >= 10)
    fleet.until(lambda: fleet.greets() and all(fleet.counted(number, "/metrics") for number in range(2)))  # both work
    assert {path.name for path in (fleet.directory / "store").glob("*.sock")} == {"control.sock", "control-2.sock"}
    fleet.process.send_signal(signal.SIGHUP)
    fleet.wait_for("server.reloaded", 2)
    os.kill(second, signal.SIGKILL)
    fleet.wait_for("server.ready", 3)
    assert first in fleet.workers()
    assert second not in fleet.workers()
    assert all(fleet.greets() for _ in range(10))
    workers = fleet.workers()
    fleet.process.send_signal(signal.SIGTERM)
    assert fleet.process.wait(PATIENCE) == 0
    assert not any(is_alive(pid) for pid in workers)
    assert "Traceback" not in fleet.log.read_text()


def test_workers_do_not_outlive_their_parent(fleet):
    fleet.start()
    fleet.wait_for("fleet.ready")
    workers = fleet.workers()
    fleet.process.kill()
    fleet.process.wait()
    fleet.until(lambda: not any(is_alive(pid) for pid in workers))


@pytest.mark.heavy
def test_a_worker_whose_loop_stands_still_is_replaced(fleet):
    fleet.start()
    fleet.wait_for("fleet.ready")
    _, second = fleet.workers()
    os.kill(second, signal.SIGSTOP)
    fleet.wait_for("worker.silent")
    fleet.wait_for("worker.started", 3)
    assert len(fleet.workers()) == 2
    assert second not in fleet.workers()
    assert fleet.greets()


def test_systemd_hears_when_all_are_ready(fleet):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = fleet.directory / "notify"
        manager.bind(str(path))
        path.chmod(0o777)
        manager.settimeout(PATIENCE)
        fleet.start(NOTIFY_SOCKET=str(path), WATCHDOG_USEC="200000")
        while b"READY=1" not in (said := manager.recv(1000)):
            pass
        assert f"MAINPID={fleet.process.pid}".encode() in said
        assert len(fleet.workers()) == 2
        while manager.recv(1000) != b"WATCHDOG=1":
            pass
        fleet.process.send_signal(signal.SIGTERM)
        while b"STOPPING=1" not in manager.recv(1000):
            pass
    assert fleet.process.wait(PATIENCE) == 0


def test_what_keeps_the_first_worker_from_beginning_is_said(fleet):
    text = fleet.file.read_text()
    fleet.file.write_text(text.replace("engine = ", 'engine = "postgresql://nobody@127.0.0.1:1/none"\n#'))
    fleet.start()
    assert fleet.process.wait(PATIENCE) == 1
    assert "Error: " in fleet.log.read_text()
    assert "127.0.0.1:1" in fleet.log.read_text()
    assert "Traceback" not in fleet.log.read_text()


def test_the_embedded_engine_serves_one_process(fleet):
    fleet.file.write_text(fleet.file.read_text().replace("engine = ", "#"))
    fleet.start()
    assert fleet.process.wait(PATIENCE) == 1
    assert "[store] engine" in fleet.log.read_text()


def test_without_who_makes_content_workers_all_stop_and_say_so(fleet):
    fleet.start()
    fleet.wait_for("fleet.ready")
    children = Path(f"/proc/{fleet.process.pid}/task/{fleet.process.pid}/children").read_text().split()
    (zygote,) = (int(pid) for pid in children if b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(zygote, signal.SIGKILL)
    assert fleet.process.wait(PATIENCE) == 1
    assert "a restart of the server makes another" in fleet.log.read_text()
