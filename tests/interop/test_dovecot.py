"""A Dovecot keeps mail that we bring it by LMTP, and mail that it made comes out of our house as it went in.

Ann's office is a Posthouse; the mail of keep.test is a Dovecot's, and the way
there is a route of the configuration.
"""

import contextlib
import email
import imaplib
import os
import poplib
import re
import shutil
import smtplib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from dovecot import Dovecot, why_not
from office import PASSWORD, Office, free_ports, wait_until
from postfix import wait_for_port

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(120),
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]

ANN = "ann@office.test"
TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Posthouse-Sender|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+")
"""What servers on the way put before a message, and nothing else."""
STATUS = re.compile(r"^Final-Recipient: [^;]+; (\S+)\nAction: (\w+)\nStatus: (\S+)$", re.MULTILINE)
"""RFC 3464 and RFC 6533 alike."""


@dataclass
class World:
    office: Office
    keeper: Dovecot
    pop3s: int


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    base = Path(tempfile.mkdtemp(prefix="posthouse-dovecot-"))  # pytest's own directories let no other user in
    base.chmod(0o755)
    port, pop3s = free_ports(2)
    keeper = Dovecot(base / "keeper", port, ("carl", "dora"), full=("fred",))
    office = Office(
        base / "office",
        "office.test",
        ("ann",),
        extra=f'[[relay.route]]\ndomain = "keep.test"\nhost = "127.0.0.1"\nport = {port}\nprotocol = "lmtp"\n'
        f'[[listener]]\nservice = "pop3s"\naddress = "127.0.0.1"\nport = {pop3s}\n',
    )
    try:
        keeper.start()
        office.start()
        wait_for_port(port)
        yield World(office, keeper, pop3s)
    finally:
        office.stop()
        keeper.stop()
        if os.environ.get("KEEP"):
            print(base)
        else:
            shutil.rmtree(base, ignore_errors=True)


def letter(subject: str, body: bytes, *more: bytes) -> bytes:
    fields = [b"From: Ann <ann@office.test>", b"To: carl@keep.test", b"Subject: " + subject.encode()]
    fields += [b"Date: Mon, 02 Mar 2026 10:00:00 +0100", b"Message-ID: <" + subject.encode() + b"@office.test>"]
    return b"".join(field + b"\r\n" for field in (*fields, *more)) + b"\r\n" + body


def submit(office: Office, octets: bytes, *recipients: str, options: tuple[str, ...] = ()) -> None:
    """Exactly these octets."""
    with smtplib.SMTP("127.0.0.1", office.submission, timeout=20) as client:
        client.starttls(context=office.context())
        client.login(ANN, PASSWORD)
        assert client.sendmail(ANN, recipients, octets, mail_options=options) == {}


def arrived(world: World, user: str, subject: str) -> bytes:
    """The one message with this subject that Dovecot has made for ``user``."""
    line = b"\r\nSubject: " + subject.encode() + b"\r\n"
    found = wait_until(lambda: [one for one in world.keeper.mailbox(user) if line in one], f"{subject} at {user}'s")
    assert isinstance(found, list)
    assert len(found) == 1
    return found[0]


def assert_untouched(came: bytes, sent: bytes) -> None:
    """What came is what was sent, below the trace lines of those that it passed."""
    assert came.endswith(sent)
    assert TRACE.fullmatch(came.removesuffix(sent)), came.removesuffix(sent)


def reports(office: Office) -> list[EmailMessage]:
    return [one for one in office.mailbox("ann") if one.get_content_type() == "multipart/report"]


def fates_of(*found: EmailMessage) -> dict[str, list[tuple[str, str]]]:
    """Of each recipient in the reports: action and status."""
    fates: dict[str, list[tuple[str, str]]] = {}
    for report in found:
        for recipient, action, status in STATUS.findall(report.as_string()):
            fates.setdefault(recipient, []).append((action, status))
    return fates


BODIES = {
    "dots": b".\r\n..\r\n.leading\r\n\r\n.\r\n" + b"a" * 300 + b"\r\n.\r\n",
    "wide": b"x" * 998 + b"\r\n" + b"y" * 998 + b"\r\nz\r\n",
    "latin": "Grüße aus Köln, à bientôt\r\n".encode("latin-1") + bytes(range(128, 256)) + b"\r\n",
    "blanks": b" \t \r\n\r\n\r\nFrom here it looks like mbox\r\n>From there\r\n\r\n  \r\n",
    "empty": b"",
    "large": b"".join(b"%08d abcdefghijklmnopqrstuvwxyz .. 0123456789 ABCDEF\r\n" % n for n in range(18_000)),
}
assert len(BODIES["large"]) > 1_000_000


@pytest.mark.parametrize("name", BODIES)
def test_what_dovecot_keeps_is_what_was_submitted(world: World, name: str) -> None:
    sent = letter(f"kept-{name}", BODIES[name])
    submit(world.office, sent, "carl@keep.test")
    assert_untouched(arrived(world, "carl", f"kept-{name}"), sent)


def test_a_line_that_is_too_long_comes_in_another_form_and_says_the_same(world: World) -> None:
    """RFC 5321 section 4.5.3.1.6, which RFC 2033 does not change; Dovecot does not offer BINARYMIME."""
    body = b"x" * 998 + b"\r\n" + b"y" * 5000 + b"\r\nz\r\n"
    submit(world.office, letter("kept-long", body), "carl@keep.test")
    came = arrived(world, "carl", "kept-long")
    assert max(map(len, came.split(b"\r\n"))) <= 998
    assert email.message_from_bytes(came).get_payload(decode=True) == body


def test_each_recipient_has_a_fate_of_its_own(world: World) -> None:
    """RFC 2033 section 4.2: in one transaction two are accepted, one is refused at RCPT and one after the content."""
    sent = letter("several", b"for four\r\n")
    submit(world.office, sent, *(f"{name}@keep.test" for name in ("carl", "dora", "fred", "nobody")))
    for name in ("carl", "dora"):
        assert_untouched(arrived(world, name, "several"), sent)
    said = wait_until(lambda: sessions(world.keeper), "Dovecot's word on all three")
    assert len({session.partition(":R")[0] for session in said}) == 1  # type: ignore[attr-defined] # a list, once true
    wait_until(lambda: not world.office.operate("queue", "list", "--json").strip(), "an empty queue")
    fates = fates_of(*(one for one in reports(world.office) if "several" in one.as_string()))
    assert fates == {"fred@keep.test": [("failed", "5.2.2")], "nobody@keep.test": [("failed", "5.1.1")]}


def sessions(keeper: Dovecot) -> list[str]:
    """Where Dovecot dealt with the message to several; none until it has dealt with all."""
    found = re.findall(r"<\d+><([^>]+)>: Info: msgid=<several@office.test>", keeper.log())
    return found if len(found) == 3 else []


def test_what_dovecot_cannot_take_comes_back(world: World) -> None:
    """RFC 6531 section 3.6: Dovecot does not offer SMTPUTF8, so that a header that needs it goes no further."""
    sent = letter("utf8-refused", b"hello\r\n", "Comments: Grüße".encode())
    submit(world.office, sent, "carl@keep.test", options=("SMTPUTF8", "BODY=8BITMIME"))

    def told() -> list[EmailMessage]:
        return [one for one in reports(world.office) if "utf8-refused" in one.as_string()]

    (report,) = wait_until(told, "the report that it cannot go there")  # type: ignore[misc] # a list, once true
    assert fates_of(report) == {"carl@keep.test": [("failed", "5.6.7")]}
    assert not [one for one in world.keeper.mailbox("carl") if b"Subject: utf8-refused" in one]


def test_utf8_that_is_only_in_the_body_needs_no_extension(world: World) -> None:
    """The submitter's SMTPUTF8 was not needed (RFC 6531 section 3.6): the message goes as it is."""
    sent = letter("utf8-body", "Grüße, 郵便\r\n".encode(), b"Content-Type: text/plain; charset=utf-8")
    submit(world.office, sent, "carl@keep.test", options=("SMTPUTF8", "BODY=8BITMIME"))
    assert_untouched(arrived(world, "carl", "utf8-body"), sent)


def test_a_message_of_dovecots_maildir_comes_through_untouched(world: World) -> None:
    """Submitted to Ann herself and appended by her: over IMAP and POP3 she reads the octets of Dovecot's file."""
    submit(world.office, letter("maildir", BODIES["dots"] + BODIES["latin"]), "carl@keep.test")
    made = arrived(world, "carl", "maildir")
    with contextlib.closing(pop3(world)) as client:
        before = len(client.list()[1])
    submit(world.office, made, ANN)
    imap = imaplib.IMAP4_SSL("127.0.0.1", world.office.imaps, ssl_context=world.office.context())
    with imap:
        imap.login(ANN, PASSWORD)
        assert imap.append("INBOX", None, None, made)[0] == "OK"
        imap.select("INBOX")
        appended, delivered = (fetch(imap, number) for number in (before + 2, before + 1))
    assert appended == made
    assert_untouched(delivered, re.sub(rb"\AReturn-Path:.*\r\n", b"", made))  # the last delivery writes its own
    with contextlib.closing(pop3(world)) as client:
        assert b"\r\n".join(client.retr(before + 1)[1]) + b"\r\n" == delivered
        assert b"\r\n".join(client.retr(before + 2)[1]) + b"\r\n" == made


def pop3(world: World) -> poplib.POP3_SSL:
    client = poplib.POP3_SSL("127.0.0.1", world.pop3s, context=world.office.context(), timeout=20)
    client.user(ANN)
    client.pass_(PASSWORD)
    return client


def fetch(imap: imaplib.IMAP4, number: int) -> bytes:
    _, parts = imap.fetch(str(number), "(BODY.PEEK[])")
    assert isinstance(parts[0], tuple)
    return parts[0][1]


def test_nothing_alarmed_the_office(world: World) -> None:
    log = (world.office.dir / "log").read_text(errors="replace")
    assert "Traceback" not in log
    assert "alarm" not in log
