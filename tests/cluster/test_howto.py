"""The commands of docs/howto/two-offices.md, as they stand there, on three machines that have only what Debian gives."""

import json
import re
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from machine import Machine, started
from story import is_whole
from wires import Wires, laid

from posthouse.testing.patroni import MEMBERS, find_cluster_programs
from posthouse.testing.postgres import Absent

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "howto" / "two-offices.md").read_text()
CERTIFICATE = """cd /etc/posthouse
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mail.office.example \
    -keyout privkey.pem -out fullchain.pem
chgrp posthouse privkey.pem && chmod 640 privkey.pem"""
PASSWORD = "a-long-enough-Passphrase-71"


def blocks() -> Iterator[str]:
    """The commands for three machines of one's own, in their order."""
    part = PAGE.partition("## Three machines of your own")[2].partition("\n## ")[0]
    yield from re.findall(r"^```sh\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def until(question: Callable[[], bool], what: str, machines: list[Machine]) -> None:
    end = time.monotonic() + 120
    while not question():
        assert time.monotonic() < end, what + "".join(machine.logs() for machine in machines)
        time.sleep(1)


@pytest.fixture
def wires() -> Iterator[Wires]:
    with laid(144) as made:
        yield made


@pytest.fixture
def machines(wires: Wires, open_directory: Path) -> Iterator[list[Machine]]:
    try:
        find_cluster_programs()
    except Absent as absent:
        pytest.skip(str(absent))
    with started(wires.names, open_directory, REPOSITORY) as made:
        yield made


def test_the_page_is_true(machines: list[Machine], wires: Wires) -> None:
    programs, user, files, first, check, database, begin, others, look = (
        block.replace("192.0.2.", wires.network) for block in blocks()
    )
    one, two, three = machines
    one.run(programs, online=True)
    for machine in (two, three):  # the same again would take minutes
        subprocess.run(["cp", "-a", f"{one.root}/opt/upper/.", f"{machine.root}/opt/upper/"], check=True)
    for i, machine in zip(MEMBERS, machines, strict=True):
        machine.run(user)
        machine.run(
            files.replace("s/NUMBER/1/", f"s/NUMBER/{i}/").replace(
                f"MY-ADDRESS/{wires.network}1", f"MY-ADDRESS/{wires.network}{i}"
            )
        )
        machine.run(CERTIFICATE)
    for machine in machines:
        machine.run(first)

    def has_standby() -> bool:
        return "Sync Standby" in (told := two.run(check)) and "Leader" in told

    until(has_standby, "no leader with a standby", machines)
    listed = two.run("/opt/patroni/bin/patronictl -c /etc/patroni/config.yml list -f json")
    leader = next(member["Host"] for member in json.loads(listed) if member["Role"] == "Leader")
    machines[int(leader.rpartition(".")[2]) - 1].run(database)
    one.run(begin)
    until((one.root / "var/upper/lib/posthouse/master.key").exists, "no master key", machines)
    two.run(others)
    three.run(others)

    def serves(i: int) -> bool:
        try:
            with smtplib.SMTP(f"{wires.network}{i}", 25, timeout=5) as client:
                return client.noop()[0] == 250
        except OSError:
            return False

    until(lambda: all(serves(i) for i in MEMBERS), "a node that does not serve", machines)
    two.run(look)
    status = "/opt/posthouse/bin/posthouse cluster status --json"
    until(lambda: is_whole([json.loads(line) for line in three.run(status).splitlines()]), "not whole", machines)
    one.run("/opt/posthouse/bin/posthouse domain add office.example")
    two.run(f"echo {PASSWORD} | /opt/posthouse/bin/posthouse account add alice@office.example --password-stdin")
    with smtplib.SMTP(f"{wires.network}2", 25, timeout=60) as client:
        client.sendmail("friend@elsewhere.test", ["alice@office.example"], "Subject: hello\r\n\r\nDear Alice\r\n")
    found = three.run(
        f"curl -sk --max-time 60 imaps://127.0.0.1/INBOX -u alice@office.example:{PASSWORD} -X 'SEARCH ALL'"
    )
    assert found.split() == ["*", "SEARCH", "1"]
