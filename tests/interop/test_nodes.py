"""Two nodes on one PostgreSQL: any of them serves anybody, and what happens to one is the other's business."""

import asyncio
import imaplib
import json
import os
import signal
import smtplib
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from posthouse.storage.directory import DomainRow
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock
from posthouse.testing.postgres import Absent, ThrowawayPostgres

PATIENCE = 90.0


@pytest.fixture(scope="module")
def postgres():
    try:
        server = ThrowawayPostgres()
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def nodes(postgres, strict):
    """The second one did not make the passwords: ask the first one for them."""
    store = f'[store]\nengine = "{postgres.address()}"'
    return strict(f"hops = 50\n{store}"), strict(f"hops = 51\n{store}")


def send(node, subject, to="alice", lines=1):
    text = f"From: x@else.test\r\nTo: {to}@office.test\r\nSubject: {subject}\r\n\r\n" + "a line\r\n" * lines
    with smtplib.SMTP("127.0.0.1", node.port("smtp"), timeout=PATIENCE) as client:
        client.sendmail("x@else.test", [f"{to}@office.test"], text)


def sign_in(nodes, node, name="alice"):
    client = imaplib.IMAP4_SSL("127.0.0.1", node.port("imaps"), ssl_context=node.tls, timeout=PATIENCE)
    client.login(f"{name}@office.test", nodes[0].password(name))
    client.select("INBOX")
    return client


def count(client):
    return int(client.select("INBOX")[1][0])


def test_any_node_serves_anybody(nodes):
    reader = sign_in(nodes, nodes[1], "bob")
    before = count(reader)
    send(nodes[0], "one", "bob")
    send(nodes[1], "two", "bob")
    send(nodes[0], "large", "bob", lines=60_000)
    assert count(reader) == before + 3
    content = reader.fetch(str(before + 3), "(BODY.PEEK[TEXT])")[1][0][1]
    assert content == b"a line\r\n" * 60_000
    other = sign_in(nodes, nodes[0], "bob")
    assert other.response("UIDVALIDITY") == reader.response("UIDVALIDITY")
    reader.logout()
    other.logout()


def test_a_client_in_idle_hears_of_mail_that_came_to_another_node(nodes):
    reader = sign_in(nodes, nodes[1])
    reader.send(b"x IDLE\r\n")
    assert reader.readline().startswith(b"+")
    send(nodes[0], "news")
    while b"EXISTS" not in reader.readline():
        pass
    reader.send(b"DONE\r\n")
    while not reader.readline().startswith(b"x OK"):
        pass
    reader.logout()


def test_a_new_alias_holds_on_every_node(nodes, postgres):
    program = str(Path(sys.executable).with_name("posthouse"))
    store = nodes[0].directory / "data" / "store"
    subprocess.run([program, "alias", "add", "new@office.test", "alice@office.test", "--dir", str(store)], check=True)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            send(nodes[1], "to the alias", "new")
        except smtplib.SMTPRecipientsRefused:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            break


def test_a_sender_is_held_while_the_server_is_away_and_then_answered(nodes, postgres):
    reader = sign_in(nodes, nodes[0], "carol")
    before = count(reader)
    reader.logout()
    postgres.kill()
    answers = []
    senders = [
        threading.Thread(target=lambda n=n: answers.append(send(nodes[n % 2], f"held {n}", "carol"))) for n in range(4)
    ]
    try:
        for sender in senders:
            sender.start()
        log = nodes[0].directory / "log"
        end = time.monotonic() + PATIENCE
        while b"storage.held" not in log.read_bytes():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert answers == []
    finally:
        postgres.start()
    for sender in senders:
        sender.join(PATIENCE)
    assert answers == [None] * 4
    reader = sign_in(nodes, nodes[1], "carol")
    assert count(reader) == before + 4
    reader.logout()


def test_what_a_killed_node_acknowledged_is_there_once(nodes, postgres, tmp_path):
    program = str(Path(sys.executable).with_name("posthouse"))
    data = tmp_path / "data"
    base = nodes[0].port("smtp") + 25
    command = [program, "localserve", "--dir", str(data), "--base-port", str(base), "--engine", postgres.address()]
    with (tmp_path / "log").open("wb") as log:
        third = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while not (data / "endpoints.json").exists():
            assert third.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        port = json.loads((data / "endpoints.json").read_text())["services"]["smtp"]["port"]
        reader = sign_in(nodes, nodes[0], "bob")
        before = count(reader)
        acknowledged = []

        def load():
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
                    for number in range(10_000):
                        subject = f"{threading.get_ident()}.{number}"
                        client.sendmail("x@else.test", ["bob@office.test"], f"Subject: {subject}\r\n\r\nx\r\n")
                        acknowledged.append(subject)
            except (OSError, smtplib.SMTPException):
                return

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 100:
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        os.kill(third.pid, signal.SIGKILL)
        third.wait()
    for thread in threads:
        thread.join(PATIENCE)
    there = count(reader)
    found = reader.fetch(f"{before + 1}:{there}", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    subjects = [one[1].decode().partition(":")[2].strip() for one in found if isinstance(one, tuple)]
    assert len(set(subjects)) == len(subjects)
    assert set(acknowledged) <= set(subjects)
    assert len(subjects) <= len(acknowledged) + 4  # who was not answered may have it, and would send it again
    reader.logout()


def test_a_wrong_engine_ends_with_one_line_that_says_what_to_do(tmp_path, postgres):
    program = str(Path(sys.executable).with_name("posthouse"))
    nowhere = postgres.address("nowhere")
    command = [program, "localserve", "--dir", str(tmp_path), "--base-port", "21480", "--engine", nowhere]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "CREATE DATABASE" in done.stderr
    assert "Traceback" not in done.stderr
    command[-1] = "mysql://h/d"
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2


async def furnish(home):
    store = await open_store(home, clock=ManualClock(), ids=CountedIds(), journal=KeptJournal())
    await store.put_domain(DomainRow("office.test"))
    await store.close()


def test_a_house_is_copied_by_a_command(tmp_path, postgres):
    program = str(Path(sys.executable).with_name("posthouse"))
    home = tmp_path / "home"
    asyncio.run(furnish(home))
    postgres.make_database("copied")
    command = [program, "engine", "copy", str(home), postgres.address("copied")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert "are the same on both sides" in done.stdout
    assert postgres.sql("SELECT name FROM domain", "copied") == "office.test"
    again = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert again.returncode == 1
    assert "name an empty one" in again.stderr


def test_commands_work_on_the_engine_where_no_server_runs(tmp_path, postgres):
    program = str(Path(sys.executable).with_name("posthouse"))
    postgres.make_database("operated")
    config = tmp_path / "posthouse.toml"
    config.write_text(
        f'hostname = "mx.office.test"\n[store]\ndirectory = "{tmp_path}"\nengine = "{postgres.address("operated")}"\n'
    )
    for words in (["domain", "add", "office.test"], ["domain", "list", "--json"]):
        command = [program, *words, "--config", str(config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["domain"] == "office.test"
    assert postgres.sql("SELECT name FROM node", "operated") == ""
