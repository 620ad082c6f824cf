"""Real POP3 clients fetch real mail; operators' commands against a running server."""

import json
import mailbox
import poplib
import re
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop

DOTTY = "line one\r\n.\r\n..two dots\r\n.hidden\r\nlast\r\n"


class Person:
    """An account made for one test, and mail for it."""

    def __init__(self, server, name: str) -> None:
        self.server = server
        self.address = f"{name}@office.test"
        made = posthouse(server, "account", "add", self.address, "--json")
        self.password = json.loads(made.stdout)["password"]

    def receive(self, *subjects: str, body: str = DOTTY) -> None:
        with smtplib.SMTP("127.0.0.1", self.server.port("smtp")) as client:
            for subject in subjects:
                text = f"From: x@elsewhere.test\r\nTo: {self.address}\r\nSubject: {subject}\r\n\r\n{body}"
                client.sendmail("x@elsewhere.test", [self.address], text)

    def connect(self) -> poplib.POP3_SSL:
        client = poplib.POP3_SSL("localhost", self.server.port("pop3s"), context=self.server.tls)
        try:
            client.user(self.address)
            client.pass_(self.password)
        except poplib.error_proto:
            client.close()
            raise
        return client

    def messages(self) -> int:
        client = self.connect()
        messages, _ = client.stat()
        client.quit()
        return messages


def posthouse(server, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    program = str(Path(sys.executable).with_name("posthouse"))
    return subprocess.run(
        [program, *words, "--dir", str(server.directory / "data")],
        input=text, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip


@pytest.fixture
def person(server, request) -> Person:
    return Person(server, re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[-40:].strip("-"))


def wait_for(found: Callable[[], int]) -> int:
    """The answer, as soon as the maildrop is free."""
    for _ in range(1200):
        with suppress(poplib.error_proto):
            return found()
        time.sleep(0.05)
    raise AssertionError("the maildrop stayed locked")


def subjects(folder: mailbox.Mailbox) -> list[str]:
    with closing(folder):
        return sorted(message["Subject"] for message in folder)


def test_poplib_reads_and_deletes(person) -> None:
    person.receive("one", "two", "three")
    client = person.connect()
    assert client.stat()[0] == 3
    unique_ids = client.uidl()[1]
    lines = client.retr(1)[1]
    assert b"\r\n".join(lines).endswith(DOTTY.strip().encode())
    assert sum(len(line) + 2 for line in lines) == int(client.list(1).split()[2])
    assert client.top(2, 1)[1][-1] == b"line one"
    client.dele(2)
    client.quit()
    client = person.connect()
    assert client.stat()[0] == 2
    assert [line.split()[1] for line in client.uidl()[1]] == [unique_ids[at].split()[1] for at in (0, 2)]
    client.quit()


def test_poplib_upgrades_with_stls(person, server) -> None:
    person.receive("one")
    client = poplib.POP3("localhost", server.port("pop3"))
    with pytest.raises(poplib.error_proto, match="not without TLS"):
        client.user(person.address)
    client.stls(server.tls)
    client.utf8()
    client.user(person.address)
    client.pass_(person.password)
    assert client.stat()[0] == 1
    client.quit()


def test_a_session_that_breaks_off_loses_nothing_and_locks_nobody_out(person) -> None:
    """Threat I10."""
    person.receive("one")
    client = person.connect()
    client.dele(1)
    client.close()
    assert wait_for(person.messages) == 1


def test_curl_lists_and_fetches(person, server, program) -> None:
    person.receive("one", "two")
    curl = program("curl")
    common = ("-sS", "--cacert", server.ca_file, "-u", f"{person.address}:{person.password}")
    listing = curl.run(*common, f"pop3s://localhost:{server.port('pop3s')}/").stdout.decode()
    assert [line.split()[0] for line in listing.splitlines()] == ["1", "2"]
    message = curl.run(*common, "--ssl-reqd", f"pop3://localhost:{server.port('pop3')}/2").stdout.decode()
    assert "Subject: two" in message
    assert message.endswith(DOTTY)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_curl_logs_in_with_each_mechanism(person, server, program, mechanism) -> None:
    done = program("curl").run(
        "-sS", "--cacert", server.ca_file, "-u", f"{person.address}:{person.password}",
        "--login-options", f"AUTH={mechanism}", f"pop3s://localhost:{server.port('pop3s')}/", good=False,
    )  # fmt: skip
    if mechanism == "SCRAM-SHA-256" and done.returncode == 67:
        pytest.skip("this curl was built without SCRAM")
    assert done.returncode == 0, done.stderr


def deliverer(place: Path) -> tuple[Path, Path]:
    """A program that takes one message on its standard input, and the mbox it adds it to."""
    script, mbox = place / "deliver", place / "mbox"
    script.write_text(f'#!/bin/sh\n{{ echo "From x Thu Jan  1 00:00:00 1970"; cat; echo; }} >> {mbox}\n')
    script.chmod(0o755)
    return script, mbox


def test_getmail_fetches_each_message_once(person, server, program, tmp_path) -> None:
    person.receive("one", "two")
    script, mbox = deliverer(tmp_path)
    (tmp_path / "getmailrc").write_text(
        "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\n"
        f"port = {server.port('pop3s')}\nusername = {person.address}\npassword = {person.password}\n"
        f"ca_certs = {server.ca_file}\n"
        f"[destination]\ntype = MDA_external\npath = {script}\nallow_root_commands = true\n"
        "[options]\nread_all = false\ndelivered_to = false\nreceived = false\n"
    )
    getmail = program("getmail")
    getmail.run("--getmaildir", str(tmp_path))
    assert subjects(mailbox.mbox(mbox)) == ["one", "two"]
    person.receive("three")
    getmail.run("--getmaildir", str(tmp_path))
    assert subjects(mailbox.mbox(mbox)) == ["one", "three", "two"]
    assert person.messages() == 3


def test_fetchmail_takes_everything_away(person, server, program, tmp_path) -> None:
    person.receive("one", "two")
    script, mbox = deliverer(tmp_path)
    rc = tmp_path / "fetchmailrc"
    rc.write_text(
        f'poll localhost protocol pop3 port {server.port("pop3s")} user "{person.address}" '
        f'password "{person.password}" ssl sslcertck sslcertfile {server.ca_file} mda "{script}"\n'
    )
    rc.chmod(0o600)
    program("fetchmail").run(
        "-f", str(rc), "--pidfile", str(tmp_path / "pid"), env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )
    assert subjects(mailbox.mbox(mbox)) == ["one", "two"]
    assert person.messages() == 0


def test_an_operator_follows_a_message(person, server) -> None:
    person.receive("where is it")
    client = person.connect()
    lines = client.retr(1)[1]
    client.quit()
    trace = next(line.rpartition(b"id ")[2] for line in lines if b" id " in line).decode().strip(" ;")
    record = json.loads(posthouse(server, "explain", trace, "--json").stdout)
    assert record["verdict"] == "accepted"
    assert record["stored"] == [person.address]


def test_a_disabled_account_is_out_when_the_command_returns(person, server) -> None:
    posthouse(server, "account", "disable", person.address)
    with pytest.raises(poplib.error_proto, match="AUTH"):
        person.connect()
    posthouse(server, "account", "enable", person.address)
    person.connect().quit()
