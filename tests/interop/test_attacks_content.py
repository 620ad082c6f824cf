"""Hostile messages: taken or refused, kept octet by octet, and read back in bounded time whatever is asked of them."""

import base64
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from attacker import HOST, MIB, Imap, Pop3, bounded, deliver, empty, operate, send, smtp, submitter, yardstick

HEAD = b"From: evil@else.test\r\nTo: alice@office.test\r\nSubject: hostile\r\nMIME-Version: 1.0\r\n"


def nested(depth: int) -> bytes:
    """Multiparts within multiparts."""
    opening = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return HEAD + opening + b"\r\ninnermost\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(depth)))


def nested_messages(depth: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: innermost\r\n\r\nhello\r\n"


def with_parts(number: int, part: bytes = b"Content-Type: text/plain\r\n\r\nx\r\n") -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + (b"--b\r\n" + part) * number + b"--b--\r\n"


def typed(content_type: bytes, body: bytes = b"--b\r\n\r\nx\r\n--b--\r\n") -> bytes:
    return HEAD + b"Content-Type: " + content_type + b"\r\n\r\n" + body


def field(name: bytes, value: bytes) -> bytes:
    return HEAD + name + b": " + value + b"\r\n\r\nbody\r\n"


MESSAGES = {
    "multiparts 31 deep": nested(31),
    "multiparts 2,000 deep": nested(2000),
    "one boundary for all levels": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 2000 + b"\r\nx\r\n--b--\r\n",
    "messages 33 deep": nested_messages(33),
    "messages 2,000 deep": nested_messages(2000),
    "messages and multiparts in turns": HEAD + (b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n") * 500 + b"x\r\n",
    "a message that is empty": HEAD + b"Content-Type: message/rfc822\r\n\r\n",
    "messages of nothing in parts": with_parts(50, b"Content-Type: message/rfc822\r\n\r\n"),
    "10,000 parts": with_parts(10_000),
    "a million lines that could be boundaries": with_parts(1, b"\r\n" + b"--bx\r\n" * 1_000_000),
    "100,000 boundaries": typed(b"multipart/mixed; boundary=b", b"--b\r\n" * 100_000),
    "boundaries that begin alike": typed(b"multipart/mixed; boundary=b", b"--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\nx\r\n--b\r\n\r\ny\r\n--bb--\r\n--b--\r\n"),
    "no boundary": typed(b"multipart/mixed"),
    "an empty boundary": typed(b'multipart/mixed; boundary=""'),
    "a boundary of 10 kB": typed(b"multipart/mixed; boundary=" + b"b" * 10_000, b"--" + b"b" * 10_000 + b"\r\n\r\nx\r\n"),
    "two boundaries": typed(b"multipart/mixed; boundary=b; boundary=c"),
    "two types": HEAD + b"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "a boundary in pieces": typed(b"multipart/mixed; boundary*0=b; boundary*1=; boundary*2*=%62"),
    "10,000 pieces of a name": field(b"Content-Disposition", b"attachment" + b"".join(b";\r\n filename*%d*=%%41" % n for n in range(1500))),
    "parameters without end": field(b"Content-Type", b"text/plain" + b"; a=b" * 6000),
    "parameters of quotes": field(b"Content-Type", b'text/plain; a="' + b'\\"' * 15000),
    "a type of slashes": field(b"Content-Type", b"/" * 30000),
    "comments 10,000 deep": field(b"Content-Type", b"text/plain " + b"(" * 10000),
    "comments in the author": HEAD + b"Reply-To: " + b"(" * 15000 + b")" * 15000 + b" a@b.test\r\n\r\nx\r\n",
    "a name in the author": HEAD + b"Cc: " + b"a " * 60000 + b"\r\n\r\nx\r\n",
    "angles in the author": HEAD + b"Cc: " + b"<" * 60000 + b"\r\n\r\nx\r\n",
    "quotes in the author": HEAD + b'Cc: "' + b'\\"' * 60000 + b"\r\n\r\nx\r\n",
    "groups in the author": HEAD + b"Cc: " + b"a:" * 60000 + b"\r\n\r\nx\r\n",
    "commas in the author": HEAD + b"Cc: " + b"," * 120000 + b"\r\n\r\nx\r\n",
    "10,000 addresses": HEAD + b"Cc: " + b", ".join([b"a@b.test"] * 10_000) + b"\r\n\r\nx\r\n",
    "16,000 encoded words": HEAD + b"".join(b"X-%d: " % n + b" ".join([b"=?u?q?a?="] * 800) + b"\r\n" for n in range(20)) + b"Subject: " + b"=?utf-8?q?a?= " * 2000 + b"\r\n\r\nx\r\n",
    "encoded words that do not end": field(b"Subject", b"=?" * 16000),
    "encoded words of question marks": field(b"Subject", b"=?utf-8?q?" + b"?" * 30000),
    "encoded words of rare charsets": field(b"Subject", b" ".join(b"=?%s?b?AAAA?=" % c for c in (b"utf-7", b"idna", b"punycode", b"zip", b"rot13", b"unicode_escape", b"hex", b"undefined", b"mbcs", b"utf-16", b"\xff", b"../x", b"base64", b"bz2", b"iso-2022-jp", b"hz", b"cp65001"))),
    "a charset that is code": typed(b"text/plain; charset=unicode_escape", b"\\N{BULLET}\\U0010FFFF\\x\r\n"),
    "UTF-7": typed(b"text/plain; charset=utf-7", b"+ADw-script+AD4-\r\n"),
    "an idna charset": typed(b"text/plain; charset=idna", b"xn--" + b"a" * 60000 + b"\r\n"),
    "a punycode charset": typed(b"text/plain; charset=punycode", b"a" * 60000 + b"-" + b"9" * 60000 + b"\r\n"),
    "base64 that is none": HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A=\r\n" * 10000,
    "quoted-printable that is none": HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n=Z=0=\r\n" * 10000 + b"=",
    "uuencode": HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 ../../x\r\n" + b"M" * 60000 + b"\r\n",
    "an encoding of a multipart": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "HTML of tags": typed(b"text/html", (b"<a>" * 300 + b"\r\n") * 1000),
    "HTML of brackets": typed(b"text/html", (b"<" * 998 + b"\r\n") * 1000),
    "HTML of comments": typed(b"text/html", (b"<!--" * 200 + b"\r\n") * 1000),
    "HTML of entities": typed(b"text/html", (b"&#99999999999999;&amp" * 40 + b"\r\n") * 1000),
    "HTML of scripts": typed(b"text/html", (b"<script><style>" * 60 + b"\r\n") * 1000),
    "references without end": field(b"References", b" ".join(b"<%d@x.test>" % n for n in range(2500))),
    "a message-id of brackets": field(b"Message-ID", b"<" * 30000),
    "a date of nothing": field(b"Date", b"(" * 15000 + b"Mon, 99 Foo 99999 99:99:99 +99999999999999999999"),
    "a date of digits": field(b"Date", b"9" * 30000),
    "only blanks": b" \r\n" * 900 + b"\r\n \r\n" * 1000,
    "only colons": b":\r\n" * 900 + b"\r\n",
    "no header": b"\r\nbody\r\n",
    "nothing": b"",
    "no body": b"Subject: x\r\n",
    "eight-bit names": b"\xff\xfe: x\r\nS\xc3\xbcbject: y\r\nSubject\xc2\xa0: z\r\n\r\nx\r\n",
    "controls in the subject": field(b"Subject", bytes(range(1, 9)) + b"\x0b\x0c" + bytes(range(14, 32)) + b"\x7f\x80\x9f"),
    "every octet in the body": HEAD + b"\r\n" + bytes(n for n in range(1, 256) if n not in (10, 13)) * 20 + b"\r\n",
    "partial": typed(b'message/partial; id="x"; number=1; total=99999999999999999999'),
    "external": typed(b'message/external-body; access-type=local-file; name="/etc/passwd"', b"Content-Type: text/plain\r\n\r\n"),
    "a delivery report of reports": typed(b"multipart/report; report-type=delivery-status; boundary=b", b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + b"Reporting-MTA: dns; x\r\n\r\n" * 5000 + b"--b--\r\n"),
    "names that go up": typed(b"multipart/mixed; boundary=b", b'--b\r\nContent-Disposition: attachment; filename="../../../../etc/passwd\\\r\n"\r\n\r\nx\r\n--b--\r\n'),
}  # fmt: skip

HELD = {
    **dict.fromkeys(
        ("multiparts 2,000 deep", "one boundary for all levels", "10,000 parts",
         "a million lines that could be boundaries", "100,000 boundaries"),
        "content.unscannable: ",
    ),
    "partial": "content.partial: ",
    **dict.fromkeys(("uuencode", "names that go up"), "content.disguise: "),
}  # fmt: skip
"""Nobody can look through them, or what they are part of: kept from the reader until an operator lets them go (M06)."""

QUESTIONS = (
    b"FETCH 1 (ENVELOPE)", b"FETCH 1 (BODYSTRUCTURE BODY)", b"FETCH 1 (BODY.PEEK[1])", b"FETCH 1 (BODY.PEEK[1.1.1])",
    b"FETCH 1 (BODY.PEEK[1.MIME] BODY.PEEK[1.HEADER] BODY.PEEK[1.TEXT])", b"FETCH 1 (BODY.PEEK[1." + b"1." * 40 + b"1.MIME])",
    b"FETCH 1 (BODY.PEEK[" + b"1." * 1990 + b"1])", b"FETCH 1 (BODY.PEEK[999999999] BODY.PEEK[1.4294967295])",
    b"FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT FROM CC)] BODY.PEEK[HEADER.FIELDS.NOT (X)])",
    b"FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])", b"FETCH 1 (PREVIEW THREADID EMAILID RFC822.SIZE)",
    b"SEARCH TEXT innermost", b"SEARCH BODY zzz SUBJECT yyy", b"SEARCH FROM x CC y SENTSINCE 1-Jan-2020 HEADER References z",
)  # fmt: skip


def kept_from_alice(server) -> dict[str, dict]:
    """What is in quarantine for her, by id."""
    return {row["id"]: row for row in operate(server, "quarantine list", account="alice@office.test")}


def let_go(server, imap: Imap, before: set[str], reason: str) -> None:
    """What came since ``before`` is in quarantine for ``reason`` and nowhere else; from there it goes to the inbox."""
    assert b"* 0 EXISTS" in imap.do("EXAMINE INBOX")
    ((ident, row),) = ((ident, row) for ident, row in kept_from_alice(server).items() if ident not in before)
    assert row["reason"].startswith(reason), row
    assert operate(server, "quarantine release", id=ident) == [{"changed": 1}]
    assert kept_from_alice(server).keys() == before


@pytest.mark.parametrize("name", MESSAGES)
def test_a_hostile_message_is_kept_as_it_came_and_read_in_bounded_time(server, name):
    """M01 to M06: whatever is in it, it is refused with a reply or kept octet by octet, and each question has an answer.

    What nobody can look through is kept in quarantine, and is the same when it is let go.
    """
    message = MESSAGES[name]
    empty(server, "alice")
    kept = set(kept_from_alice(server))
    with bounded(server, octets=48 * MIB) as house:
        before, unit = house.family_cpu_seconds, yardstick()
        reply = deliver(server, "alice", message.replace(b"\r\n.", b"\r\n.."))
        assert reply[:3] in {b"250", b"554"}, reply
        assert house.family_cpu_seconds - before < 30 * unit, "the acceptance, and the look into it"
        with Imap(server, "alice") as imap:
            if reply[:3] == b"554":
                assert b"\r\n" in imap.append("INBOX", message)
            if name in HELD:
                spent = house.cpu_seconds
                let_go(server, imap, kept, HELD[name])
                assert house.cpu_seconds - spent < 20 * unit, "the release"
            imap.do("SELECT INBOX")
            whole = imap.do("FETCH 1 (BODY.PEEK[])")
            assert message.removesuffix(b"\r\n") in whole
            for question in QUESTIONS:
                spent = house.cpu_seconds
                answer = imap.do(question)
                last = answer.rpartition(b"\r\n")[0].rpartition(b"\n")[2]
                assert b" OK " in last or b"UNKNOWN-CTE" in last or b" BAD " in last, (question, last)
                assert house.cpu_seconds - spent < 20 * unit, question
        with Pop3(server, "alice") as pop3:
            pop3.say(b"TOP 1 5\r\n")
            assert pop3.to(b"\r\n.\r\n").startswith(b"+OK")


def test_a_hostile_message_of_our_own_people(server):
    """The same at submission, where headers are read closest (A08, H7)."""
    with bounded(server, octets=48 * MIB), submitter(server) as caller:
        caller.socket.settimeout(60)
        for message in MESSAGES.values():
            ours = b"From: alice@office.test\r\n" + message.removeprefix(b"From: evil@else.test\r\n").replace(
                b"\r\n.", b"\r\n.."
            )
            reply = send(caller, b"alice@office.test", [b"bob@office.test"], ours)
            assert reply[:3] in {b"250", b"554", b"550"}, reply
            if not reply:
                raise AssertionError("hung up")


def test_separators_without_addresses_are_not_read_to_their_end(server):
    """M03, H7: fields of 125 KB of commas, at signs or quotes hold no address; finding that out is cheap."""
    for filling in (b",", b"@", b";", b"<>", b'"\\', b"(", b"a:"):
        value = (filling * 125_000)[:125_000]
        folded = b"\r\n ".join(value[n : n + 900] for n in range(0, len(value), 900))
        with bounded(server, octets=16 * MIB) as house:
            before, unit = house.cpu_seconds, yardstick()
            content = b"To: " + folded + b"\r\nCc: " + folded + b"\r\n\r\nbody\r\n"
            assert deliver(server, "bob", content)[:3] == b"250"
            assert house.cpu_seconds - before < 5 * unit, filling


@pytest.mark.heavy
def test_reading_hostile_mail_does_not_keep_others_waiting(server):
    """H1, H7: while one searches large hostile mail, somebody else's commands are answered."""
    body = base64.encodebytes(os.urandom(3 * MIB)).replace(b"\n", b"\r\n")
    message = HEAD + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body
    with Imap(server, "carol") as imap:
        imap.do("CREATE heavy")
        for _ in range(10):
            assert b" OK " in imap.append("heavy", message)
        imap.do("SELECT heavy")
        with bounded(server, octets=96 * MIB), Imap(server, "bob") as neighbour:
            imap.say(b"s SEARCH " + b" ".join(b"TEXT x%d" % n for n in range(20)) + b"\r\n")
            slowest = 0.0
            for _ in range(50):
                started = time.monotonic()
                assert b" OK " in neighbour.do("NOOP")
                slowest = max(slowest, time.monotonic() - started)
                time.sleep(0.02)
            assert slowest < 2
            assert imap.answer(b"s").splitlines()[-1].startswith(b"s OK")
    with Imap(server, "carol") as imap:
        imap.do("DELETE heavy")


def test_a_thousand_forwards_of_a_report_make_no_storm(server):
    """B03: a message that has been here ten times is refused, and nobody is told (loops, L22)."""
    ours = b"Received: from x by mx.office.test with ESMTP id 1; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    before = len(list((server.directory / "data" / "outside").glob("*")))
    with bounded(server), smtp(server, source=HOST) as caller:
        assert send(caller, b"a@loop.test", [b"alice@office.test"], ours * 10 + HEAD + b"\r\nx\r\n")[:3] == b"250"
        assert send(caller, b"a@loop.test", [b"alice@office.test"], ours * 11 + HEAD + b"\r\nx\r\n")[:9] == b"554 5.4.6"
        assert (
            send(caller, b"a@loop.test", [b"alice@office.test"], b"received: x\r\n" * 101 + HEAD + b"\r\nx\r\n")[:9]
            == b"554 5.4.6"
        )
    assert len(list((server.directory / "data" / "outside").glob("*"))) == before


# -- the door for operators


CONTROL = (
    b"\n", b"{}\n", b"[]\n", b"null\n", b"1\n", b'{"do": 1}\n', b'{"do": "queue list", "with": []}\n', b'{"do": "no such"}\n',
    b'{"do": "account add", "with": {"address": 1, "password": {}}}\n', b'{"do": "queue list", "with": {"x": 1}}\n',
    b'{"do": "queue drop", "with": {"id": "../../x"}}\n', b'{"do": "account add", "with": {"address": "\\u0000@office.test", "password": "x"}}\n',
    b'{"do": "domain add", "with": {"name": "a\\nb"}}\n', b'{"do": "explain", "with": {"id": "\' OR 1=1"}}\n', b"\xff\xfe\n", b"NaN\n",
    b"[" * 60000 + b"\n", b'{"a":' * 12000 + b"\n", b"9" * 60000 + b"\n", b'"\\ud800"\n', b'{"do": "\\ud800"}\n', b"x" * 70000 + b"\n",
    b'{"do": "queue list", "with": {"limit": 1e999}}\n', b'{"do": "queue list", "with": {"limit": -1}}\n', b"GET / HTTP/1.1\r\n\r\n",
)  # fmt: skip


@pytest.mark.parametrize("request_line", CONTROL, ids=lambda one: repr(one[:40]))
def test_a_broken_request_at_the_control_socket_is_only_refused(server, request_line):
    """Even an operator's program may be wrong: refused in a line of JSON, and the door stays open."""
    path = server.directory / "data" / "store" / "control.sock"
    with bounded(server), socket.socket(socket.AF_UNIX) as control:
        control.settimeout(20)
        control.connect(str(path))
        control.sendall(request_line)
        control.shutdown(socket.SHUT_WR)
        answer = b""
        while octets := control.recv(65536):
            answer += octets
        assert b'"failed"' in answer or b'"done"' in answer, answer


STRANGER = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setgid(65534); os.setgroups([]); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.settimeout(10)
s.connect("control.sock")
sys.stdout.write(s.recv(4096).decode())
"""


def ask_as_stranger(store: Path) -> "subprocess.CompletedProcess[str]":
    """Who has no right asks from within the directory, so that only the directory and the socket say no."""
    return subprocess.run([sys.executable, "-c", STRANGER, str(store)], capture_output=True, check=False, text=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_control_socket_refuses_strangers(server):
    """Mode 0600 in a directory of 0700; whoever gets past both is asked by the kernel who he is (SO_PEERCRED)."""
    store = server.directory / "data" / "store"
    control = store / "control.sock"
    assert (store.stat().st_mode & 0o777, control.stat().st_mode & 0o777) == (0o700, 0o600)
    assert "PermissionError" in ask_as_stranger(store).stderr
    try:
        store.chmod(0o711)
        assert "PermissionError" in ask_as_stranger(store).stderr
        control.chmod(0o666)
        done = ask_as_stranger(store)
        assert "you may not do this" in done.stdout, done
    finally:
        control.chmod(0o600)
        store.chmod(0o700)


@pytest.mark.parametrize(
    "request_line",
    [b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/9\r\n\r\n", b"POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
     b"GET http://x/metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\nHost: x\n\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     b"GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", b"GET /" + b"a" * 9000,
     b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2000 + b"\r\n", b" \r\n\r\n", b"\r\n\r\n", b"\0" * 9000],
    ids=lambda one: repr(one[:40]),
)  # fmt: skip
def test_the_metrics_port_answers_one_request_and_closes(server, request_line):
    """W14 in small: one answer at most, whatever comes behind it."""
    with bounded(server, octets=4 * MIB), socket.create_connection((HOST, server.port("metrics")), 20) as one:
        one.sendall(request_line)
        one.shutdown(socket.SHUT_WR)
        answer = b""
        while octets := one.recv(65536):
            answer += octets
        assert answer.count(b"HTTP/1.1 ") <= 1
        assert b"root:" not in answer
