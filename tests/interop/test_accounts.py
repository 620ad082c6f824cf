"""Accounts under attack and in trouble, seen from outside (threats A02, A03, A05, A06, A09, O11)."""

import hashlib
import imaplib
import json
import poplib
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest
from localserver import LocalServer
from office import PASSWORD, Office, letter, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(240)]

ALICE = "alice@office.test"
HOME = "127.0.9.9"


def operate(server: LocalServer, *words: str) -> list[dict]:
    command = [sys.executable, "-m", "posthouse", *words, "--json", "--dir", str(server.directory / "data")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def house(strict) -> LocalServer:
    return strict("")


def imap(server: LocalServer, source: str = HOME) -> imaplib.IMAP4_SSL:
    class From(imaplib.IMAP4_SSL):
        def _create_socket(self, timeout):
            plain = socket.create_connection((self.host, self.port), timeout or 30, source_address=(source, 0))
            return self.ssl_context.wrap_socket(plain, server_hostname="localhost")

    return From("127.0.0.1", server.port("imaps"), ssl_context=server.tls)


def smtp(server: LocalServer, source: str = HOME) -> smtplib.SMTP_SSL:
    class From(smtplib.SMTP_SSL):
        def _get_socket(self, host, port, timeout):
            plain = socket.create_connection(("127.0.0.1", port), timeout, source_address=(source, 0))
            return self.context.wrap_socket(plain, server_hostname="localhost")

    return From("localhost", server.port("submissions"), timeout=30, context=server.tls)


def pop3(server: LocalServer) -> poplib.POP3_SSL:
    return poplib.POP3_SSL("localhost", server.port("pop3s"), timeout=30, context=server.tls)


def may_log_in(server: LocalServer, user: str, password: str, source: str = HOME) -> bool:
    client = imap(server, source)
    try:
        client.login(user, password)
    except imaplib.IMAP4.error:
        return False
    finally:
        client.shutdown()
    return True


def test_an_app_password_opens_its_doors_and_is_shown_with_its_last_use(house: LocalServer) -> None:
    (made,) = operate(
        house, "account", "app-password", "add", ALICE, "--name", "phone", "--scope", "imap,smtp", "--expires", "90d"
    )
    password = made["password"]
    assert may_log_in(house, ALICE, password)
    client = smtp(house)
    client.login(ALICE, password)
    client.quit()
    with closing(pop3(house)) as client:
        client.user(ALICE)
        with pytest.raises(poplib.error_proto):
            client.pass_(password)

    def used() -> bool:
        (row,) = operate(house, "account", "app-password", "list", ALICE)
        return row["used_from"] == HOME and row["expires_at"] > row["created_at"]

    wait_until(used, "the use of the app password to be shown")
    operate(house, "account", "app-password", "revoke", ALICE, "phone")
    assert not may_log_in(house, ALICE, password)
    assert operate(house, "account", "app-password", "list", ALICE) == []


def test_all_sessions_end_at_once_at_all_doors(house: LocalServer) -> None:
    """Threat A06: who waits in silence is told too; neither password does any more."""
    bob, password = "bob@office.test", house.password("bob")
    (app,) = operate(house, "account", "app-password", "add", bob, "--name", "laptop")
    reading, idling, fetching, sending = imap(house), imap(house), pop3(house), smtp(house)
    for client in (reading, idling):
        client.login(bob, password)
        client.select()
    idling.send(b"a1 IDLE\r\n")
    idling.readline()
    fetching.user(bob)
    fetching.pass_(password)
    sending.login(bob, app["password"])
    (row,) = operate(house, "account", "revoke-sessions", bob)
    assert row["app_passwords"] == 1
    for client in (reading, idling):
        client.sock.settimeout(60)
        assert b"BYE" in client.readline()
        assert client.readline() == b""
    fetching.sock.settimeout(60)
    assert fetching.file.readline().startswith(b"-ERR")
    sending.sock.settimeout(60)
    assert sending.file.readline().startswith(b"421")
    for client in (reading, idling):
        client.shutdown()
    for client in (fetching, sending):
        client.close()
    assert not may_log_in(house, bob, password)
    assert not may_log_in(house, bob, app["password"])
    assert may_log_in(house, bob, row["password"])


def test_500_addresses_that_guess_do_not_keep_her_out(house: LocalServer) -> None:
    """Threat O11: over two doors; she logs in whenever she wants, from where she is known."""
    carol, password = "carol@office.test", house.password("carol")
    assert may_log_in(house, carol, password)

    def guess(number: int) -> None:
        source = f"127.{100 + number % 100}.{number // 100}.7"
        try:
            if number % 2:
                may_log_in(house, carol, f"guess {number}", source)
            else:
                with closing(smtp(house, source)) as client:
                    client.login(carol, f"guess {number}")
        except (OSError, smtplib.SMTPException):
            pass

    with ThreadPoolExecutor(40) as attackers:
        attack = [attackers.submit(guess, number) for number in range(500)]
        good = [may_log_in(house, carol, password) for _ in range(50)]
        for one in attack:
            one.result()
        good += [may_log_in(house, carol, password) for _ in range(50)]
    assert good == [True] * 100
    assert not may_log_in(house, carol, password, "127.250.1.1"), "strangers may not, even with the right one"


def test_a_held_account_is_shown_and_let_go(house: LocalServer) -> None:
    operate(house, "account", "hold", ALICE, "--reason", "a test")
    client = smtp(house)
    client.login(ALICE, house.password("alice"))
    client.sendmail(ALICE, ["friend@elsewhere.test"], b"From: alice@office.test\r\nSubject: held\r\n\r\nhi\r\n")
    client.quit()
    (row,) = [one for one in operate(house, "account", "list") if one["address"] == ALICE]
    assert row["held"] == "a test"
    (item,) = operate(house, "queue", "list", "--sender", ALICE)
    assert item["state"] == "held"
    (row,) = operate(house, "account", "release", ALICE)
    assert row["released"] == 1
    wait_until(lambda: not operate(house, "queue", "list", "--sender", ALICE), "the message to go")


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="posthouse-accounts-"))  # pytest's own directories let no other user in
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_a_password_that_was_stolen_elsewhere_is_flagged_at_login_and_told_once(base: Path) -> None:
    """Threat A05: set when nobody knew, flagged when it is used; its owner and the operator hear of it."""
    hashes = sorted(hashlib.sha1(f"x{n}".encode()).hexdigest().upper() for n in range(2000))
    own = hashlib.sha1(PASSWORD.encode()).hexdigest().upper()
    stolen = base / "stolen.txt"
    office = Office(base / "weak", "office.test", ("ana",))
    try:
        office.start()
        office.stop()
        stolen.write_text("".join(f"{one}:3\n" for one in sorted([*hashes, own])))
        office.config.write_text(office.config.read_text() + f'[passwords]\nbreached = "{stolen}"\n')
        office.start()
        office.mailbox("ana")
        wait_until(lambda: office.find("ana", "Your password is easy to guess"), "the letter about the password")
        assert len(office.mailbox("ana")) == 1
        assert "weak password" in office.operate("account", "list")
        with pytest.raises(AssertionError, match="stolen passwords"):
            office.operate("account", "password", "ana@office.test", "--password-stdin", text=PASSWORD + "\n")
    finally:
        office.stop()


def test_an_office_relays_its_peoples_mail_through_head_office(base: Path) -> None:
    """Myertor's project office logs in at head office as one account that was granted its domain, and no more."""
    client = Office(base / "client", "steeltec.test", ("carl",))
    head = Office(base / "head", "myertor.test", ("project",), extra=TRUSTING)
    head.routes = {"steeltec.test": client.smtp}
    secret = base / "smarthost.password"
    secret.write_text(PASSWORD + "\n")
    project = Office(base / "project", "project.myertor.test", ("ana",), extra=BEHIND.format(head.submission, secret))
    for one in (client, head, project):
        one.dir.chmod(0o755)
    secret.chmod(0o644)
    client.extra = TRUSTING
    try:
        for one in (client, head, project):
            one.start()
        project.submit(letter("ana@project.myertor.test", "carl@steeltec.test", "Too early"))
        wait_until(lambda: len(project.mailbox("ana")) == 1, "the refusal to be reported")
        head.operate("account", "grant", "project@myertor.test", "@project.myertor.test")
        project.submit(letter("ana@project.myertor.test", "carl@steeltec.test", "Girders"))
        arrived = wait_until(lambda: client.find("carl", "Girders"), "the letter at the client")
        assert isinstance(arrived, EmailMessage)
        assert arrived["From"] == "ana@project.myertor.test"
        assert "d=myertor.test" not in str(arrived["DKIM-Signature"] or "")
        head.operate("account", "ungrant", "project@myertor.test", "@project.myertor.test")
        project.submit(letter("ana@project.myertor.test", "carl@steeltec.test", "Too late"))
        wait_until(lambda: len(project.mailbox("ana")) == 2, "the second refusal to be reported")
        assert client.find("carl", "Too") is None
    finally:
        for one in (project, head, client):
            one.stop()


TRUSTING = """
[authentication]
verify = false
"""
"""There is no DNS here in which the keys of these domains could be found."""

BEHIND = """
[[relay.route]]
domain = "*"
host = "127.0.0.1"
port = {}
user = "project@myertor.test"
password_file = "{}"
"""
