"""A message with a line of 5,000 octets on its way through a real Postfix: what was written is what is read (ADR 0026)."""

import email
import email.policy
import os
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import PASSWORD, Office, free_ports, wait_until
from postfix import Postfix, wait_for_port, why_not

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(120),
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]

PARAGRAPH = "Beton für das Fundament, geliefert am Montag. " * 110
"""About 5,000 octets without a line end, as programs write HTML."""


@pytest.fixture(scope="module")
def way() -> Iterator[tuple[Office, Postfix, Office]]:
    """From an office to a Postfix, which passes on to another office what is not its own."""
    base = Path(tempfile.mkdtemp(prefix="posthouse-lines-"))  # pytest's own directories let no other user in
    base.chmod(0o755)
    (port,) = free_ports(1)
    there = Office(base / "there", "there.test", ("bob",))
    postfix = Postfix(base / "postfix", port, "steeltec.test", ("carl",), {"there.test": ("127.0.0.1", there.smtp)})
    here = Office(base / "here", "here.test", ("ann",))
    here.routes = {"steeltec.test": port, "there.test": port}
    try:
        postfix.start()
        there.start()
        here.start()
        wait_for_port(port)
        yield here, postfix, there
    finally:
        here.stop()
        there.stop()
        postfix.stop()
        if not os.environ.get("KEEP"):
            shutil.rmtree(base, ignore_errors=True)


def submit(here: Office, subject: str, to: list[str], seal: str = "") -> None:
    head = f"{seal}From: ann@here.test\r\nTo: {to[0]}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    kind = "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    with smtplib.SMTP("127.0.0.1", here.submission, timeout=20) as client:
        client.starttls(context=here.context())
        client.login("ann@here.test", PASSWORD)
        client.sendmail("ann@here.test", to, (head + kind + PARAGRAPH + "\r\n").encode(), ["BODY=8BITMIME"])


def at_carls(postfix: Postfix, subject: bytes) -> list[bytes]:
    return [one for one in postfix.mailbox("carl") if b"Subject: " + subject in one]


def read(octets: bytes) -> str:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    return message.get_content().rstrip("\r\n")


def longest(octets: bytes) -> int:
    return max(map(len, octets.replace(b"\r\n", b"\n").split(b"\n")))


def test_what_was_written_is_what_is_read_behind_postfix(way):
    here, postfix, there = way
    submit(here, "fundament", ["carl@steeltec.test", "bob@there.test"])
    wait_until(lambda: bool(at_carls(postfix, b"fundament")) and bool(there.mailbox("bob")), "the message at both ends")
    (at_postfix,) = at_carls(postfix, b"fundament")
    assert longest(at_postfix) <= 998
    assert read(at_postfix) == PARAGRAPH
    (behind,) = there.mailbox("bob")
    assert behind.get_content().rstrip("\r\n") == PARAGRAPH
    assert "breaking line > 998 bytes" not in postfix.log()


def test_what_somebody_else_has_signed_is_sent_as_it_came(way):
    """It is Postfix that breaks it then, two hops on; what is changed here would be broken already."""
    here, postfix, _ = way
    submit(here, "sealed", ["carl@steeltec.test"], seal="DKIM-Signature: v=1; d=far.test; s=s; h=from; bh=x; b=x\r\n")
    wait_until(lambda: bool(at_carls(postfix, b"sealed")), "the message")
    (sealed,) = at_carls(postfix, b"sealed")
    assert PARAGRAPH.encode() in sealed
