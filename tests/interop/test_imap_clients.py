"""Real IMAP clients live with us: imaplib, IMAPClient, mbsync, curl, mutt."""

import contextlib
import imaplib
import os
import smtplib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]
HOST = "127.0.0.1"


def letter(subject: str, body: str = "Hello.\r\n", *, to: str = "alice") -> bytes:
    return (
        f"From: Myertor <bob@elsewhere.test>\r\nTo: {to}@office.test\r\nSubject: {subject}\r\n"
        f"Date: Mon, 01 Jan 2024 10:00:00 +0000\r\nMessage-ID: <{uuid.uuid4()}@office.test>\r\n\r\n{body}"
    ).encode()


def deliver(server, subject: str, *, to: str = "alice") -> None:
    with smtplib.SMTP(HOST, server.port("smtp"), timeout=20) as smtp:
        smtp.sendmail("bob@elsewhere.test", [f"{to}@office.test"], letter(subject, to=to))


@contextlib.contextmanager
def imap(server, name: str = "alice") -> Iterator[imaplib.IMAP4_SSL]:
    connection = imaplib.IMAP4_SSL(HOST, server.port("imaps"), ssl_context=server.tls, timeout=30)
    try:
        connection.login(f"{name}@office.test", server.password(name))
        yield connection
    finally:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            connection.logout()


@pytest.fixture
def mailbox(server) -> Iterator[str]:
    """A mailbox of alice's of its own for a test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    with imap(server) as connection:
        assert connection.create(name)[0] == "OK"
    yield name
    with imap(server) as connection:
        assert connection.delete(name)[0] == "OK"


def fill(server, mailbox: str, number: int) -> None:
    with imap(server) as connection:
        for n in range(number):
            assert connection.append(mailbox, None, None, letter(f"letter {n}"))[0] == "OK"


def count(server, mailbox: str) -> int:
    with imap(server) as connection:
        return int(connection.select(mailbox, readonly=True)[1][0])


def flags(server, mailbox: str) -> list[bytes]:
    with imap(server) as connection:
        connection.select(mailbox, readonly=True)
        return connection.fetch("1:*", "(FLAGS)")[1]


# -- imaplib -----------------------------------------------------------------------------------


def test_no_password_in_the_clear(server):
    connection = imaplib.IMAP4(HOST, server.port("imap"), timeout=20)
    assert "LOGINDISABLED" in connection.capabilities
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        connection.login("alice@office.test", server.password("alice"))
    connection.starttls(server.tls)
    assert connection.login("alice@office.test", server.password("alice"))[0] == "OK"
    connection.logout()


def test_a_wrong_password_is_refused(server):
    connection = imaplib.IMAP4_SSL(HOST, server.port("imaps"), ssl_context=server.tls, timeout=20)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        connection.login("alice@office.test", "wrong")
    connection.shutdown()


def test_every_octet_comes_back(server, mailbox):
    """A message of three megabytes with every octet but those that lines are made of."""
    line = bytes(octet for octet in range(1, 256) if octet not in b"\r\n") + b"\r\n"
    message = letter("big", "") + line * 12_000
    with imap(server) as connection:
        connection.append(mailbox, "\\Seen", None, message)
        connection.select(mailbox)
        assert connection.fetch("1", "(BODY.PEEK[])")[1][0][1] == message
        assert (
            connection.fetch("1", "(BODY.PEEK[TEXT]<1000.5000>)")[1][0][1]
            == message.partition(b"\r\n\r\n")[2][1000:6000]
        )


def test_two_see_the_same(server, mailbox):
    """What one does the other is told, in time to do nothing wrong."""
    fill(server, mailbox, 3)
    with imap(server) as one, imap(server) as other:
        one.select(mailbox)
        other.select(mailbox)
        one.store("2", "+FLAGS.SILENT", "(\\Deleted $Done)")
        other.noop()
        assert b"$Done" in other.response("FETCH")[1][-1]
        one.expunge()
        other.noop()
        assert other.response("EXPUNGE")[1] == [b"2"]
        assert other.search(None, "ALL")[1] == [b"1 2"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "~root", "a//b", "&", "a\x01b", "x" * 300, "#news"])
def test_names_that_no_mailbox_has(server, name):
    with imap(server) as connection:
        quoted = '"' + name.replace("\x01", "") + '"' if "\x01" not in name else '"a&AAE-b"'
        assert connection.create(quoted)[0] == "NO"
        assert connection.noop()[0] == "OK"


def test_strangers_octets_do_not_hurt(server):
    """Garbage before login: an answer or a hang-up, and the neighbours notice nothing."""
    import socket

    for octets in (
        b"\x16\x03\x01\x00\xa5",
        b"GET / HTTP/1.1\r\n\r\n",
        b"a" * 9000,
        b"a LOGIN {99999999999+}\r\n",
        b"\r\n" * 100,
    ):
        with socket.create_connection((HOST, server.port("imap")), timeout=20) as stranger:
            stranger.sendall(octets)
            heard = b""
            with contextlib.suppress(ConnectionError):
                while chunk := stranger.recv(4096):
                    heard += chunk
            assert b"BYE" in heard or not heard.partition(b"\r\n")[2]
    with imap(server) as connection:
        assert connection.noop()[0] == "OK"


# -- IMAPClient --------------------------------------------------------------------------------


@pytest.fixture
def client(server):
    imapclient = pytest.importorskip("imapclient")
    connection = imapclient.IMAPClient(HOST, server.port("imap"), ssl=False, timeout=30)
    connection.starttls(server.tls)
    connection.login("alice@office.test", server.password("alice"))
    yield connection
    connection.logout()


def test_folders_for_every_use(client):
    uses = {use: name for attributes, _, name in client.list_folders() for use in attributes}
    assert (uses[b"\\Sent"], uses[b"\\Trash"], uses[b"\\Junk"]) == ("Sent", "Trash", "Junk")
    assert (uses[b"\\Drafts"], uses[b"\\Archive"]) == ("Drafts", "Archive")


def test_idle_hears_of_new_mail(client, server):
    client.select_folder("INBOX")
    client.idle()
    deliver(server, "news from the site")
    heard = client.idle_check(timeout=20)
    client.idle_done()
    assert any(line[1] == b"EXISTS" for line in heard if len(line) == 2)
    (uid,) = client.search(["SUBJECT", "news from the site"])[-1:]
    envelope = client.fetch([uid], ["ENVELOPE"])[uid][b"ENVELOPE"]
    assert envelope.subject == b"news from the site"
    client.delete_messages([uid])
    client.expunge([uid])


def test_a_folder_in_german(client):
    client.create_folder("Entwürfe & Pläne/Öfen")
    assert "Entwürfe & Pläne/Öfen" in [name for _, _, name in client.list_folders("Entwürfe & Pläne")]
    client.rename_folder("Entwürfe & Pläne", "Zeichnungen")
    assert client.folder_exists("Zeichnungen/Öfen")
    client.delete_folder("Zeichnungen/Öfen")
    client.delete_folder("Zeichnungen")


def test_search_copy_move_and_flags(client, server, mailbox):
    fill(server, mailbox, 5)
    client.select_folder(mailbox)
    uids = client.search(["SUBJECT", "letter 3"])
    assert len(uids) == 1
    assert client.add_flags(uids, [b"\\Flagged", b"$Important"])[uids[0]] == (b"$Important", b"\\Flagged")
    assert client.search(["KEYWORD", "$Important", "NOT", "SEEN"]) == uids
    client.move(uids, "Trash")
    assert len(client.search()) == 4
    client.select_folder("Trash")
    moved = client.search(["SUBJECT", "letter 3"])
    assert b"$Important" in client.get_flags(moved)[moved[0]]
    client.delete_messages(moved)
    client.expunge(moved)


def test_one_account_does_not_see_another(client, server, mailbox):
    with imap(server, "carol") as carol:
        assert mailbox.encode() not in b"".join(carol.list()[1])
        assert carol.select(mailbox)[0] == "NO"


# -- mbsync ------------------------------------------------------------------------------------


def mbsync_config(server, mailbox: str, directory: Path, security: str) -> str:
    port = server.port("imap" if security == "STARTTLS" else "imaps")
    return f"""
IMAPAccount office
Host localhost
Port {port}
User alice@office.test
Pass {server.password("alice")}
SSLType {security}
CertificateFile {server.ca_file}

IMAPStore far
Account office

MaildirStore near
Path {directory}/
Inbox {directory}/INBOX

Channel both
Far :far:{mailbox}
Near :near:copy
Create Both
Expunge Both
Sync All
SyncState *
"""


@pytest.mark.parametrize("security", ["IMAPS", "STARTTLS"])
def test_mbsync_goes_both_ways(server, mailbox, tmp_path, program, security):
    mbsync = program("mbsync")
    config = tmp_path / "mbsyncrc"
    config.write_text(mbsync_config(server, mailbox, tmp_path, security))
    fill(server, mailbox, 30)
    mbsync.run("-c", str(config), "-a")
    copies = sorted((tmp_path / "copy").glob("[cn]*/*"))
    assert len(copies) == 30
    assert any(b"Subject: letter 7\n" in copy.read_bytes().replace(b"\r\n", b"\n") for copy in copies)

    first = next((tmp_path / "copy" / "new").iterdir())
    first.rename(tmp_path / "copy" / "cur" / (first.name.partition(":")[0] + ":2,FS"))
    next((tmp_path / "copy" / "new").iterdir()).unlink()
    (tmp_path / "copy" / "new" / "1704103200.1.near").write_bytes(letter("written at home").replace(b"\r\n", b"\n"))
    mbsync.run("-c", str(config), "-a")
    told = flags(server, mailbox)
    assert len(told) == 30
    assert sum(b"\\Flagged" in one and b"\\Seen" in one for one in told) == 1

    with imap(server) as connection:
        connection.select(mailbox)
        connection.store("1:5", "+FLAGS.SILENT", "(\\Deleted)")
        connection.expunge()
    mbsync.run("-c", str(config), "-a")
    assert len(list((tmp_path / "copy").glob("[cn]*/*"))) == 25


# -- curl --------------------------------------------------------------------------------------


def test_curl_reads_and_writes(server, mailbox, tmp_path, program):
    curl = program("curl")
    user = f"alice@office.test:{server.password('alice')}"
    plain = f"imap://{HOST}:{server.port('imap')}/{mailbox}"
    secure = f"imaps://{HOST}:{server.port('imaps')}/{mailbox}"
    message = letter("from curl", "x" * 70_000 + "\r\n")
    (tmp_path / "letter").write_bytes(message)
    common = ("-sS", "--ssl-reqd", "--cacert", server.ca_file, "-u", user, "--max-time", "60")
    curl.run(*common, "-T", str(tmp_path / "letter"), plain)
    assert curl.run(*common, f"{secure};UID=1").stdout == message
    assert (
        curl.run(*common, f"{secure};UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)").stdout == b"Subject: from curl\r\n\r\n"
    )
    assert b"* SEARCH 1" in curl.run(*common, f"{secure}?SUBJECT%20curl").stdout
    assert mailbox.encode() in curl.run(*common, secure.rpartition("/")[0] + "/").stdout
    assert b"STATUS" in curl.run(*common, secure, "-X", f"STATUS {mailbox} (MESSAGES)").stdout


def test_curl_with_scram_and_a_wrong_password(server, program):
    curl = program("curl")
    url = f"imaps://{HOST}:{server.port('imaps')}/"
    common = ("-sS", "--cacert", server.ca_file, "--max-time", "60", "--login-options", "AUTH=PLAIN")
    assert b"INBOX" in curl.run(*common, "-u", f"alice@office.test:{server.password('alice')}", url).stdout
    assert curl.run(*common, "-u", "alice@office.test:wrong", url, good=False).returncode == 67


# -- mutt --------------------------------------------------------------------------------------


def test_mutt_sends_and_keeps_a_copy(server, mailbox, tmp_path, program):
    """In batch mode: submission with a password, and the copy appended to a mailbox."""
    mutt = program("mutt")
    rc = tmp_path / "muttrc"
    imaps = f"imaps://{HOST}:{server.port('imaps')}"
    rc.write_text(
        f"""
set from="alice@office.test" realname="Alice" use_from=yes
set imap_user="alice@office.test" imap_pass="{server.password("alice")}"
set smtp_url="smtps://alice@office.test@{HOST}:{server.port("submissions")}" smtp_pass="{server.password("alice")}"
set ssl_ca_certificates_file="{server.ca_file}" certificate_file="{server.ca_file}" ssl_verify_host=yes
set folder="{imaps}" record="{imaps}/{mailbox}" copy=yes postponed="" header_cache=""
"""
    )
    environment = {**os.environ, "HOME": str(tmp_path), "TERM": "dumb"}
    subject = f"by mutt {uuid.uuid4().hex}"
    mutt.run("-n", "-F", str(rc), "-s", subject, "bob@office.test", text="Grüße\n", env=environment, cwd=tmp_path)
    assert count(server, mailbox) == 1
    with imap(server, "bob") as bob:
        bob.select("INBOX")
        assert bob.search(None, f'SUBJECT "{subject}"')[1] != [b""]
