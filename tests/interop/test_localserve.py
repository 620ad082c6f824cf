"""``posthouse localserve`` keeps its contract: what tools and people rely on."""

import base64
import imaplib
import json
import signal
import smtplib
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from localserver import PORTS

from posthouse.testing.freeports import free_base

PROGRAM = [sys.executable, "-m", "posthouse"]
PATIENCE = 90.0
SERVICES = {"smtp": 0, "submission": 1, "submissions": 2, "imap": 3, "imaps": 4, "pop3": 5, "pop3s": 6, "lmtp": 10, "metrics": 11}  # fmt: skip
LETTER = b"From: x@else.test\r\nTo: alice@office.test\r\nSubject: kept\r\n\r\nhello\r\n"


class Server:
    def __init__(self, directory: Path, base: int, *words: str) -> None:
        self.directory, self.base = directory, base
        self.log = directory.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "localserve", "--dir", str(directory), "--base-port", str(base), *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def wait_ready(self) -> dict:
        file = self.directory / "endpoints.json"
        end = time.monotonic() + PATIENCE
        while not file.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        return json.loads(file.read_text())

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=PATIENCE)

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, self.log.read_text()
        return said


@pytest.fixture(scope="module")
def base() -> int:
    return free_base(PORTS)


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("local") / "data"


@pytest.fixture(scope="module")
def server(directory, base):
    server = Server(directory, base)
    server.wait_ready()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def endpoints(server) -> dict:
    return server.wait_ready()


def password(endpoints: dict, name: str) -> str:
    return next(one["password"] for one in endpoints["accounts"] if one["address"] == f"{name}@office.test")


def inbox(endpoints: dict, name: str) -> list[bytes]:
    where = endpoints["services"]["imaps"]
    context = ssl.create_default_context(cafile=endpoints["ca_file"])
    with imaplib.IMAP4_SSL(where["host"], where["port"], ssl_context=context) as client:
        client.login(f"{name}@office.test", password(endpoints, name))
        client.select("INBOX", readonly=True)
        _, found = client.search(None, "ALL")
        return [client.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in found[0].split()]


def wait_for(found, what: str):
    end = time.monotonic() + PATIENCE
    while not (answer := found()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
    return answer


def test_endpoints_say_where_everything_is(endpoints, server, base):
    assert endpoints["pid"] == server.process.pid
    assert {name: one["port"] - base for name, one in endpoints["services"].items()} == SERVICES
    assert {one["host"] for one in endpoints["services"].values()} == {"127.0.0.1"}
    assert [one["address"] for one in endpoints["accounts"]] == [f"{n}@office.test" for n in ("alice", "bob", "carol")]
    assert endpoints["admin"]["address"] == "admin@office.test"
    assert endpoints["services"]["smtp"]["tls"] == "starttls"
    assert endpoints["services"]["imaps"]["tls"] == "implicit"
    assert endpoints["services"]["lmtp"]["tls"] == "none"


def test_what_is_secret_is_nobody_elses(endpoints, directory):
    for path in (directory, *directory.rglob("*")):
        if path.suffix in {".key", ".json"} or path.name == "store":
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_every_tls_port_shows_the_certificate_of_the_authority(endpoints):
    context = ssl.create_default_context(cafile=endpoints["ca_file"])
    for name in ("submissions", "imaps", "pop3s"):
        where = endpoints["services"][name]
        for server_name in ("localhost", "127.0.0.1", "office.test"):
            with (
                socket.create_connection((where["host"], where["port"]), 10) as plain,
                context.wrap_socket(plain, server_hostname=server_name) as secure,
            ):
                assert secure.version() in {"TLSv1.2", "TLSv1.3"}


def test_mail_from_outside_is_kept_and_read(endpoints):
    where = endpoints["services"]["smtp"]
    with smtplib.SMTP(where["host"], where["port"]) as client:
        client.starttls(context=ssl.create_default_context(cafile=endpoints["ca_file"]))
        client.sendmail("x@else.test", ["alice@office.test"], LETTER)
    assert any(LETTER in one for one in inbox(endpoints, "alice"))


def test_mail_to_outside_never_leaves_the_machine(endpoints, directory):
    where = endpoints["services"]["submission"]
    with smtplib.SMTP(where["host"], where["port"]) as client:
        client.starttls(context=ssl.create_default_context(cafile=endpoints["ca_file"]))
        client.login("bob@office.test", password(endpoints, "bob"))
        letter = b"From: bob@office.test\r\nTo: q@far.example\r\nSubject: out\r\n\r\nhi\r\n"
        client.sendmail("bob@office.test", ["q@far.example"], letter)
    kept = wait_for(lambda: list((directory / "outside").glob("[!.]*.json")), "the letter to be kept outside")
    assert b"Subject: out" in kept[0].with_suffix(".eml").read_bytes()
    envelope = json.loads(kept[0].read_text())
    assert (envelope["from"], envelope["to"]) == ("bob@office.test", ["q@far.example"])


@pytest.mark.parametrize("name", ["postmaster", "abuse"])
def test_the_aliases_everybody_expects(endpoints, name):
    where = endpoints["services"]["lmtp"]
    with smtplib.LMTP(where["host"], where["port"]) as client:
        assert client.sendmail("x@else.test", [f"{name}@office.test"], LETTER) == {}


def test_its_zone_publishes_what_a_domain_should(endpoints, directory):
    """A new user compares, and finds nothing to do."""
    words = ["dns", "check", "office.test", "--dir", str(directory), "--json"]
    done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, timeout=60, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row for row in rows if row["state"] != "ok"] == []
    assert {row["type"] for row in rows} == {"MX", "TXT", "SRV", "PTR"}
    assert done.returncode == 0


@pytest.mark.parametrize("helo", ["mx.office.test", "client.example"])
@pytest.mark.parametrize("sender", ["", "alice@office.test", "x@else.example"])
def test_its_zone_lets_nobody_in_by_address(endpoints, helo, sender):
    """Whoever tries it comes from the address of the office itself."""
    where = endpoints["services"]["smtp"]
    with smtplib.SMTP(where["host"], where["port"], timeout=20) as client:
        client.ehlo(helo)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail(sender, ["bob@office.test"], b"From: admin@office.test\r\nSubject: hi\r\n\r\nhi\r\n")
    assert refused.value.smtp_code == 550


def test_metrics_and_health(endpoints):
    where = endpoints["services"]["metrics"]
    with urllib.request.urlopen(f"http://{where['host']}:{where['port']}/healthz", timeout=10) as answer:
        assert answer.read() == b"ok\n"
    with urllib.request.urlopen(f"http://{where['host']}:{where['port']}/metrics", timeout=10) as answer:
        assert b"posthouse_messages_total" in answer.read()


def test_a_port_that_is_taken_is_explained(server, base, tmp_path):
    done = subprocess.run(
        [*PROGRAM, "localserve", "--dir", str(tmp_path / "second"), "--base-port", str(base)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert f"127.0.0.1:{base}" in done.stderr
    assert "--base-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_only_this_machine_may_listen(tmp_path):
    done = subprocess.run(
        [*PROGRAM, "localserve", "--dir", str(tmp_path), "--host", "0.0.0.0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "loopback" in done.stderr


def test_a_reload_goes_on_as_it_was(server, endpoints):
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "server.reloaded" in server.log.read_text(), "the reload")
    where = endpoints["services"]["smtp"]
    with smtplib.SMTP(where["host"], where["port"]) as client:
        assert client.noop()[0] == 250


def challenge(endpoints: dict, name: str) -> dict[str, str]:
    """What SCRAM tells a stranger who says that he is ``name``: the salt and the iterations."""
    where = endpoints["services"]["submission"]
    with smtplib.SMTP(where["host"], where["port"]) as client:
        client.starttls(context=ssl.create_default_context(cafile=endpoints["ca_file"]))
        client.ehlo()
        first = base64.b64encode(f"n,,n={name}@office.test,r=abcdefghijkl".encode()).decode()
        code, answer = client.docmd("AUTH SCRAM-SHA-256", first)
        client.docmd("*")
        assert code == 334, answer
    said = dict(part.split("=", 1) for part in base64.b64decode(answer).decode().split(","))
    return {key: said[key] for key in "si"}


def test_a_stop_is_clean_and_a_second_start_goes_on(tmp_path):
    directory, base = tmp_path / "data", free_base(PORTS)
    first = Server(directory, base)
    try:
        before = first.wait_ready()
        salts = [challenge(before, name) for name in ("alice", "nobody")]
        where = before["services"]["smtp"]
        with smtplib.SMTP(where["host"], where["port"]) as client:
            client.sendmail("x@else.test", ["alice@office.test"], LETTER)
            first.process.send_signal(signal.SIGTERM)
            code, text = client.getreply()
            assert code == 421, text
        first.process.communicate(timeout=PATIENCE)
        assert first.process.returncode == 0
    finally:
        first.kill()
    again = Server(directory, base)
    try:
        after = again.wait_ready()
        assert (after["accounts"], after["admin"]) == (before["accounts"], before["admin"])
        assert after["pid"] != before["pid"]
        # Threat A04: a salt that changes with a restart would say who has no account.
        assert [challenge(after, name) for name in ("alice", "nobody")] == salts
        assert any(LETTER in one for one in inbox(after, "alice"))
        page = again.stop()
    finally:
        again.kill()
    assert after["accounts"][0]["password"] in page
    assert max(len(line) for line in page.splitlines() if str(tmp_path) not in line) <= 80
    assert "alarm" not in again.log.read_text()
