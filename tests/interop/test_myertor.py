"""The story of the house: a project office on a client's site, its head office, and the client.

Myertor's project office works on SteelTec's site, far from head office, over a
link that fails. Ana works there, Ben at head office, Carl for SteelTec, whose
server is a Postfix. Nothing acknowledged is lost, nobody else's mail is
relayed, and everybody learns what became of their message.
"""

import json
import os
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from office import Link, Office, free_ports, letter, wait_until
from postfix import Postfix, wait_for_port, why_not

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]

HASTY = """
[limits]
retry_first_seconds = 1
retry_most_seconds = 2
delay_warning_seconds = 3
"""
"""Days are too long for a test: the same schedule, in seconds."""

TRUSTING = """
[authentication]
welcome = ["project.myertor.test"]

[reports]
tell_strangers = true
"""
"""There is no DNS on this site in which head office could find the keys of a domain below its own; and its own people
over there may hear what became of their mail.
"""


@dataclass
class World:
    project: Office
    head: Office
    steeltec: Postfix
    link: Link


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    base = Path(tempfile.mkdtemp(prefix="posthouse-myertor-"))  # pytest's own directories let no other user in
    base.chmod(0o755)
    (postfix_port,) = free_ports(1)
    head = Office(base / "head", "myertor.test", ("ben",), extra=HASTY + TRUSTING)
    link = Link(head.smtp)
    project = Office(base / "project", "project.myertor.test", ("ana",), extra=HASTY)
    steeltec = Postfix(
        base / "steeltec",
        postfix_port,
        "steeltec.test",
        ("carl",),
        {"project.myertor.test": ("127.0.0.1", project.smtp)},
    )
    project.routes = {"myertor.test": link.port, "steeltec.test": postfix_port}
    head.routes = {"project.myertor.test": project.smtp, "steeltec.test": postfix_port}
    try:
        steeltec.start()
        head.start()
        project.start()
        wait_for_port(postfix_port)
        yield World(project, head, steeltec, link)
    finally:
        project.stop()
        head.stop()
        steeltec.stop()
        if os.environ.get("KEEP"):
            print(base)
        else:
            shutil.rmtree(base, ignore_errors=True)


def report_of(message: EmailMessage) -> dict[str, str]:
    """The fields about the recipient of a delivery status notification (RFC 3464)."""
    assert message.get_content_type() == "multipart/report"
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
            assert isinstance(blocks, list)
            return {name.lower(): str(value) for name, value in blocks[1].items()}
    raise AssertionError("a report without a machine-readable part")


def test_1_ana_writes_to_head_office_and_asks_to_be_told(world: World) -> None:
    """Delivered over the link; the success report comes back because she asked for it."""
    world.project.submit(
        letter("ana@project.myertor.test", "ben@myertor.test", "First week"),
        mail=("RET=HDRS", "ENVID=week1"),
        rcpt=("NOTIFY=SUCCESS,FAILURE,DELAY",),
    )
    got = wait_until(lambda: world.head.find("ben", "First week"), "Ben's copy")
    assert isinstance(got, EmailMessage)
    assert len(got.get_all("Received", [])) == 2
    assert got["Return-Path"] == "<ana@project.myertor.test>"
    report = wait_until(lambda: reports(world, "delivered"), "the report of success")
    assert isinstance(report, dict)
    assert report["final-recipient"] == "rfc822; ben@myertor.test"


def reports(world: World, action: str) -> dict[str, str] | None:
    """Ana's newest report with this action."""
    for message in reversed(world.project.mailbox("ana")):
        if message.get_content_type() == "multipart/report" and report_of(message).get("action") == action:
            assert message["Auto-Submitted"] is not None
            assert message["Return-Path"] == "<>"
            return report_of(message)
    return None


def test_2_the_link_fails_and_nothing_is_lost(world: World) -> None:
    """Accepted at once, kept, Ana warned once; delivered once when the link is back."""
    world.link.cut()
    world.project.submit(letter("ana@project.myertor.test", "ben@myertor.test", "While the link was down"))
    waiting = json.loads(world.project.operate("queue", "list", "--json").splitlines()[0])
    assert "ben@myertor.test" in json.dumps(waiting)
    delayed = wait_until(lambda: reports(world, "delayed"), "the warning about the delay")
    assert isinstance(delayed, dict)
    assert delayed["status"].startswith("4.")
    world.link.mend()
    wait_until(lambda: world.head.find("ben", "While the link was down"), "the letter after the link came back")
    wait_until(lambda: not world.project.operate("queue", "list", "--json").strip(), "an empty queue")
    subjects = [str(message["Subject"]) for message in world.head.mailbox("ben")]
    assert subjects.count("While the link was down") == 1


def test_3_nobody_of_that_name_at_the_client(world: World) -> None:
    """SteelTec's Postfix refuses; Ana gets the reason, her envelope id, and only the headers."""
    world.project.submit(
        letter("ana@project.myertor.test", "nobody@steeltec.test", "Wrong name", "the body stays home\n"),
        mail=("RET=HDRS", "ENVID=wrong+2Bname"),
    )
    failed = wait_until(lambda: reports(world, "failed"), "the report of failure")
    assert isinstance(failed, dict)
    assert failed["status"] == "5.1.1"
    assert failed["final-recipient"] == "rfc822; nobody@steeltec.test"
    text = [m for m in world.project.mailbox("ana") if m.get_content_type() == "multipart/report"][-1].as_string()
    assert "Wrong name" in text
    assert "the body stays home" not in text
    assert "Original-Envelope-Id: wrong+name" in text


def test_4_the_client_answers(world: World) -> None:
    """A letter to Carl ends in his Maildir, untouched; his answer through Postfix ends in Ana's inbox."""
    text = "Here\n.a line with a dot\n..two dots\nto there\n"
    world.project.submit(letter("ana@project.myertor.test", "carl@steeltec.test", "Question", text))
    got = wait_until(lambda: [m for m in world.steeltec.mailbox("carl") if b"Question" in m], "Carl's copy")
    assert isinstance(got, list)
    assert text.encode() in got[0]
    answer = letter("carl@steeltec.test", "ana@project.myertor.test", "Answer", text)
    with smtplib.SMTP("127.0.0.1", world.steeltec.port, timeout=20) as client:
        client.send_message(answer)
    back = wait_until(lambda: world.project.find("ana", "Answer"), "Carl's answer")
    assert isinstance(back, EmailMessage)
    assert back.get_content().splitlines() == text.splitlines()
    assert back["Delivered-To"] == "ana@project.myertor.test"


def test_5_a_stranger_cannot_use_the_office(world: World) -> None:
    """No relaying for others, and nobody is told of mail that was refused in the session."""
    with smtplib.SMTP("127.0.0.1", world.project.smtp, timeout=20) as client:
        client.ehlo("stranger.test")
        client.mail("someone@stranger.test")
        code, text = client.rcpt("ben@myertor.test")
        assert (code, text[:5]) == (550, b"5.7.1")
        code, text = client.rcpt("nobody@project.myertor.test")
        assert (code, text[:5]) == (550, b"5.1.1")
    assert not [m for m in world.steeltec.mailbox("carl") if b"stranger" in m]


@pytest.mark.skipif(not shutil.which("swaks"), reason="swaks is not installed")
def test_6_the_office_survives_a_sudden_death(world: World) -> None:
    """Killed with mail in the queue; after the restart the letter is still there and goes out, once."""
    world.link.cut()
    world.project.submit(letter("ana@project.myertor.test", "ben@myertor.test", "Before the crash"))
    world.project.stop(sign=9)
    world.project.start()
    world.link.mend()
    wait_until(lambda: world.head.find("ben", "Before the crash"), "the letter from before the crash")
    done = subprocess.run(
        ["swaks", "--server", f"127.0.0.1:{world.project.smtp}", "--to", "ana@project.myertor.test"]
        + ["--from", "carl@steeltec.test", "--header", "Subject: still open", "--silent", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wait_until(lambda: world.project.find("ana", "still open"), "mail after the restart")
