"""Real scanners behind a real server: while they fail nothing passes unseen, and afterwards everything does."""

import base64
import hashlib
import json
import re
import shutil
import signal
import smtplib
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import scanners
from office import Office, letter, wait_until
from scanners import Program

from posthouse.filter.scanners.trial import EICAR, GTUBE

pytestmark = pytest.mark.heavy

QUIET = (
    "[authentication]\nverify = false\n"
    # as nobody we may not be allowed to run this very Python, which our own workers are made of
    '[filter]\nactions = { "content.failed" = "accept" }\n'
    "[limits]\n"
    + "".join(
        f"{name} = 1000000\n"
        for name in (
            "client_messages",
            "pair_messages_minute",
            "pair_messages_hour",
            "recipient_messages_minute",
            "client_connects",
            "near_connects",
            "far_connects",
        )
    )
)


def section(program: Program, kind: str, **more: object) -> str:
    words = {"kind": kind, "address": program.place, "timeout": "20s", **more}
    return "[[scanner]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in words.items())


@contextmanager
def office(directory: Path, *sections: str, more: str = "") -> Iterator[Office]:
    one = Office(directory / "office", "office.test", ("alice", "bob"), extra=QUIET + more + "".join(sections))
    one.start()
    try:
        yield one
        assert "Traceback" not in (one.dir / "log").read_text(errors="replace")
    finally:
        one.stop()


@contextmanager
def running(program: Program) -> Iterator[Program]:
    try:
        yield program.start()
    finally:
        program.stop()


def send(
    one: Office, subject: str, body: bytes = b"hello\r\n", *, sender: str = "x@sender.test", helo: str = "client.example",
    to: tuple[str, ...] = ("alice@office.test",), fields: bytes = b"",
) -> tuple[int, str]:  # fmt: skip
    """A stranger's message; what he hears at its end."""
    content = (
        f"From: <{sender}>\r\nTo: <{to[0]}>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@sender.test>\r\n"
        "Date: Sat, 1 Nov 2025 00:00:00 +0000\r\n"
    ).encode() + fields
    with smtplib.SMTP("127.0.0.1", one.smtp, local_hostname=helo, timeout=30) as client:
        client.ehlo()
        client.mail(sender)
        answers = [client.rcpt(address) for address in to]
        if all(code != 250 for code, _ in answers):
            return answers[0][0], answers[0][1].decode()
        code, text = client.data(content + b"\r\n" + body)
    return code, text.decode()


def virus(subject: str = "virus") -> tuple[str, bytes]:
    """The test file of eicar.org, in base64 as attachments are."""
    return subject, base64.encodebytes(EICAR).replace(b"\n", b"\r\n")


ENCODED = b"MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"


def subjects(one: Office, person: str = "alice", mailbox: str = "INBOX") -> list[str]:
    return sorted(str(message["Subject"]) for message in one.mailbox(person, mailbox))


def health(one: Office) -> dict[str, object]:
    (row,) = map(json.loads, one.operate("scanner", "list", "--json").splitlines())
    return row


def quarantined(one: Office) -> list[dict[str, object]]:
    return [json.loads(line) for line in one.operate("quarantine", "list", "--json").splitlines()]


@pytest.fixture(scope="module")
def open_place() -> Iterator[Callable[[], Path]]:
    """Makes directories that ``nobody`` finds his way to, with names short enough for a socket."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="posthouse-scan-")))
        return scanners.room(made[-1])

    yield make
    for one in made:
        shutil.rmtree(one, ignore_errors=True)


# -- clamd


@pytest.fixture(scope="module")
def clamd(open_place: Callable[[], Path]) -> Iterator[Program]:
    with running(scanners.clamd(open_place())) as program:
        yield program


@pytest.fixture(scope="module")
def guarded(clamd: Program, open_place: Callable[[], Path]) -> Iterator[Office]:
    with office(open_place(), section(clamd, "clamd")) as one:
        yield one


def test_a_virus_is_refused_both_ways_and_nobody_hears_its_name(guarded: Office) -> None:
    assert send(guarded, "clean")[0] == 250
    code, text = send(guarded, *virus(), fields=ENCODED)
    assert code == 550
    assert "eicar" not in text.lower()
    message = letter("alice@office.test", "friend@elsewhere.test", "outgoing", EICAR.decode() + "\n")
    with pytest.raises(smtplib.SMTPDataError, match=r"5\.7\.1") as refused:
        guarded.submit(message)
    assert "eicar" not in str(refused.value).lower()
    assert "virus" not in subjects(guarded)
    said = re.search(r"id ([0-9a-z]+)", text)
    assert said is not None
    assert "Eicar-Test" in guarded.operate("explain", said[1])


def test_the_operator_sees_that_it_works(guarded: Office) -> None:
    rows = [json.loads(line) for line in guarded.operate("scanner", "test", "--json").splitlines()]
    found = {row["trial"]: row["result"] for row in rows}
    assert found["probe"].startswith("ClamAV")
    assert found["harmless"] == "nothing found"
    assert "Eicar-Test" in found["eicar"]
    assert health(guarded)["state"] == "up"


def test_while_clamd_is_dead_nothing_passes_and_afterwards_everything(guarded: Office, clamd: Program) -> None:
    clamd.kill()
    names = [f"dead-{number}" for number in range(6)]
    answers = [send(guarded, name) for name in names]
    assert {code for code, _ in answers} == {451}
    assert all("4.7.1" in text and "clamd" in text for _, text in answers)
    assert send(guarded, *virus("dead-virus"), fields=ENCODED)[0] == 451
    assert not [one for one in subjects(guarded) if one.startswith("dead")]
    assert health(guarded)["state"] == "down"
    clamd.start()
    wait_until(lambda: health(guarded)["state"] == "up", "clamd to be found again")
    assert {send(guarded, name)[0] for name in names} == {250}
    assert send(guarded, *virus("dead-virus"), fields=ENCODED)[0] == 550
    assert [one for one in subjects(guarded) if one.startswith("dead")] == names


def test_a_crowd_sends_while_clamd_comes_and_goes(guarded: Office, clamd: Program) -> None:
    """Each message is tried until it is taken, as a mail server does; no more are taken than clamd has seen."""
    scans = clamd.log.with_name("scans")
    seen = scans.read_text().count("stream")
    start = threading.Barrier(9)
    tries: list[int] = []

    def one_sender(number: int) -> None:
        start.wait()
        for part in range(5):
            while (code := send(guarded, f"crowd-{number}-{part}", helo=f"h{number}.example")[0]) != 250:
                tries.append(code)

    senders = [threading.Thread(target=one_sender, args=(number,)) for number in range(8)]
    for one in senders:
        one.start()
    start.wait()
    for _ in range(2):
        clamd.kill()
        clamd.start()
    for one in senders:
        one.join()
    assert set(tries) <= {451}
    wanted = sorted(f"crowd-{number}-{part}" for number in range(8) for part in range(5))
    assert [one for one in subjects(guarded) if one.startswith("crowd")] == wanted
    assert scans.read_text().count("stream") - seen >= len(wanted)


def test_a_scanner_that_hangs_defers(clamd: Program, open_place: Callable[[], Path]) -> None:
    with office(open_place(), section(clamd, "clamd", timeout="2s")) as hasty:
        clamd.freeze()
        try:
            assert send(hasty, "frozen")[0] == 451
        finally:
            clamd.thaw()
        wait_until(lambda: send(hasty, "thawed")[0] == 250, "clamd to answer again")
        assert "frozen" not in subjects(hasty)


def test_a_large_message_is_streamed(guarded: Office) -> None:
    lines = (b"x" * 70 + b"\r\n") * 150_000
    assert send(guarded, "large", lines)[0] == 250
    assert send(guarded, "large-virus", lines + EICAR + b"\r\n")[0] == 550


def test_quarantine_instead_of_refusal(clamd: Program, open_place: Callable[[], Path]) -> None:
    with office(open_place(), section(clamd, "clamd", on_virus="quarantine")) as one:
        assert send(one, *virus("to-alice"), fields=ENCODED, to=("alice@office.test", "bob@office.test"))[0] == 250
        message = letter("alice@office.test", "friend@elsewhere.test", "outgoing", EICAR.decode() + "\n")
        one.submit(message)
        rows = quarantined(one)
        assert sorted((row["kind"], row["to"]) for row in rows) == [
            ("copy", "alice@office.test"), ("copy", "bob@office.test"), ("held", "friend@elsewhere.test"),
        ]  # fmt: skip
        assert all("Eicar-Test" in row["reason"] for row in rows)
        assert subjects(one) == subjects(one, "bob") == []
        assert json.loads(one.operate("quarantine", "digest", "--json")) == {"sent": 2}
        (told,) = one.mailbox("bob")
        mine = next(row for row in rows if row["to"] == "bob@office.test")
        assert mine["id"] in told.get_content()
        assert "to-alice" in told.get_content()
        assert json.loads(one.operate("quarantine", "digest", "--json")) == {"sent": 0}
        assert "1 released" in one.operate("quarantine", "release", mine["id"])
        assert "to-alice" in subjects(one, "bob")
        held = next(row for row in rows if row["kind"] == "held")
        assert "1 deleted" in one.operate("quarantine", "drop", held["id"])
        assert one.operate("queue", "list", "--json") == ""
        assert [row["to"] for row in quarantined(one)] == ["alice@office.test"]
        shown = json.loads(one.operate("quarantine", "show", quarantined(one)[0]["id"], "--json"))
        assert shown["subject"] == "to-alice"


def test_a_reload_adopts_another_choice(open_place: Callable[[], Path], clamd: Program) -> None:
    nobody = Program([], f"unix:{open_place()}/nobody.sock", clamd.log)
    with office(open_place(), section(nobody, "clamd")) as one:
        assert send(one, "before")[0] == 451
        one.config.write_text(one.config.read_text().replace('kind = "clamd"', 'kind = "clamd"\non_failure = "accept"'))
        assert one.process is not None
        one.process.send_signal(signal.SIGHUP)
        wait_until(lambda: send(one, "after")[0] == 250, "the new configuration to hold")
        assert "after" in subjects(one)


# -- Rspamd


def test_rspamd_refuses_what_everybody_agreed_is_junk(open_place: Callable[[], Path]) -> None:
    with (
        running(scanners.rspamd(open_place())) as program,
        office(open_place(), section(program, "rspamd")) as one,
    ):
        assert send(one, "fine")[0] == 250
        assert send(one, "gtube", GTUBE + b"\r\n")[0] == 550
        assert health(one)["state"] == "up"
        assert subjects(one) == ["fine"]


# -- milters


@pytest.fixture(scope="module")
def obeyed(open_place: Callable[[], Path]) -> Iterator[tuple[Office, Program]]:
    with (
        running(scanners.pymilter(open_place())) as program,
        office(open_place(), section(program, "milter", name="obedient")) as one,
    ):
        yield one, program


@pytest.mark.parametrize(
    ("subject", "more", "answer"),
    [
        ("accept", {}, "250"),
        ("continue", {}, "250"),
        ("progress", {}, "250"),
        ("skip", {}, "250"),
        ("reject", {}, "550 5.7.1"),
        ("tempfail", {}, "451 4.7.1"),
        ("reply", {}, "554 5.7.9 we have read it, and"),
        ("helo", {"helo": "bad.example"}, "550 5.7.1"),
        ("mail", {"sender": "later@sender.test"}, "451 4.7.1"),
    ],
)
def test_a_milter_is_obeyed(obeyed: tuple[Office, Program], subject: str, more: dict, answer: str) -> None:
    one, _ = obeyed
    code, text = send(one, subject, **more)
    assert f"{code} {text}".startswith(answer)
    assert (subject in subjects(one)) is (code == 250)


def test_a_milter_hears_everything(obeyed: tuple[Office, Program]) -> None:
    one, program = obeyed
    message = letter("alice@office.test", "bob@office.test", "listen")
    one.submit(message)
    heard = program.log.with_name("heard").read_text().rpartition("connect ")[2]
    (delivered,) = [one for one in one.mailbox("bob") if one["Subject"] == "listen"]
    trace = re.search(r"id ([0-9a-z]{12})", delivered["Received"])
    assert trace is not None
    assert heard.startswith("[127.0.0.1] ('127.0.0.1', 0)")
    assert "j=mail.office.test" in heard
    assert f"mail <alice@office.test> i={trace[1]}" in heard
    assert "{auth_authen}=alice@office.test {mail_addr}=alice@office.test" in heard
    assert "{tls_version}=TLSv1.3" in heard
    assert "rcpt <bob@office.test>" in heard
    assert "{rcpt_addr}=bob@office.test" in heard
    assert "field Message-ID" in heard, "what we add is shown too"
    assert "field Subject 'listen'" in heard
    for step in ("data", "eoh", "end 10"):
        assert f"\n{step}" in heard


def test_a_milter_refuses_one_recipient_of_two(obeyed: tuple[Office, Program]) -> None:
    one, program = obeyed
    heard = program.log.with_name("heard")
    before = heard.read_text()
    with smtplib.SMTP("127.0.0.1", one.smtp, timeout=30) as client:
        client.ehlo()
        client.mail("picky@sender.test")
        assert client.rcpt("alice@office.test")[0] == 250
        code, text = client.rcpt("bob@office.test")
        assert f"{code} {text.decode()}".startswith("550 5.7.3 not for bob")
        assert client.data(b"Subject: picky\r\n\r\nhello\r\n")[0] == 250
    assert "picky" in subjects(one)
    assert "picky" not in subjects(one, "bob")
    assert heard.read_text()[len(before) :].count("\nconnect") <= 1, "all of it is one session"
    assert heard.read_text()[len(before) :].count("mail <picky") == 1


def test_a_milter_that_dies_after_rcpt_has_not_seen_the_message(obeyed: tuple[Office, Program]) -> None:
    one, program = obeyed
    with smtplib.SMTP("127.0.0.1", one.smtp, timeout=30) as client:
        client.ehlo()
        client.mail("x@sender.test")
        assert client.rcpt("alice@office.test")[0] == 250
        program.kill()
        assert client.data(b"Subject: orphan\r\n\r\nhello\r\n")[0] == 451
        program.start()
        client.rset()
        client.mail("x@sender.test")
        client.rcpt("alice@office.test")
        program.kill()
        program.start()
        assert client.data(b"Subject: told anew\r\n\r\nhello\r\n")[0] == 250
    assert "orphan" not in subjects(one)
    assert "told anew" in subjects(one)


def test_a_milter_changes_the_header(obeyed: tuple[Office, Program]) -> None:
    one, _ = obeyed
    assert send(one, "change", fields=b"X-Secret: x\r\nX-Kept: y\r\n")[0] == 250
    (message,) = [each for each in one.mailbox("alice") if each["Subject"] == "changed"]
    assert message["X-First"] == "top"
    assert message["X-Last"].split() == ["one", "two"]
    assert message["X-Secret"] is None
    assert message["X-Kept"] == "y"
    assert message.get_content().split() == ["hello"]


def test_a_milter_replaces_the_body(obeyed: tuple[Office, Program]) -> None:
    one, _ = obeyed
    assert send(one, "body")[0] == 250
    (message,) = [each for each in one.mailbox("alice") if each["Subject"] == "body"]
    assert message.get_content().splitlines() == ["another body", ".", "with a dot"]


def test_a_milter_changes_the_envelope(obeyed: tuple[Office, Program]) -> None:
    one, _ = obeyed
    assert send(one, "envelope")[0] == 250
    assert "envelope" not in subjects(one)
    (message,) = [each for each in one.mailbox("bob") if each["Subject"] == "envelope"]
    assert message["Return-Path"] == "<new@sender.test>"


@pytest.mark.parametrize("subject", ["quarantine", "discard"])
def test_what_a_milter_puts_aside_is_in_quarantine(obeyed: tuple[Office, Program], subject: str) -> None:
    one, _ = obeyed
    assert send(one, subject)[0] == 250
    assert subject not in subjects(one)
    assert subject in [row["subject"] for row in quarantined(one)]


def test_a_milter_that_dies_in_the_middle_defers(obeyed: tuple[Office, Program]) -> None:
    one, program = obeyed
    assert send(one, "shutdown")[0] == 451
    assert send(one, "after")[0] == 451
    program.kill()
    program.start()
    wait_until(lambda: send(one, "back")[0] == 250, "the milter to be found again")
    assert "shutdown" not in subjects(one)


def test_opendkim_signs_what_our_own_people_send(open_place: Callable[[], Path]) -> None:
    with (
        running(scanners.opendkim(open_place(), "office.test")) as program,
        office(open_place(), section(program, "milter", scope="out"), more="[dkim]\nsign = false\n") as one,
    ):
        one.submit(letter("alice@office.test", "bob@office.test", "signed"))
        (message,) = one.mailbox("bob")
        signature = re.sub(r"\s", "", message["DKIM-Signature"])
        assert "d=office.test;s=milter;" in signature
        digest = base64.b64encode(hashlib.sha256(b"Regards.\r\n").digest()).decode()
        assert f"bh={digest};" in signature
        assert send(one, "stranger")[0] == 250
        (stranger,) = [each for each in one.mailbox("alice") if each["Subject"] == "stranger"]
        assert stranger["DKIM-Signature"] is None


# -- ICAP


def test_icap_finds_and_lets_pass(clamd: Program, open_place: Callable[[], Path]) -> None:
    socket_path = clamd.place.removeprefix("unix:")
    with (
        running(scanners.c_icap(open_place(), socket_path)) as program,
        office(
            open_place(),
            section(program, "icap", name="av", service="avscan"),
            section(program, "icap", name="echo", service="echo", mode="REQMOD"),
        ) as one,
    ):
        assert send(one, "fine")[0] == 250
        code, text = send(one, "virus", EICAR + b"\r\n")
        assert code == 550
        assert "eicar" not in text.lower()
        assert send(one, "large", (b"x" * 70 + b"\r\n") * 100_000)[0] == 250
        assert subjects(one) == ["fine", "large"]


def test_both_at_once_and_the_stronger_wins(clamd: Program, open_place: Callable[[], Path]) -> None:
    with (
        running(scanners.pymilter(open_place())) as program,
        office(open_place(), section(clamd, "clamd"), section(program, "milter")) as one,
    ):
        assert send(one, "reject")[0] == 550
        assert send(one, "accept", EICAR + b"\r\n")[0] == 550
        assert send(one, "accept")[0] == 250
