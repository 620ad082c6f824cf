"""Two offices and the DNS between them: each tells the other what it saw of his mail and his TLS, and is read."""

import gzip
import json
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nameserver import NameServer
from office import Office, letter, wait_until

pytestmark = pytest.mark.ordered


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer().running() as server:
        yield server


@pytest.fixture(scope="module")
def offices(names: NameServer) -> Iterator[tuple[Office, Office]]:
    """The project office and its head office, both with all that the DNS should say about them."""
    place = Path(tempfile.mkdtemp(prefix="posthouse-reports-"))  # the servers' own user must reach it
    place.chmod(0o755)
    extra = f'[dns]\nserver = "127.0.0.1:{names.port}"\n[reports]\norganization = "%s"\nfailures = true\n'
    head = Office(place / "head", "head.test", ("bob",), extra=extra % "Head office")
    project = Office(place / "project", "project.test", ("alice",), {"head.test": head.smtp}, extra=extra % "Project")
    head.routes["project.test"] = project.smtp
    try:
        for one in (head, project):
            one.start()
            publish(one, names)
            one.operate("dkim", "activate", one.domain)
            person = one.people[0]
            one.operate("alias", "add", f"postmaster@{one.domain}", f"{person}@{one.domain}")
        yield project, head
    finally:
        for one in (project, head):
            one.stop()
        shutil.rmtree(place, ignore_errors=True)


def publish(office: Office, names: NameServer) -> None:
    """What ``posthouse dns records`` says, and the machine's address."""
    names.publish(f"mail.{office.domain}", a=["127.0.0.1"])
    for row in asked(office, "dns", "records", office.domain):
        if "type" in row:
            known = names.zone.get(row["name"], {}).get(row["type"].lower(), [])
            names.publish(row["name"], **{row["type"].lower(): [*known, row["value"]]})


def asked(office: Office, *words: str) -> list[dict]:
    return [json.loads(line) for line in office.operate(*words, "--json").splitlines()]


def forge(office: Office, author: str = "boss@project.test") -> None:
    """Somebody at another address writes in the name of the project office."""
    with smtplib.SMTP("127.0.0.1", office.smtp, timeout=20, source_address=("127.0.0.9", 0)) as client:
        client.ehlo("liar.test")
        content = f"From: {author}\r\nTo: bob@head.test\r\nSubject: pay\r\n\r\nnow\r\n".encode()
        with pytest.raises(smtplib.SMTPDataError, match="reject"):
            client.sendmail("boss@liar.test", ["bob@head.test"], content)


def test_the_head_office_tells_the_project_who_wrote_in_its_name(offices):
    project, head = offices
    project.submit(letter("alice@project.test", "bob@head.test", "proven"))
    wait_until(lambda: head.find("bob", "proven"), "a letter to arrive")
    for _ in range(3):
        forge(head)

    (planned,) = [row for row in asked(head, "report", "send", "--dry-run") if row["kind"] == "dmarc"]
    assert (planned["domain"], planned["state"], planned["messages"]) == ("project.test", "due", 4)
    assert planned["to"] == ["postmaster@project.test"]

    (sent,) = [row for row in asked(head, "report", "send", "--now") if row["kind"] == "dmarc"]
    assert sent["state"] == "sent"
    mail = wait_until(lambda: project.find("alice", "Report Domain: project.test"), "the report to arrive")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "dmarc=pass" in " ".join(str(mail["Authentication-Results"]).split())
    assert str(mail["From"]) == "Head office <postmaster@head.test>"

    rows = wait_until(lambda: asked(project, "report", "dmarc"), "the report to be read")
    bad, good = rows
    assert (bad["source"], bad["from"], bad["failed"], bad["refused"]) == ("127.0.0.9", "project.test", 3, 3)
    assert bad["reporters"] == ["Head office (head.test)"]
    assert "unsigned; spf" in bad["found"]
    assert (good["source"], good["passed"], good["failed"]) == ("127.0.0.1", 1, 0)
    (listed,) = asked(project, "report", "list")
    assert (listed["proven"], listed["good"], listed["bad"]) == ("head.test", 1, 3)
    assert listed["policy"].startswith("p=reject")
    table = project.operate("report", "dmarc")
    assert "127.0.0.9" in table
    assert asked(head, "report", "dmarc", "--sent")[0]["state"] == "sent"


def test_the_project_office_tells_how_tls_went(offices):
    project, head = offices
    project.submit(letter("alice@project.test", "bob@head.test", "over TLS"))
    wait_until(lambda: head.find("bob", "over TLS"), "a letter to arrive")
    (sent,) = [row for row in asked(project, "report", "send", "--now") if row["kind"] == "tls"]
    assert (sent["domain"], sent["state"]) == ("head.test", "sent")
    mail = wait_until(lambda: head.find("bob", "Submitter: project.test"), "the report to arrive")
    assert mail["TLS-Report-Domain"] == "head.test"
    assert "tls-report-domain" in str(mail["DKIM-Signature"])
    (row,) = wait_until(lambda: asked(head, "report", "tls"), "the report to be read")
    assert (row["domain"], row["result"], row["policy"], row["reporters"]) == (
        "head.test", "ok", "no-policy-found", ["Project (project.test)"],
    )  # fmt: skip
    assert row["sessions"] >= 1


def test_no_report_is_sent_about_reports(offices):
    project, head = offices
    assert asked(project, "report", "send", "--dry-run") == []
    assert [row["kind"] for row in asked(head, "report", "send", "--dry-run")] in ([], ["dmarc"])


def test_a_broken_report_and_a_bomb_stay_mail(offices):
    """XML that expands itself, and 100 MB in 97 kB: both are filed, neither is read, and the office goes on."""
    project, _ = offices
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
        f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">'.encode() for at in range(9)
    )
    for name, packed in (("laughs", laughs + b"]><feedback>&j;</feedback>"), ("bomb", _bomb())):
        message = letter(
            "reports@far.test", "postmaster@project.test", f"Report Domain: project.test Submitter: {name}"
        )
        message.add_attachment(packed, "application", "gzip", filename="x.xml.gz")
        with smtplib.SMTP("127.0.0.1", project.smtp, timeout=20) as client:
            client.send_message(message)
        wait_until(lambda name=name: project.find("alice", name) or _put_aside(project, name), f"{name} to arrive")
    reporters = {row["reporter"] for row in asked(project, "report", "list")}
    assert reporters == {"Head office"}
    assert asked(project, "status")[0]["version"]


def _put_aside(office: Office, subject: str) -> list[str]:
    """Where the content checks may have sent it before anybody read it."""
    junk = [str(one["Subject"]) for one in office.mailbox("alice", "Junk")]
    held = [row["subject"] for row in asked(office, "quarantine", "list")]
    return [one for one in (*junk, *held) if subject in one]


def _bomb() -> bytes:
    return gzip.compress(b"<feedback>" + bytes(100_000_000))


def test_the_project_hears_of_a_single_message_that_failed(offices, names):
    """Only where its record asks for that; without whom it was for, signed, and no answer to it ever comes."""
    project, head = offices
    names.publish("_dmarc.shop.project.test", txt=["v=DMARC1; p=reject; ruf=mailto:postmaster@project.test"])
    forge(head, "boss@shop.project.test")
    mail = wait_until(lambda: project.find("alice", "DMARC failure report for shop.project.test"), "the report")
    assert mail.get_content_type() == "multipart/report"
    assert str(mail["Return-Path"]) == "<>"
    assert "dmarc=pass" in " ".join(str(mail["Authentication-Results"]).split())
    text = mail.as_string()
    assert "Source-IP: 127.0.0.9" in text
    assert "Delivery-Result: reject" in text
    assert "Subject: pay" in text
    assert "bob" not in text
    assert "\nnow" not in text
    (row,) = wait_until(lambda: asked(project, "report", "failures"), "the report to be read")
    assert (row["domain"], row["source_ip"]) == ("shop.project.test", "127.0.0.9")
    assert not project.find("alice", "DMARC failure report for project.test"), "nobody asked for those"
    assert not head.find("bob", "DMARC failure report")
