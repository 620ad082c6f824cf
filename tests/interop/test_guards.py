"""What guards the house, seen from outside: bombs, greylisting, forged reports, surges, reload."""

import os
import re
import signal
import subprocess
import sys

import pytest
from attacker import HOST, Caller, Imap, deliver, messages, send, smtp, stranger, submitter, wait_for

PASSWORD = "a-rather-long-password-7"
REPORT = (
    b"From: MAILER-DAEMON@mx.else.test\r\nTo: bob@office.test\r\nSubject: Undelivered %s\r\n"
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n"
    b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.else.test\r\n\r\n"
    b"Final-Recipient: rfc822; who@nowhere.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <%s>\r\n--b--\r\n"
)


def operate(server, *words: str, text: str = "") -> None:
    command = [sys.executable, "-m", "posthouse", *words, "--dir", str(server.directory / "data")]
    subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=60)


def subjects(server, name: str, mailbox: str) -> list[bytes]:
    return re.findall(rb"Subject: ([^\r]*)\r\n", b"\n".join(messages(server, name, mailbox)))


def write_from(server, name: str, to: bytes, message_id: bytes) -> None:
    with submitter(server, name) as caller:
        head = b"From: %s@office.test\r\nTo: %s\r\nMessage-ID: <%s>\r\nSubject: Hello\r\n\r\nHello" % (
            name.encode(),
            to,
            message_id,
        )
        assert send(caller, name.encode() + b"@office.test", [to], head)[:3] == b"250"


@pytest.mark.slow
def test_a_mail_bomb_leaves_room_for_those_one_knows(server):
    """R03, D-5: fifty domains fill nine tenths of a mailbox, none more than a fifth; a correspondent's mail arrives."""
    operate(server, "account", "add", "dave@office.test", "--quota", "20MiB", "--password-stdin", text=PASSWORD + "\n")
    wait_for(lambda: _is_somebody(server, b"dave@office.test"), "dave to be known")
    server.endpoints["accounts"].append({"address": "dave@office.test", "password": PASSWORD})
    write_from(server, "dave", b"partner@client.test", b"first@office.test")
    letter = b"Subject: bomb\r\n\r\n" + (b"y" * 998 + b"\r\n") * 500
    taken: dict[int, int] = {}
    replies = []
    for turn in range(100):
        with smtp(server, "smtp", stranger()) as caller:
            size = b" SIZE=%d" % len(letter)
            caller.ask(b"MAIL FROM:<x@bomb%d.test>" % (turn % 50), size, b"\r\n")
            reply = caller.ask(b"RCPT TO:<dave@office.test>\r\n")
            if reply[:1] == b"2":
                caller.ask(b"DATA\r\n")
                reply = caller.ask(letter, b".\r\n")
        replies.append(reply[:9])
        if reply[:1] == b"2":
            taken[turn % 50] = taken.get(turn % 50, 0) + len(letter)
    assert set(replies) == {b"250 2.0.0", b"452 4.2.2"}
    assert max(taken.values()) <= 0.2 * 20 * 2**20
    assert sum(taken.values()) <= 0.9 * 20 * 2**20
    small = b"Subject: work\r\n\r\n" + b"z" * 20_000
    with smtp(server, "smtp", stranger()) as caller:
        said = [send(caller, b"partner@client.test", [b"dave@office.test"], small)[:3] for _ in range(25)]
    assert said == [b"250"] * 25
    with Imap(server, "dave") as imap:
        imap.do("SELECT INBOX")
        imap.do("STORE 1:20 +FLAGS.SILENT (\\Deleted)")
        assert b" OK " in imap.do("EXPUNGE")
    wait_for(lambda: deliver(server, "dave", letter, stranger())[:3] == b"250", "room for strangers again")


def _is_somebody(server, address: bytes) -> bool:
    with smtp(server, "smtp", HOST) as caller:
        caller.ask(b"MAIL FROM:<a@b.test>\r\n")
        return caller.ask(b"RCPT TO:<", address, b">\r\n")[:3] == b"250"


def test_forged_reports_go_to_junk_and_real_ones_arrive(server):
    """B07."""
    write_from(server, "bob", b"who@nowhere.test", b"really-mine@office.test")
    for number in range(10):
        with smtp(server, "smtp", stranger()) as caller:
            forged = REPORT % (b"forged", b"never-%d@office.test" % number)
            assert send(caller, b"", [b"carol@office.test"], forged)[:3] == b"250"
    with smtp(server, "smtp", stranger()) as caller:
        assert send(caller, b"", [b"bob@office.test"], REPORT % (b"real", b"really-mine@office.test"))[:3] == b"250"
    assert b"Undelivered forged" not in subjects(server, "carol", "INBOX")
    assert subjects(server, "carol", "Junk").count(b"Undelivered forged") == 10
    assert b"Undelivered real" in subjects(server, "bob", "INBOX")


def test_a_surge_of_lists_goes_to_junk_and_personal_mail_does_not(strict):
    """B06."""
    server = strict("client_messages = 500\n[filter.surge]\nmessages = 3")
    bulk = b"Subject: Confirm\r\nList-Unsubscribe: <mailto:x@y.test>\r\n\r\nHi"
    for _ in range(10):
        assert deliver(server, "alice", bulk, stranger())[:3] == b"250"
    assert deliver(server, "alice", b"Subject: Personal\r\n\r\nHi", stranger())[:3] == b"250"
    assert subjects(server, "alice", "INBOX") == [b"Confirm"] * 3 + [b"Personal"]
    assert subjects(server, "alice", "Junk") == [b"Confirm"] * 7


def test_who_is_new_comes_again_when_greylisting_is_on_and_postmaster_hears_everybody(strict):
    server = strict('client_connects = 10000\nclient_messages = 10000\n[filter.greylist]\nmode = "on"\ndelay = "1s"')
    source = stranger()

    def said(to: bytes = b"alice@office.test") -> bytes:
        with smtp(server, "smtp", source) as caller:
            return send(caller, b"new@else.test", [to], b"Subject: x\r\n\r\nHi")[:9]

    assert said() == b"451 4.7.0"
    assert said(b"postmaster@office.test") == b"250 2.0.0"
    wait_for(lambda: said() == b"250 2.0.0", "the second try to be good")


def test_more_is_allowed_at_once_when_the_file_says_so(strict):
    """SIGHUP: a limit that was hit is another one now."""
    server = strict("client_connects = 3")
    source = stranger()
    assert [_greeting(server, source) for _ in range(4)] == [b"220", b"220", b"220", b"421"]
    file = next(server.directory.glob("**/posthouse.toml"), server.directory.parent / "posthouse.toml")
    file.write_text(file.read_text().replace("client_connects = 3", "client_connects = 300"))
    os.kill(server.endpoints["pid"], signal.SIGHUP)
    wait_for(lambda: _greeting(server, source) == b"220", "the new limit")


def _greeting(server, source: str) -> bytes:
    with Caller(server, "smtp", source) as caller:
        return caller.line()[:3]


def test_who_is_taken_out_of_junk_is_a_correspondent(strict):
    """B06: what its owner wants stays in his Inbox, whatever surges."""
    server = strict("client_messages = 400\n[filter.surge]\nmessages = 1")
    bulk = b"Subject: Club %d\r\nList-Id: <club.test>\r\n\r\nHi"

    def club(number: int) -> None:
        with smtp(server, "smtp", stranger()) as caller:
            assert send(caller, b"list@club.test", [b"alice@office.test"], bulk % number)[:3] == b"250"

    club(1)
    club(2)
    assert subjects(server, "alice", "Junk") == [b"Club 2"]
    with Imap(server, "alice") as imap:
        imap.do("SELECT Junk")
        assert b" OK " in imap.do("MOVE 1 INBOX")
    club(3)
    assert subjects(server, "alice", "INBOX") == [b"Club 1", b"Club 2", b"Club 3"]
