"""Files in mail at the real doors: held on the way in and on the way out, let through when there is nothing in them.

Each case looks at the reply, the ledger and the mailbox (threats M06 to M10).
"""

import imaplib
import re
import smtplib
from pathlib import Path

import pytest
from localserver import LocalServer, Program, localserve

from posthouse.cli.asking import House
from posthouse.filter.content.finding import Kind
from posthouse.filter.content.looking import look
from posthouse.filter.content.unpacking import Bounds
from posthouse.testing.bombs import bombs
from posthouse.testing.carriers import HEAD, TEST_FILE, containers, message, wrappers, zipped

HARMLESS = b"nothing of interest\r\n" * 4


def house(server: LocalServer) -> House:
    return House(server.directory / "data", None, None)


def explain(server: LocalServer, reply: bytes) -> list[dict]:
    (trace,) = re.findall(rb"\bid ([0-9a-z]{12})\b", reply)
    return [dict(row) for row in house(server).ask("explain", id=trace.decode())]


def send(server: LocalServer, octets: bytes, mail_from: str = "alice@far.test", to: str = "carol@office.test") -> bytes:
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as client:
        client.ehlo("far.test")
        client.mail(mail_from)
        client.rcpt(to)
        code, text = client.data(octets)
    assert code == 250, text
    return text


def in_mailbox(server: LocalServer, name: str, mailbox: str = "INBOX") -> int:
    with imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=server.tls) as client:
        client.login(f"{name}@office.test", server.password(name))
        _, found = client.select(mailbox, readonly=True)
        return int(found[0])


def test_the_test_string_is_held_in_every_container_and_seen_by_nobody(server: LocalServer) -> None:
    before = in_mailbox(server, "carol"), in_mailbox(server, "carol", "Junk")
    for way, octets in containers().items():
        (record,) = explain(server, send(server, octets))
        assert record["action"] == "quarantine", way
        assert any(reason.startswith("content.virus: ") for reason in record["reasons"]), way
    assert (in_mailbox(server, "carol"), in_mailbox(server, "carol", "Junk")) == before


def test_the_same_containers_without_it_arrive(server: LocalServer) -> None:
    before = in_mailbox(server, "carol")
    ways = {
        way: octets
        for way, octets in containers(HARMLESS).items()
        if way in {"body", "zip", "tar.gz", "rfc822", "docx"}
    }
    for way, octets in ways.items():
        (record,) = explain(server, send(server, octets))
        assert record.get("action") is None, (way, record["reasons"])
    assert in_mailbox(server, "carol") == before + len(ways)


SEVEN_WAYS = {
    "lzma2": "-m0=lzma2", "lzma": "-m0=lzma", "copy": "-m0=copy", "deflate": "-m0=deflate", "bzip2": "-m0=bzip2",
    "for programs": "-m0=bcj -m1=lzma", "delta": "-m0=delta:4 -m1=lzma2", "one by one": "-ms=off",
    "a plain list": "-mhc=off", "unknown": "-m0=ppmd", "password": "-psecret", "hidden names": "-psecret -mhe=on",
}  # fmt: skip


@pytest.mark.interop
@pytest.mark.parametrize("way", SEVEN_WAYS)
def test_what_the_real_7z_packs_is_unpacked_or_held(program: type[Program], tmp_path: Path, way: str) -> None:
    (tmp_path / "a.txt").write_bytes(TEST_FILE)
    (tmp_path / "b.txt").write_bytes(HARMLESS * 100)
    (tmp_path / "empty").write_bytes(b"")
    program("7z").run("a", *SEVEN_WAYS[way].split(), "x.7z", "a.txt", "b.txt", "empty", cwd=tmp_path)
    found = look(message((tmp_path / "x.7z").read_bytes(), "x.7z"), bounds=Bounds())
    expected = {"unknown": Kind.OPAQUE, "password": Kind.ENCRYPTED, "hidden names": Kind.ENCRYPTED}
    assert found.has(expected.get(way, Kind.TEST_VIRUS))


def test_a_hundred_ambiguous_messages_are_held(server: LocalServer) -> None:
    ways = list(wrappers())[::3]
    assert len(ways) >= 100
    before = in_mailbox(server, "carol")
    with smtplib.SMTP("127.0.0.1", server.port("smtp"), timeout=60) as client:
        for number, (way, octets) in enumerate(ways):
            if number % 40 == 0:
                client.close()
                client.connect("127.0.0.1", server.port("smtp"))
                client.ehlo("far.test")
            client.mail("alice@far.test")
            client.rcpt("carol@office.test")
            code, reply = client.data(octets)
            assert code == 250, (way, reply)
            assert explain(server, reply)[0].get("action") == "quarantine", way
    assert in_mailbox(server, "carol") == before


def submit(server: LocalServer, name: str, octets: bytes) -> list[dict]:
    """Sends as one of our people to somebody outside; what is known of it then."""
    octets = octets.replace(b"From: Alice <alice@far.test>", f"From: {name}@office.test".encode())
    with smtplib.SMTP("127.0.0.1", server.port("submission"), timeout=60) as client:
        client.starttls(context=server.tls)
        client.login(f"{name}@office.test", server.password(name))
        client.mail(f"{name}@office.test")
        client.rcpt("friend@far.test")
        code, reply = client.data(octets)
    assert code == 250, reply
    return explain(server, reply)


def test_a_program_is_held_on_its_way_out_too(server: LocalServer) -> None:
    record, queued = submit(server, "alice", message(zipped({"tool.exe": b"MZ" + bytes(200)}), "tool.zip"))
    assert record["action"] == "quarantine"
    assert record["reasons"][0] == 'content.executable: "tool.exe" in "tool.zip" is a program by its name'
    assert queued["state"] == "held"


@pytest.mark.slow
def test_a_file_that_goes_round_among_our_people_is_held(tmp_path: Path) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mx.office.test"\n[limits]\nworm_accounts = 3\n')
    octets = message(b"\x01 what spreads itself" * 30, "card.dat")
    with localserve(tmp_path, "--config", str(file)) as server:
        assert [submit(server, name, octets)[0].get("action") for name in ("alice", "bob", "bob", "alice")] == [
            None
        ] * 4
        record, queued = submit(server, "carol", octets)
        assert (record["action"], queued["state"]) == ("quarantine", "held")
        assert record["reasons"] == ['content.worm: "card.dat" is sent by many of our accounts within minutes']


def test_bombs_are_held_and_others_are_served(server: LocalServer) -> None:
    kinds = bombs()
    for way in ("zip of zips of zeros", "gz of gz of gz of gz", "zip of 2,000 files", "xz of zeros"):
        (record,) = explain(server, send(server, kinds[way]))
        assert record["action"] == "quarantine", way
        assert any(reason.startswith("content.unscannable: ") for reason in record["reasons"]), way
    assert explain(server, send(server, HEAD + b"\r\nhello\r\n"))[0].get("action") is None


@pytest.mark.slow
def test_what_a_class_means_is_in_the_configuration(tmp_path) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mx.office.test"\n[filter.content]\nexecutable = "refuse"\nvirus = "junk"\n')
    with localserve(tmp_path, "--config", str(file)) as server:
        (record,) = explain(server, send(server, containers()["body"]))
        assert record["action"] == "junk"
        with pytest.raises(AssertionError, match=r"5\.7\.1"):
            send(server, message(b"\x7fELF" + bytes(60), "notes.txt"))
