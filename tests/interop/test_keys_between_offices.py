"""Two offices and the DNS between them: an operator publishes what he is told, and mail is proven from then on."""

import functools
import json
import re
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nameserver import NameServer
from office import Office, free_ports, letter, wait_until
from sending import PAIR, signed
from sending import letter as written

pytestmark = pytest.mark.ordered
(LMTP,) = free_ports(1)
INSIDE = f"""[relay]
networks = ["127.0.0.7/32"]
[[listener]]
service = "lmtp"
address = "127.0.0.1"
port = {LMTP}
"""


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def offices(names: NameServer) -> Iterator[tuple[Office, Office]]:
    """The project office, and its head office, which looks at who sends."""
    place = Path(tempfile.mkdtemp(prefix="posthouse-keys-"))  # the servers' own user must reach it
    place.chmod(0o755)
    extra = f'[dns]\nserver = "127.0.0.1:{names.port}"\n[arc]\nseal = true\n'
    head = Office(place / "head", "head.test", ("bob",), extra=extra + INSIDE)
    project = Office(place / "project", "project.test", ("alice",), {"head.test": head.smtp}, extra=extra)
    head.routes["project.test"] = project.smtp
    try:
        for one in (head, project):
            one.start()
        yield project, head
    finally:
        for one in (project, head):
            one.stop()
        shutil.rmtree(place, ignore_errors=True)


def publish(office: Office, names: NameServer, *, keys: bool = True) -> None:
    """What ``posthouse dns records`` says, and the machine's address."""
    names.publish(f"mail.{office.domain}", a=["127.0.0.1"])
    for line in office.operate("dns", "records", office.domain, "--json").splitlines():
        row = json.loads(line)
        if "type" in row and (keys or "_domainkey" not in row["name"]):
            known = names.zone.get(row["name"], {}).get(row["type"].lower(), [])
            if row["value"] not in known:
                names.publish(row["name"], **{row["type"].lower(): [*known, row["value"]]})


def states(office: Office) -> list[str]:
    rows = map(json.loads, office.operate("dkim", "list", office.domain, "--json").splitlines())
    return sorted(row["state"] for row in rows)


def arrived(head: Office, subject: str):
    return wait_until(lambda: head.find("bob", subject), f"{subject} to arrive")


def test_before_its_keys_are_published_mail_is_not_signed(offices, names):
    project, head = offices
    publish(project, names, keys=False)
    assert states(project) == ["made", "made"]
    project.submit(letter("alice@project.test", "bob@head.test", "unsigned"))
    message = arrived(head, "unsigned")
    assert message["DKIM-Signature"] is None
    assert "dkim=" not in str(message["Authentication-Results"])


def test_what_is_published_as_told_is_used_by_itself_and_proves_who_sent(offices, names):
    project, head = offices
    publish(project, names)
    project.stop()
    project.start()  # it looks at once when it starts, and once a minute later
    wait_until(lambda: states(project) == ["active", "active"], "the keys to be seen")
    project.submit(letter("alice@project.test", "bob@head.test", "proven"))
    message = arrived(head, "proven")
    results = " ".join(str(message["Authentication-Results"]).split())
    assert results.startswith("mail.head.test;")
    assert re.findall(r"dkim=(\w+)", results) == ["pass", "pass"]
    assert re.findall(r"header.a=([\w-]+)", results) == ["rsa-sha256", "ed25519-sha256"]
    assert "dmarc=pass" in results
    assert str(message["Posthouse-Sender"]).startswith("verified")


def test_the_check_is_content_then(offices, names):
    project, _ = offices
    publish(project, names)
    rows = [json.loads(line) for line in project.operate("dns", "check", project.domain, "--json").splitlines()]
    assert {row["state"] for row in rows} == {"ok"}, [row for row in rows if row["state"] != "ok"]


def test_after_a_rotation_mail_is_proven_by_the_new_keys(offices, names):
    project, head = offices
    project.operate("dkim", "rotate", project.domain)
    publish(project, names)
    project.operate("dkim", "activate", project.domain)
    project.submit(letter("alice@project.test", "bob@head.test", "rotated"))
    results = str(arrived(head, "rotated")["Authentication-Results"])
    assert re.findall(r"dkim=(\w+)", results) == ["pass", "pass"]
    assert set(re.findall(r"header.s=([\w-]+)", results)) == {
        row["selector"]
        for row in map(json.loads, project.operate("dkim", "list", project.domain, "--json").splitlines())
        if row["state"] == "active"
    }


def test_a_forwarded_message_arrives_with_a_chain_that_holds(offices, names):
    """Head forwards what a stranger wrote: the seal is whole, and what had failed is still told."""
    project, head = offices
    publish(head, names)
    head.operate("dkim", "activate", head.domain)
    head.operate("alias", "add", "site@head.test", "alice@project.test")
    with smtplib.SMTP("127.0.0.1", head.smtp, timeout=20) as client:
        client.ehlo("client.example")
        content = b"From: x@far.test\r\nSubject: forwarded\r\n\r\nHello\r\n"
        client.sendmail("x@far.test", ["site@head.test"], content)
    message = wait_until(lambda: project.find("alice", "forwarded"), "forwarded to arrive")
    results = " ".join(str(message.get_all("Authentication-Results")[0]).split())
    assert results.startswith("mail.project.test;")
    assert "arc=pass" in results
    assert "i=1 head.test" in results
    assert message["DKIM-Signature"] is None
    assert "spf=none" in str(message["ARC-Authentication-Results"])


@pytest.mark.parametrize("door", ["relay", "lmtp"])
def test_what_a_machine_of_ours_passes_on_arrives_with_a_chain_too(offices, names, door):
    """From the relay network, or by LMTP: the seal tells what the signatures said, and nothing of that machine."""
    project, head = offices
    names.publish("s._domainkey.author.test", txt=[PAIR.record])
    names.publish("_dmarc.author.test", txt=["v=DMARC1; p=none"])
    plain = written(b"x@author.test")
    for content in (signed(plain, "author.test"), plain.replace(b"case-", b"case-unsigned-")):
        with (
            smtplib.LMTP("127.0.0.1", LMTP)
            if door == "lmtp"
            else smtplib.SMTP("127.0.0.1", head.smtp, source_address=("127.0.0.7", 0), timeout=20)
        ) as client:
            client.sendmail("x@far.test", ["site@head.test"], content)
        subject = re.search(rb"Subject: (\S+)", content)[1].decode()
        message = wait_until(functools.partial(project.find, "alice", subject), f"{subject} to be passed on")
        assert "arc=pass" in str(message.get_all("Authentication-Results")[0])
        told = str(message["ARC-Authentication-Results"])
        assert ("dkim=pass" in told, "dmarc=pass" in told) == (b"unsigned" not in content,) * 2
        assert "spf=" not in told
