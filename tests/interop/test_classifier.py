"""Somebody teaches his filter with his mail program, and it does what he taught it: seen with imaplib, from outside."""

import imaplib
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from attacker import HOST, send, smtp, wait_for
from localserver import LocalServer, localserve

from posthouse.testing.letters import Writer

TAUGHT = 12


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with localserve(tmp_path_factory.mktemp("school")) as one:
        yield one


def operate(server: LocalServer, *words: str) -> list[dict]:
    command = [sys.executable, "-m", "posthouse", *words, "--json", "--dir", str(server.directory / "data")]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


def taught(server: LocalServer, name: str) -> tuple[int, int]:
    for row in operate(server, "classifier", "status"):
        if row["name"] == f"{name}@office.test":
            return row["junk"], row["good"]
    return 0, 0


def logged_in(server: LocalServer, name: str = "alice") -> imaplib.IMAP4_SSL:
    imap = imaplib.IMAP4_SSL("localhost", server.port("imaps"), ssl_context=server.tls)
    imap.login(f"{name}@office.test", server.password(name))
    return imap


def subjects(imap: imaplib.IMAP4_SSL, mailbox: str) -> dict[bytes, bytes]:
    """UID by Message-ID."""
    imap.select(mailbox)
    _, found = imap.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    return {
        re.search(rb"<[^>]+>", one[1])[0]: re.search(rb"UID (\d+)", one[0])[1]
        for one in found
        if isinstance(one, tuple)
    }


def move(imap: imaplib.IMAP4_SSL, source: str, ids: set[bytes], target: str) -> None:
    known = subjects(imap, source)
    uids = b",".join(known[one] for one in ids)
    assert imap.uid("MOVE", uids.decode(), target)[0] == "OK"


def id_of(octets: bytes) -> bytes:
    return re.search(rb"Message-ID: (<[^>]+>)", octets)[1]


def deliver(server: LocalServer, *letters, to: bytes = b"alice@office.test") -> list[bytes]:
    with smtp(server, "smtp", HOST) as caller:
        replies = [send(caller, one.sender.encode(), [to], one.octets) for one in letters]
    assert all(reply[:3] == b"250" for reply in replies), replies
    return [reply.split()[-1] for reply in replies]


@pytest.mark.slow
def test_what_is_moved_to_junk_is_followed_by_its_like_and_back_again(school):
    writer = Writer(1, languages=("en",))
    good, junk = [writer.good() for _ in range(TAUGHT)], [writer.junk() for _ in range(TAUGHT)]
    deliver(school, *good, *junk)
    junk_ids, good_ids = {id_of(one.octets) for one in junk}, {id_of(one.octets) for one in good}
    imap = logged_in(school)
    assert junk_ids | good_ids <= subjects(imap, "INBOX").keys(), "nobody has taught anything yet"

    move(imap, "INBOX", junk_ids, "Junk")
    move(imap, "INBOX", good_ids, "Archive")
    wait_for(lambda: taught(school, "alice") == (TAUGHT, TAUGHT), "the lessons to be learned")
    later = Writer(7, languages=("en",))
    bad, fine = later.junk(), later.good()
    (trace, _) = deliver(school, bad, fine)
    assert id_of(bad.octets) in subjects(imap, "Junk")
    assert id_of(fine.octets) in subjects(imap, "INBOX")
    deliver(school, bad, to=b"bob@office.test")
    with logged_in(school, "bob") as other:
        assert id_of(bad.octets) in subjects(other, "INBOX"), "Bob has taught nothing, and one is no crowd"

    record = operate(school, "explain", trace.decode())[0]
    (reason,) = [one for one in record["reasons"] if one.startswith("classifier.junk: ")]
    assert len(reason.partition("words: ")[2].split(", ")) == 10

    move(imap, "Junk", junk_ids, "INBOX")
    wait_for(lambda: taught(school, "alice")[0] == 0, "the lessons to be taken back")
    another = later.junk()
    deliver(school, another)
    assert id_of(another.octets) in subjects(imap, "INBOX")
    imap.logout()


@pytest.mark.slow
def test_answering_keeping_and_appending_teach_too_and_commands_show_and_forget_it(school, tmp_path):
    writer = Writer(3, languages=("de",))
    letters = [writer.good() for _ in range(3)]
    deliver(school, *letters, to=b"carol@office.test")
    with logged_in(school, "carol") as imap:
        uids = subjects(imap, "INBOX")
        first, second, _ = [uids[id_of(one.octets)].decode() for one in letters]
        imap.uid("STORE", first, "+FLAGS", "(\\Answered)")
        imap.uid("STORE", second, "+FLAGS", "(\\Flagged \\Seen)")
        imap.append("Junk", None, None, writer.junk().octets)
        imap.append("INBOX", None, None, writer.junk().octets)
    wait_for(lambda: taught(school, "carol") == (1, 2), "the lessons to be learned")

    files = []
    for number in range(40):
        letter = writer.junk() if number % 2 else writer.good()
        path = tmp_path / f"{number}.eml"
        path.write_bytes(letter.octets)
        files.append((path, letter.is_junk))
    for kind, wanted in (("--junk", True), ("--good", False)):
        names = [str(path) for path, is_junk in files if is_junk is wanted]
        assert operate(school, "classifier", "train", kind, *names) == [{"shown": 20, "learned": 20}]
        assert operate(school, "classifier", "train", kind, *names) == [{"shown": 20, "learned": 0}]
    (verdict, *words) = operate(school, "classifier", "explain", str(files[1][0]))
    assert verdict["junk"] > 0.9
    assert 0 < len(words) <= 10
    fresh = writer.junk()
    deliver(school, fresh, to=b"bob@office.test")
    with logged_in(school, "bob") as imap:
        assert id_of(fresh.octets) in subjects(imap, "Junk"), "what the operator trains holds for all"
    for who in ("operator", "carol@office.test"):
        assert operate(school, "classifier", "forget", who, "--yes")[0]["tokens"] > 50
    assert taught(school, "carol") == (0, 0)
