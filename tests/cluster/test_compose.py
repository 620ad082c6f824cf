"""The Compose file, as far as it goes without a container engine: its build's commands, its files and its programs, each
in a machine made of namespaces. What an engine itself does (images, health checks, volumes) is stood in for."""

import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from machine import Machine, started
from wires import Wires, laid

from posthouse.testing.postgres import Absent, find_programs

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "contrib" / "cluster"
COMPOSE = yaml.safe_load((FOLDER / "compose.yml").read_text())
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
USER = re.search(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[1]  # type: ignore[index]  # it is there
AS_USER = f"setpriv --reuid {USER} --regid {USER} --init-groups --inh-caps -all --bounding-set -all --no-new-privs"
IMAGE = "python3 -m venv /opt/image; export PATH=/opt/image/bin:$PATH; "
"""Where the image of Python has its programs in /usr/local."""


@pytest.fixture
def wires() -> Iterator[Wires]:
    with laid(145) as made:
        yield made


@pytest.fixture
def machines(wires: Wires, open_directory: Path) -> Iterator[list[Machine]]:
    with started(wires.names, open_directory, REPOSITORY) as made:
        yield made


def begin_postgres(machine: Machine, service: dict[str, dict[str, str]]) -> None:
    """As the entry point of the image does it."""
    given = service["environment"]
    try:
        programs = find_programs()
    except Absent as absent:
        pytest.skip(str(absent))
    machine.run(
        f"export PATH={programs}:$PATH; cd /var/lib/postgresql; echo {given['POSTGRES_PASSWORD']} > password;"
        f"install -d -o postgres data; as='setpriv --reuid postgres --regid postgres --init-groups';"
        f"$as initdb -D data -U {given['POSTGRES_USER']} --pwfile=password {given['POSTGRES_INITDB_ARGS']};"
        "echo 'host all all all scram-sha-256' >> data/pg_hba.conf;"
        "$as pg_ctl -D data -w -l data/log -o '-c listen_addresses=*' start;"
        f"$as createdb -U {given['POSTGRES_USER']} {given['POSTGRES_USER']};"
        "head -1 data/postmaster.pid > /var/log/unit-postgres.pid"
    )


def build(machine: Machine, home: Path) -> None:
    """The steps of the Dockerfile, with what its list of files lets through."""
    kept = re.findall(r"^!(.*)$", (FOLDER / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    source = home / "source"
    source.mkdir()
    subprocess.run(["cp", "-a", *(str(REPOSITORY / name) for name in kept), str(source)], check=True)
    steps = re.findall(r"^RUN (.*)$", DOCKERFILE, re.MULTILINE)
    assert len(steps) == 4
    for step in steps:
        machine.run(IMAGE + step.replace("/usr/src/posthouse", str(source)), online=True)


def begin_node(machine: Machine, service: dict[str, object], keys: Path, places: Path) -> None:
    command = " ".join(re.findall(r'"([^"]+)"', DOCKERFILE))
    for volume in service["volumes"]:  # type: ignore[attr-defined]  # a list
        source, target, *_ = volume.split(":")
        if source.startswith("./"):
            machine.run(f"install -D -m 644 {places / source} {target}")
        else:
            machine.run(f"mount --bind {keys} {target}")
    for setting in service["sysctls"]:  # type: ignore[attr-defined]  # a list
        machine.run(f"sysctl -q -w {setting}")
    machine.run(
        f"cd /; {AS_USER} env HOME=/var/lib/posthouse PATH=/opt/image/bin:$PATH {command} > /var/log/unit-node.log 2>&1 < /dev/null &"
        "echo $! > /var/log/unit-node.pid"
    )


def wait_healthy(machine: Machine, service: dict[str, dict[str, list[str]]]) -> None:
    check = shlex.join(service["healthcheck"]["test"][1:])
    end = time.monotonic() + 90
    while True:
        try:
            machine.run(f"PATH=/opt/image/bin:$PATH {check}")
        except AssertionError:
            assert time.monotonic() < end, machine.logs()
            time.sleep(1)
        else:
            return


def test_two_nodes_and_a_database(machines: list[Machine], wires: Wires, open_directory: Path) -> None:
    postgres, *nodes = machines
    services = COMPOSE["services"]
    begin_postgres(postgres, services["postgres"])
    places, keys = open_directory / "places", open_directory / "keys"
    places.mkdir()
    keys.mkdir()
    subprocess.run(["cp", str(FOLDER / "compose.toml"), str(places)], check=True)
    build(nodes[0], open_directory)
    subprocess.run(["cp", "-a", f"{nodes[0].root}/opt/upper/.", f"{nodes[1].root}/opt/upper/"], check=True)
    nodes[1].run("; ".join(re.findall(r"^RUN ((?:useradd|install) .*)$", DOCKERFILE, re.MULTILINE)))
    machine, command = nodes[0], services["certificate"]["command"][0]
    machine.run(f"chown {USER}: {keys}; chmod 700 {keys}")
    machine.run(f"{AS_USER} sh -c {shlex.quote(command.replace('/var/lib/posthouse-keys', str(keys)))}")
    for name, machine in zip(("node1", "node2"), nodes, strict=True):
        machine.run(f"echo {wires.network}1 postgres >> /etc/hosts")
        begin_node(machine, services[name], keys, places)
        wait_healthy(machine, services[name])
    told = nodes[1].run("PATH=/opt/image/bin:$PATH posthouse cluster status")
    assert told.count("alive") == 2
