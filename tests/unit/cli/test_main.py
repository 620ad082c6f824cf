"""The command as its user meets it: one process, exit status, output."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from posthouse.cli.main import COMMANDS, posthouse

PROGRAM = (sys.executable, "-m", "posthouse")
PASSWORD = "correct horse battery"


def run(*words: str, text: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


@pytest.fixture
def place(tmp_path) -> str:
    """An empty store."""
    (tmp_path / "posthouse.db").touch()
    return str(tmp_path)


@pytest.fixture
def configured(tmp_path) -> str:
    """A configuration that changes one limit."""
    file = tmp_path / "posthouse.toml"
    file.write_text(f'hostname = "a"\n[store]\ndirectory = "{tmp_path}/none"\n[limits]\nmessage_octets = "1MiB"\n')
    return str(file)


def test_a_whole_office_without_a_server(place) -> None:
    said = run("domain", "add", "office.test", "--dir", place)
    assert (said.returncode, said.stdout) == (0, "office.test added\n")
    assert "no server runs" in said.stderr
    said = run("account", "add", "alice@office.test", "--password-stdin", "--dir", place, text=PASSWORD + "\n")
    assert said.stdout == "alice@office.test added\n"
    said = run("account", "list", "--json", "--dir", place)
    assert json.loads(said.stdout)["address"] == "alice@office.test"
    assert run("queue", "list", "--dir", place).returncode == 0


def test_a_list_that_is_cut_off_ends(place) -> None:
    """Into a program that has gone, or onto a disk that is full: the store is closed, or the process would never end."""
    assert run("domain", "add", "office.test", "--dir", place).returncode == 0
    words = f"{sys.executable} -m posthouse domain list --dir {place} | true"
    subprocess.run(["bash", "-c", words], capture_output=True, check=False, timeout=60)
    with open("/dev/full", "w") as full:
        said = subprocess.run(
            [*PROGRAM, "domain", "list", "--dir", place],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1] == "Error: [Errno 28] No space left on device"


@pytest.mark.parametrize("words", ["--help", "limits", "config default", "domain list --dir {place}"])
def test_who_closed_its_output_is_told_so(place, words) -> None:
    """No traceback, and no store in the place of the standard output."""
    assert run("domain", "add", "office.test", "--dir", place).returncode == 0
    command = f"exec {sys.executable} -m posthouse {words.format(place=place)} >&-"
    said = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (said.returncode, said.stderr.splitlines()[-1]) == (1, "Error: standard output is closed")


def test_nobody_need_hear_of_what_was_done(place) -> None:
    """All three places closed: what is asked for is done."""
    command = f"exec {sys.executable} -m posthouse domain list --dir {place} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False, timeout=60).returncode == 0


def test_a_status_leaves_out_what_the_engine_does_not_know(place) -> None:
    assert run("domain", "add", "office.test", "--dir", place).returncode == 0
    said = run("cluster", "status", "--dir", place)
    assert said.stdout.startswith("name")
    assert "None" not in said.stdout


def test_what_cannot_be_done_is_status_1_with_a_hint(place) -> None:
    said = run("account", "add", "alice@office.test", "--dir", place)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-2:] == [
        "Error: office.test is not a domain of ours",
        "  posthouse domain add office.test",
    ]


def test_no_server_and_no_store_is_status_1_and_makes_nothing(tmp_path) -> None:
    said = run("queue", "list", "--dir", str(tmp_path / "nowhere"))
    assert said.returncode == 1
    assert "no store" in said.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_socket_that_was_named_must_answer(tmp_path) -> None:
    said = run("status", "--socket", str(tmp_path / "control.sock"))
    assert said.returncode == 1
    assert "no server answers" in said.stderr


@pytest.mark.parametrize(
    "words", [("queue", "nonsense"), ("nonsense",), ("account", "add"), ("queue", "list", "--limit", "0")]
)
def test_wrong_usage_is_status_2(words) -> None:
    assert run(*words).returncode == 2


def test_a_password_on_the_command_line_is_no_option(place) -> None:
    """Everybody on the machine can read a command line."""
    assert run("account", "add", "a@office.test", "--password", "x", "--dir", place).returncode == 2


def rows(said) -> dict[str, dict]:
    return {row["limit"]: row for row in map(json.loads, said.stdout.splitlines())}


def test_limits_need_no_server(tmp_path) -> None:
    said = run("limits", "--json", "--dir", str(tmp_path))
    assert "L41" in {row["number"] for row in rows(said).values()}
    assert said.stderr == f"the defaults (no server runs in {tmp_path})\n"


def test_limits_are_those_of_the_file_that_is_named(configured) -> None:
    named, found = run("limits", "--json", "--config", configured), run("limits", "--json", POSTHOUSE_CONFIG=configured)
    for said in (named, found):
        row = rows(said)["message_octets"]
        assert (row["value"], row["default"]) == (2**20, 50 * 2**20)
    assert named.stderr == f"what {configured} says\n"
    directory = Path(configured).with_name("none")
    assert found.stderr == f"what {configured} says (no server runs in {directory})\n"


def test_limits_are_those_of_the_server_that_answers(configured, tmp_path) -> None:
    answer = {"limit": "connections", "number": "L14", "value": 7, "default": 9, "unit": "at once", "why": "because"}
    for words in (("--socket", str(tmp_path / "control.sock")), ("--dir", str(tmp_path))):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "control.sock"))
        listener.listen()
        threading.Thread(target=answer_once, args=(listener, answer), daemon=True).start()
        said = run("limits", *words, POSTHOUSE_CONFIG=configured)
        (tmp_path / "control.sock").unlink()
        assert [line.split() for line in said.stdout.splitlines()] == [
            ["NUMBER", "LIMIT", "VALUE", "DEFAULT", "UNIT"],
            ["L14", "connections", "7", "9", "at", "once"],
            ["because"],
        ]
        assert said.stderr == "what the running server goes by\n"


def answer_once(listener: socket.socket, row: dict) -> None:
    with listener, listener.accept()[0] as connection:
        connection.makefile("rb").readline()
        connection.sendall(json.dumps({"row": row}).encode() + b'\n{"done": 1}\n')


def test_every_limit_fits_80_columns_with_its_reason(configured) -> None:
    said = run("limits", "--config", configured)
    shown = said.stdout.splitlines()
    assert max(map(len, shown)) <= 80
    assert next(line.split() for line in shown if "message_octets" in line) == ["L1", "message_octets", "1MiB", "50MiB"]
    assert "    silence between two commands" in shown
    assert "…" not in said.stdout


@pytest.mark.parametrize("words", [("config", "check"), ("config", "show"), ("serve",)])
def test_the_environment_names_the_configuration(words, tmp_path) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text("nonsense = 1\n")
    said = run(*words, POSTHOUSE_CONFIG=str(file))
    assert said.returncode == 1
    assert f"{file}:1: nonsense: there is no such key" in said.stderr


def test_localserve_fits_80_columns_when_it_cannot(tmp_path) -> None:
    """What went wrong on one line, what to do about it on the next."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        if port > 65500:
            pytest.skip("no such base port")
        said = run("localserve", "--dir", str(tmp_path / "d"), "--base-port", str(port))
    assert said.returncode == 1
    assert [line for line in said.stderr.splitlines() if not line.startswith("{")] == [
        f"Error: cannot listen on 127.0.0.1:{port}: Address already in use",
        "  choose other ports with --base-port",
    ]
    refused = run("localserve", "--dir", str(tmp_path / "d"), "--host", "192.0.2.1")
    assert refused.returncode == 2
    assert max(map(len, refused.stderr.splitlines())) <= 80


def test_an_option_goes_before_the_environment(configured) -> None:
    said = run("config", "show", "--config", configured, POSTHOUSE_CONFIG="/nowhere")
    assert said.returncode == 0


def test_check_and_serve_say_the_same_of_a_file_without_a_door(configured) -> None:
    checked, served = run("config", "check", "--config", configured), run("serve", "--config", configured)
    assert (checked.returncode, served.returncode) == (1, 1)
    assert "no [[listener]]: nobody could reach this server" in checked.stderr
    assert checked.stderr.strip() in served.stderr


def test_a_good_file_is_said_to_open_its_doors(configured) -> None:
    with Path(configured).open("a") as file:
        file.write('[[listener]]\nservice = "smtp"\n[[listener]]\nservice = "lmtp"\nport = 2424\n')
    assert run("config", "check", "--config", configured).stdout == f"{configured}: good; doors: smtp:25 lmtp:2424\n"


def test_no_hint_sends_to_where_everything_was_said_already(tmp_path) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text("nonsense = 1\n")
    for words in (("serve",), ("config", "show"), ("status",)):
        assert "config check" not in run(*words, "--config", str(file)).stderr


@pytest.mark.parametrize("words", [("config", "check"), ("config", "show"), ("serve",)])
def test_without_a_file_one_is_told_how_to_make_one(words, tmp_path) -> None:
    said = run(*words, "--config", str(tmp_path / "absent.toml"))
    assert said.returncode == 1
    assert f"posthouse config default > {tmp_path}/absent.toml" in said.stderr


def test_a_list_imports_nothing_that_it_does_not_need() -> None:
    """Start-up time is imports: no event loop, no crypto, no configuration model, no tables library."""
    code = (
        "import sys; from posthouse.cli.main import posthouse\n"
        "try: posthouse(['queue', 'list', '--dir', '/nonexistent'], standalone_mode=False)\n"
        "except Exception: pass\n"
        "print(*sorted(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(said.stdout.split())
    assert not loaded & {"rich", "pydantic", "argon2", "zxcvbn", "apsw", "cryptography", "dns", "posthouse.supervisor"}


def commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    context = click.Context(posthouse)
    for name in COMMANDS:
        command = posthouse.get_command(context, name)
        found.append((name,))
        if isinstance(command, click.Group):
            found += [(name, verb) for verb in command.list_commands(context)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself(words) -> None:
    context = click.Context(posthouse)
    command = posthouse.get_command(context, words[0])
    if len(words) > 1:
        assert isinstance(command, click.Group)
        command = command.get_command(context, words[1])
    assert command is not None
    assert command.help


PAGES = Path(__file__).parents[3] / "docs" / "man"


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_a_page(words) -> None:
    """A verb stands on the page of its noun."""
    page = PAGES / f"posthouse-{words[0]}.1"
    text = page.read_text()
    assert text.startswith(".TH ")
    if len(words) > 1:
        assert f'.SS "{words[1]}' in text, f"{page.name} does not describe {words[1]}"


def test_without_advisories_it_says_where_to_get_some() -> None:
    said = CliRunner().invoke(posthouse, ["vulns"])
    assert said.exit_code == 1
    assert "--db" in said.output
