"""What a process of ours can still do, seen by the kernel; what another user of the machine can do to us (O06, O07, O09);
and a server that has no file descriptor left (R06)."""

import contextlib
import json
import os
import random
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacker import HOST, House, Imap, deliver, messages, smtp, submitter
from localserver import LocalServer, localserve

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server of our own: what is done here would disturb others."""
    with localserve(tmp_path_factory.mktemp("isolation")) as one:
        yield one


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def children(pid: int) -> list[int]:
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]


def sockets(pid: int) -> list[str]:
    """What each open socket of a process is."""
    found = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(one))
    return [one for one in found if one.startswith("socket:")]


def archive() -> bytes:
    """A message that goes to a worker."""
    import base64
    import io
    import zipfile

    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as file:
        file.writestr("a.txt", "a text")
    encoded = base64.encodebytes(octets.getvalue()).replace(b"\n", b"\r\n")
    return (
        b"From: a@b.test\r\nSubject: zip\r\nMIME-Version: 1.0\r\nContent-Type: application/zip; name=a.zip\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encoded
    )


# -- what the kernel says of each process (O06)


def test_the_server_is_confined_and_says_how(alone: LocalServer) -> None:
    house = House(alone)
    said = status(house.pid)
    assert said["NoNewPrivs"] == "1"
    assert said["Seccomp"] == "2"
    assert int(said["CapEff"], 16) & ~0xF == 0
    assert int(said["CapBnd"], 16) & ~0xF == 0
    assert re.search(r"Max core file size +0 +0 ", Path(f"/proc/{house.pid}/limits").read_text())
    told = json.loads((alone.directory / "log").read_text().splitlines()[0])
    if told["event"] == "process.confined":  # else a page for people came first
        assert "seccomp" in told["by"]
    with socket.create_connection((HOST, alone.port("metrics")), 20) as one:
        one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        page = b"".join(iter(lambda: one.recv(65536), b""))
    assert b'posthouse_confined{measure="seccomp"} 1.0' in page


def test_all_threads_are_confined(alone: LocalServer) -> None:
    deliver(alone, "bob", b"Subject: threads\r\n\r\nwork for all\r\n")
    for task in Path(f"/proc/{House(alone).pid}/task").iterdir():
        assert "Seccomp:\t2" in (task / "status").read_text()


def test_a_worker_has_one_stream_and_nothing_else(alone: LocalServer) -> None:
    assert deliver(alone, "bob", archive()).startswith(b"250")
    (zygote,) = children(House(alone).pid)
    assert len(sockets(zygote)) <= 1 + len(children(zygote))
    workers = children(zygote)
    assert workers
    for worker in workers:
        said = status(worker)
        assert (said["NoNewPrivs"], said["Seccomp"]) == ("1", "2")
        assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == int(said["CapBnd"], 16) == 0
        files = [os.readlink(one) for one in Path(f"/proc/{worker}/fd").iterdir()]
        assert len(files) == 1
        assert files[0].startswith("socket:")


# -- what another user of this machine can do (O07)

AS_NOBODY = """
import os, socket, smtplib, sys
from pathlib import Path
data, smtp, submissions, lmtp, pid = Path(sys.argv[1]), *map(int, sys.argv[2:])
"x".encode("idna")  # nobody may not read this Python
os.setgroups([]); os.setgid(65534); os.setuid(65534)
def attempt(name, act):
    try:
        act()
    except (OSError, smtplib.SMTPException):
        return
    print(name)
def connect(name):
    s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(str(data / "store" / name))
def relay(port):
    with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
        client.sendmail("alice@office.test", ["x@elsewhere.test"], "Subject: x\\r\\n\\r\\nx")
def submit():
    with smtplib.SMTP_SSL("127.0.0.1", submissions, timeout=20) as client:
        client.sendmail("alice@office.test", ["bob@office.test"], "Subject: x\\r\\n\\r\\nx")
attempt("list the store", lambda: os.listdir(data / "store"))
for name in ("mail.db", "posthouse.db", "master.key"):
    attempt("read " + name, lambda: (data / "store" / name).read_bytes())
attempt("read passwords", lambda: (data / "passwords.json").read_bytes())
attempt("read the key", lambda: (data / "tls" / "server.key").read_bytes())
attempt("control", lambda: connect("control.sock"))
attempt("signal", lambda: os.kill(pid, 0))
attempt("memory", lambda: open(f"/proc/{pid}/mem", "rb").close())
attempt("environment", lambda: open(f"/proc/{pid}/environ", "rb").read())
attempt("relay", lambda: relay(smtp))
attempt("relay by lmtp", lambda: relay(lmtp))
attempt("submit", submit)
print("tried")
"""


@needs_root
def test_who_is_on_the_same_machine_is_a_stranger(alone: LocalServer) -> None:
    data = alone.directory / "data"
    walkable = [data, *data.parents]
    modes = {path: path.stat().st_mode & 0o7777 for path in walkable}
    try:
        for path in walkable[:4]:  # so that only what is ours says no
            path.chmod(modes[path] | 0o111)
        ports = [str(alone.port(name)) for name in ("smtp", "submissions", "lmtp")]
        words = [sys.executable, "-c", AS_NOBODY, str(data), *ports, str(House(alone).pid)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)
    finally:
        for path in walkable[:4]:
            path.chmod(modes[path])
    assert done.stdout == "tried\n", done


# -- the control socket (O09)

WORDS = [b'{"do":', b'"queue list"', b'"status"', b'"account add"', b',"with":', b"{}", b'{"limit":', b"1", b"-1", b"[", b"]", b"}",
         b"null", b'"', b"\\", b"\xff", b"\0", b"\\ud800", b"1e999", b" ", b"explain", b'{"id":', b'"a"', b",", b"9" * 400]  # fmt: skip


def frame(chance: random.Random) -> bytes:
    """One line of garbage: octets, or pieces of what is meant in any order."""
    if chance.random() < 0.4:
        return chance.randbytes(chance.randrange(60)).replace(b"\n", b"") + b"\n"
    return b"".join(chance.choices(WORDS, k=chance.randrange(1, 9))) + b"\n"


@pytest.mark.slow
def test_garbage_at_the_control_socket_harms_nobody(alone: LocalServer) -> None:
    """100,000 frames over four connections: each is answered, and the door stays open for an operator."""
    house = House(alone)
    chance = random.Random(5)
    files = house.files
    for _ in range(4):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(str(alone.directory / "data" / "store" / "control.sock"))
            with control.makefile("rb") as answers:
                for _ in range(250):
                    frames = [frame(chance) for _ in range(100)]
                    control.sendall(b"".join(frames))
                    left = len(frames)
                    while left:
                        line = answers.readline()
                        assert line, "the door closed"
                        left -= b'"failed"' in line[:12] or b'"done"' in line[:10]
    house.check()
    assert not [entry for entry in house.journal if entry["event"].endswith(".bug")]
    assert house.files <= files + 2


# -- no file descriptor is left (R06)


def test_without_file_descriptors_nothing_is_lost_and_no_cpu_burnt(alone: LocalServer) -> None:
    house = House(alone)
    with submitter(alone) as inside, Imap(alone, "carol") as reader:
        before = resource.prlimit(house.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(house.pid, resource.RLIMIT_NOFILE, (house.files + 5, before[1]))
        crowd: list[socket.socket] = []
        accepted = 0
        try:
            spent, started = house.cpu_seconds, time.monotonic()
            while time.monotonic() < started + 5:
                with contextlib.suppress(OSError):
                    crowd.append(socket.create_connection((HOST, alone.port("smtp")), 1))
                time.sleep(0.05)  # a crowd that comes, not a measurement
            assert house.cpu_seconds - spent < 0.2 * (time.monotonic() - started)
            for number in range(5):
                reply = send_inside(inside, number)
                accepted += reply.startswith(b"250")
                assert reply[:1] in b"24", reply
            assert b" OK" in reader.do("NOOP")
        finally:
            resource.prlimit(house.pid, resource.RLIMIT_NOFILE, before)
            for one in crowd:
                one.close()
        assert send_inside(inside, 9).startswith(b"250")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with contextlib.suppress(AssertionError, OSError), smtp(alone, "smtp", HOST) as caller:
            if caller.ask(b"NOOP\r\n").startswith(b"250"):
                break
    else:
        raise AssertionError("the door did not open again")
    assert sum(b"descriptors" in one for one in messages(alone, "carol")) == accepted + 1


def send_inside(caller, number: int) -> bytes:
    """One small message for carol by a connection that was there before; the reply that decided."""
    for words in (b"MAIL FROM:<alice@office.test>\r\n", b"RCPT TO:<carol@office.test>\r\n", b"DATA\r\n"):
        reply = caller.ask(words)
        if reply[:1] not in b"23":
            caller.ask(b"RSET\r\n")
            return reply
    return caller.ask(b"From: alice@office.test\r\nSubject: descriptors %d\r\n\r\nx\r\n.\r\n" % number)
