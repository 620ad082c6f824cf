"""Real SMTP and LMTP programs send to us and receive from us: swaks, smtp-source, smtp-sink, curl, another Posthouse."""

import imaplib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from localserver import localserve
from office import PASSWORD, Office, free_ports, letter, wait_until
from postfix import wait_for_port

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

DOTTY = "first\n.\n..\n.hidden\n\nlast\n"


class Person:
    """An account made for one test."""

    def __init__(self, server, name: str) -> None:
        self.server = server
        self.address = f"{name}@office.test"
        made = operate(server, "account", "add", self.address, "--json")
        self.password = json.loads(made)["password"]

    def messages(self) -> list[bytes]:
        client = imaplib.IMAP4_SSL("localhost", self.server.port("imaps"), ssl_context=self.server.tls, timeout=20)
        with client:
            client.login(self.address, self.password)
            client.select("INBOX", readonly=True)
            _, found = client.search(None, "ALL")
            return [client.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in found[0].split()]


def operate(server, *words: str) -> str:
    program = str(Path(sys.executable).with_name("posthouse"))
    return subprocess.run(
        [program, *words, "--dir", str(server.directory / "data")],
        input="", capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip


@pytest.fixture
def person(server, request) -> Person:
    return Person(server, re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[-40:].strip("-"))


# -- swaks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--tls",), ("--pipeline",), ("--tls", "--pipeline"), ("--protocol", "SMTP")])
def test_swaks_sends_from_outside(server, person, program, words):
    where = f"127.0.0.1:{server.port('smtp')}"
    said = program("swaks").run(
        "--server", where, "--from", "x@else.test", "--to", person.address, *words,
        "--data", f"From: x@else.test\nSubject: swaks\n\n{DOTTY}",
    )  # fmt: skip
    assert (b"=== TLS started" in said.stdout) == ("--tls" in words)
    (got,) = person.messages()
    assert DOTTY.replace("\n", "\r\n").encode() in got


def test_swaks_is_refused_as_a_relay(server, program):
    """Exit status 24: no recipient was accepted."""
    where = f"127.0.0.1:{server.port('smtp')}"
    said = program("swaks").run("--server", where, "--from", "x@else.test", "--to", "y@third.test", "--tls", good=False)
    assert said.returncode == 24
    assert b"550 5.7.1" in said.stdout


def test_swaks_over_lmtp_hears_of_each_recipient(server, person, program):
    where = f"127.0.0.1:{server.port('lmtp')}"
    said = program("swaks").run(
        "--server", where, "--protocol", "LMTP", "--from", "x@else.test",
        "--to", f"{person.address},nobody-here@office.test,alice+lmtp@office.test",
    )  # fmt: skip
    after = said.stdout.rpartition(b" -> .\n")[2]
    assert b"550 5.1.1" in said.stdout
    assert len(re.findall(rb"<-  250 2", after)) == 2
    assert len(person.messages()) == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("door", "tls"), [("submission", "--tls"), ("submissions", "--tls-on-connect")])
def test_swaks_submits(server, person, program, door, tls, mechanism):
    where = f"127.0.0.1:{server.port(door)}"
    words = ("--server", where, "--from", person.address, "--to", person.address, "--auth", mechanism)
    swaks = program("swaks")
    swaks.run(*words, tls, "--auth-user", person.address, "--auth-password", person.password)
    assert len(person.messages()) == 1
    wrong = swaks.run(*words, tls, "--auth-user", person.address, "--auth-password", "wrong", good=False)
    assert wrong.returncode == 28
    assert b"535 5.7.8" in wrong.stdout


# -- smtp-source -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "words", "number"),
    [
        ("smtp", ("-s", "1", "-m", "1"), 1),
        ("smtp", ("-s", "5", "-m", "40", "-l", "4096"), 40),  # a connection for each
        ("smtp", ("-d", "-s", "5", "-m", "40", "-l", "4096"), 40),  # five connections for all
        ("smtp", ("-s", "2", "-m", "2", "-l", "10485760"), 2),
        ("lmtp", ("-L", "-d", "-s", "5", "-m", "40", "-l", "4096"), 40),
    ],
)
def test_smtp_source(server, person, program, door, words, number):
    program("smtp-source").run(*words, "-f", "x@else.test", "-t", person.address, f"127.0.0.1:{server.port(door)}")
    got = person.messages()
    assert len(got) == number
    if "10485760" in words:
        assert min(map(len, got)) > 10 * 2**20


# -- curl --------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["submission", "submissions"])
def test_curl_submits(server, person, program, tmp_path, door):
    """``--crlf``: what is in the file ends its lines as Unix does."""
    file = tmp_path / "letter"
    file.write_text(f"From: <{person.address}>\nTo: <{person.address}>\nSubject: curl\n\n{DOTTY}")
    scheme = "smtp" if door == "submission" else "smtps"
    common = (
        "--silent", "--show-error", "--ssl-reqd", "--cacert", server.ca_file, "--crlf", "--mail-from", person.address,
        "--mail-rcpt", person.address, "-T", str(file), f"{scheme}://localhost:{server.port(door)}/client.test",
    )  # fmt: skip
    curl = program("curl")
    curl.run(*common, "--user", f"{person.address}:{person.password}")
    (got,) = person.messages()
    assert got.endswith(f"Subject: curl\r\n\r\n{DOTTY}".replace("\r\n", "\n").replace("\n", "\r\n").encode())
    assert curl.run(*common, "--user", f"{person.address}:wrong", good=False).returncode == 67


# -- smtp-sink as the next hop -----------------------------------------------------------------


@dataclass
class Sink:
    port: int
    dir: Path

    def messages(self) -> list[bytes]:
        """What it has taken whole: it writes the last line of a file when it answers the final dot."""
        return [path.read_bytes() for path in sorted(self.dir.iterdir())]


@contextmanager
def smtp_sink(*words: str) -> Iterator[Sink]:
    if shutil.which("smtp-sink") is None:
        pytest.skip("smtp-sink is not installed")
    base = Path(tempfile.mkdtemp(prefix="posthouse-sink-"))  # pytest's own directories let no other user in
    (port,) = free_ports(1)
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(base, "nobody")
    process = subprocess.Popen(
        ["smtp-sink", *user, *words, "-d", f"{base}/m.", f"127.0.0.1:{port}", "100"], stdin=subprocess.DEVNULL
    )
    try:
        wait_for_port(port)
        yield Sink(port, base)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        shutil.rmtree(base)


@pytest.mark.parametrize(
    "words", [(), ("-p",), ("-e",), ("-8",)], ids=["plain", "no-pipelining", "no-esmtp", "no-8bit"]
)
def test_smtp_sink_gets_what_we_relay(tmp_path, program, words):
    """4 KiB and 10 MiB, each once, and the queue is empty then."""
    with smtp_sink(*words) as sink, localserve(tmp_path, "--relay", f"127.0.0.1:{sink.port}") as server:
        alice, password = "alice@office.test", server.password("alice")
        for size in (4096, 10 * 2**20):
            text = (f"{size} " + "z" * 60 + "\n.dot\n") * (size // 70)
            file = tmp_path / "letter"
            file.write_text(f"From: <{alice}>\nTo: <far@far.test>\nSubject: {size} octets\n\n{text}")
            program("curl").run(
                "--silent", "--show-error", "--ssl-reqd", "--cacert", server.ca_file, "--crlf", "--mail-from", alice,
                "--mail-rcpt", "far@far.test", "-T", str(file), "--user", f"{alice}:{password}",
                f"smtp://localhost:{server.port('submission')}",
            )  # fmt: skip
            wait_until(lambda: not operate(server, "queue", "list", "--json").strip(), "an empty queue")
            (got,) = [one for one in sink.messages() if b"Subject: %d octets" % size in one]
            assert got.replace(b"\r\n", b"\n").rstrip(b"\n").endswith(text.rstrip("\n").encode())


def test_smtp_sink_that_refuses_is_reported(tmp_path, program):
    """550 to RCPT, as many would say it; the sender is told."""
    with smtp_sink("-f", "RCPT") as sink, localserve(tmp_path, "--relay", f"127.0.0.1:{sink.port}") as server:
        alice, password = "alice@office.test", server.password("alice")
        program("swaks").run(
            "--server", f"127.0.0.1:{server.port('submission')}", "--tls", "--from", alice, "--to", "far@far.test",
            "--auth", "PLAIN", "--auth-user", alice, "--auth-password", password,
        )  # fmt: skip

        def told() -> bool:
            client = imaplib.IMAP4_SSL("localhost", server.port("imaps"), ssl_context=server.tls, timeout=20)
            with client:
                client.login(alice, password)
                client.select("INBOX", readonly=True)
                return bool(client.search(None, "SUBJECT", '"could not be delivered"')[1][0])

        wait_until(told, "the report")


# -- another Posthouse as smarthost ------------------------------------------------------------


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[Path, Office]]:
    """Who hosts the domain outside, and trusts its people once they have logged in; its own bob is at ``far.test``."""
    base = Path(tempfile.mkdtemp(prefix="posthouse-smarthost-"))
    base.chmod(0o755)
    outside = Office(base / "provider", "office.test", ("ann",))
    try:
        outside.start()
        outside.operate("domain", "add", "far.test")
        outside.operate("account", "add", "bob@far.test", "--password-stdin", text=PASSWORD + "\n")
        yield base, outside
    finally:
        outside.stop()
        shutil.rmtree(base, ignore_errors=True)


def home(base: Path, name: str, port: int, password: str = PASSWORD) -> Office:
    """An office that sends everything to the smarthost on ``port``, over TLS with a certificate that it knows."""
    secret = base / f"{name}-password"
    secret.write_text(password + "\n")
    secret.chmod(0o644)
    return Office(
        base / name,
        "office.test",
        ("ann",),
        extra="[limits]\nretry_first_seconds = 1\nretry_most_seconds = 2\n"
        f'[[relay.route]]\ndomain = "*"\nhost = "127.0.0.1"\nport = {port}\nuser = "ann@office.test"\n'
        f'password_file = "{secret}"\ntls = "required"\n',
    )


def at_bobs(outside: Office, subject: str) -> list[bytes]:
    """What came to Bob, who lives at the provider."""
    client = imaplib.IMAP4_SSL("127.0.0.1", outside.imaps, ssl_context=outside.context())
    with client:
        client.login("bob@far.test", PASSWORD)
        client.select("INBOX", readonly=True)
        _, found = client.search(None, "SUBJECT", f'"{subject}"')
        return [client.fetch(number.decode(), "(BODY[])")[1][0][1] for number in found[0].split()]


def test_a_smarthost_that_wants_a_login(provider, monkeypatch):
    base, outside = provider
    monkeypatch.setenv("SSL_CERT_FILE", str(outside.dir / "cert.pem"))
    office = home(base, "home", outside.submission)
    try:
        office.start()
        office.submit(letter("ann@office.test", "bob@far.test", "By way of the provider"))

        (got,) = wait_until(lambda: at_bobs(outside, "By way of the provider"), "the letter at Bob's")
        assert re.search(rb"Received: from mail.office.test [^;]* with ESMTPSA ", got)
        wait_until(lambda: not office.operate("queue", "list", "--json").strip(), "an empty queue")
    finally:
        office.stop()


@pytest.mark.parametrize(
    ("name", "password", "is_trusted", "why"),
    [("stranger", PASSWORD, False, "4.7.5"), ("forgetful", "not the password", True, "4.7.8")],
)
def test_a_smarthost_that_is_not_what_the_route_says_gets_nothing(
    provider, monkeypatch, name, password, is_trusted, why
):
    """A certificate nobody vouches for, or a wrong password: the letter waits, with the reason, and nothing comes."""
    base, outside = provider
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(outside.dir / "cert.pem"))
    office = home(base, name, outside.submission, password)
    try:
        office.start()
        office.submit(letter("ann@office.test", "bob@far.test", "Not yet"))
        wait_until(lambda: why in office.operate("queue", "list", "--json"), f"{why} in the queue")
        assert at_bobs(outside, "Not yet") == []
        assert not outside.operate("queue", "list", "--json").strip()
    finally:
        office.stop()
