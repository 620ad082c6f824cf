"""The documents say what the code says: names, links, settings, standards and commands in them exist."""

import imaplib
import importlib
import importlib.util
import json
import re
import shlex
import smtplib
import ssl
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from posthouse.cli.main import posthouse
from posthouse.testing.freeports import free_base

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), ROOT / "rfc" / "README.md", ROOT / "bench" / "README.md"]
WRITTEN = [page for page in PAGES if "do not edit" not in page.read_text("utf-8")]

NAME = re.compile(r"`([a-z]\w*(?:\.\w+)+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^ {4}(?:\$ )?|`)(?:\.venv/bin/)?posthouse ([a-z].*?)(?:`| [|>&#] ?.*$|$)", re.MULTILINE)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE, ROOMS, STANDARDS = map(load_tool, ("reference", "rooms", "standards"))


def id_of(page):
    return str(page.relative_to(ROOT))


def find(dotted):
    """What ``dotted`` names within the package; raises ``AttributeError`` or ``ImportError``."""
    module, names = importlib.import_module("posthouse"), dotted.split(".")
    while names and importlib.util.find_spec(f"{module.__name__}.{names[0]}") is not None:
        module = importlib.import_module(f"{module.__name__}.{names.pop(0)}")
        if not hasattr(module, "__path__"):
            break
    found = module
    for name in names:
        found = getattr(found, name)
    return found


# -- the tour


@pytest.mark.parametrize("name", sorted(set(NAME.findall((DOCS / "tour.md").read_text("utf-8")))))
def test_a_name_in_the_tour_is_in_the_code(name):
    assert find(name) is not None


def test_a_name_that_is_gone_would_be_found():
    with pytest.raises(AttributeError):
        find("mta.receive.Receiver.teleport")
    with pytest.raises(AttributeError):
        find("mta.teleport")


def test_the_tour_walks_through_every_office():
    walked = {name.split(".")[0] for name in NAME.findall((DOCS / "tour.md").read_text("utf-8"))}
    assert {"services", "msa", "mta", "mda", "ms", "filter", "admd", "net", "storage", "standards", "mail"} <= walked


WALKER = """
import dataclasses, json, sys
from pathlib import Path
from posthouse.supervisor.localserve import Wishes, open_office
from posthouse.supervisor.journal import make_journal
from posthouse.supervisor.serve import Server

directory, port = Path(sys.argv[1]), int(sys.argv[2])
called = set()
def note(frame, event, _):
    if event == "call":
        called.add((frame.f_globals.get("__name__"), frame.f_code.co_qualname))
office = open_office(Wishes(directory=directory, base_port=port, config=directory / "walk.toml"))
setting = dataclasses.replace(office.setting(), outside=None)
journal = make_journal(setting.configuration, sys.stderr)
server = Server(setting, journal, lambda: setting, seed=office.settle_in, on_ready=office.announce, may_be_root=True)
server.prepare()
sys.setprofile(note)
server.run()
sys.setprofile(None)
(directory / "called.json").write_text(json.dumps(sorted(one for one in called if one[0])))
"""
"""A localserve that remembers which functions were called. Mail for others goes where routes and DNS send it."""

STANDINS = {
    "storage.ports.Queue": "storage.sqlite.queue.Queue",
    "storage.ports.Mailboxes": "storage.sqlite.boxes.Boxes",
    "storage.ports.Hints": "storage.sqlite.hints.Hints",
    "storage.ports.BlobWriter": "storage.sqlite.blobs.FileBlobWriter",
    "mta.handoff.Handoff": "mta.manager.Manager",
}
"""Who stands behind a port."""
PATIENCE = 4500
"""Looks, fifty a second at most: a house of which every call is noted is slow, and the machine may be busy."""


def wait_for(directory, server):
    """The services and the password of alice, once everybody can be served."""
    for _ in range(PATIENCE):
        if (directory / "endpoints.json").is_file():
            ready = json.loads((directory / "endpoints.json").read_text())
            return {name: one["port"] for name, one in ready["services"].items()}, ready["accounts"][0]["password"]
        assert server.poll() is None, server.stderr.read()
        time.sleep(0.02)
    raise TimeoutError


def walk(ports, password, trust):
    """The three walks, as clients walk them."""
    letter = "From: {0}\r\nTo: alice@office.test\r\nSubject: {1}\r\n\r\nHello.\r\n"
    with smtplib.SMTP("127.0.0.1", ports["smtp"]) as outside:
        outside.sendmail("you@example.com", "alice@office.test", letter.format("you@example.com", "A"))
    with smtplib.SMTP_SSL("127.0.0.1", ports["submissions"], context=trust) as submitter:
        submitter.login("alice@office.test", password)
        strangers = ["friend@elsewhere.example", "friend@nowhere.example"]
        submitter.sendmail("alice@office.test", strangers, letter.format("alice@office.test", "B"))
    with imaplib.IMAP4_SSL("127.0.0.1", ports["imaps"], ssl_context=trust) as reader:
        reader.login("alice@office.test", password)
        reader.select("INBOX")
        for items in ("(FLAGS)", "(BODY[HEADER] BODY[1])", "(BODY.PEEK[]<0.10>)"):
            assert reader.fetch("1", items)[0] == "OK"
        for _ in range(PATIENCE):  # both strangers refuse, and alice hears of it
            if int(reader.select("INBOX")[1][0]) == 3:
                return
            time.sleep(0.02)
    raise TimeoutError


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """What was called on the three walks, as (module, qualified name)."""
    directory, port = tmp_path_factory.mktemp("tour"), free_base(12)
    (directory / "walk.toml").write_text(
        'hostname = "mx.office.test"\n[[relay.route]]\ndomain = "elsewhere.example"\n'
        f'host = "127.0.0.1"\nport = {port}  # ourselves, and we do not relay\n'
    )
    command = [sys.executable, "-c", WALKER, str(directory), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            ports, password = wait_for(directory, server)
            walk(ports, password, ssl.create_default_context(cafile=str(directory / "tls" / "ca.pem")))
        finally:
            server.terminate()
            trouble = server.communicate(timeout=60)[1]
    assert server.returncode == 0, trouble
    return {tuple(one) for one in json.loads((directory / "called.json").read_text())}


def steps_of_the_tour():
    """The names in the second column of the tour's tables."""
    rows = re.findall(r"^\| \d+ \| (.*?) \|", (DOCS / "tour.md").read_text("utf-8"), re.MULTILINE)
    return sorted({name for row in rows for name in NAME.findall(row)})


@pytest.mark.slow
@pytest.mark.parametrize("name", steps_of_the_tour())
def test_a_step_of_the_tour_is_taken_on_the_way(name, called):
    """Whoever walks the three walks comes by every function that the tour names."""
    for port, standin in STANDINS.items():
        name = name.replace(port, standin)
    holder, _, last = name.rpartition(".")
    kinds = [find(holder), *(find(holder).__subclasses__() if isinstance(find(holder), type) else ())]
    for step in [getattr(kind, last) for kind in kinds]:
        inside = f"{step.__qualname__}." if isinstance(step, type) else step.__qualname__
        if any(module == step.__module__ and one.startswith(inside) for module, one in called):
            return
    pytest.fail(f"nobody came by {name}")


# -- links


@pytest.mark.parametrize("page", PAGES, ids=id_of)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), target
        if anchor:
            headings = HEADING.findall(there.read_text("utf-8"))
            assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, anchor


def test_every_page_can_be_reached_from_the_first():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        waiting += [(page.parent / target).resolve() for target, _ in LINK.findall(page.read_text("utf-8")) if target]
    assert set() == set(DOCS.rglob("*.md")) - reached


# -- pages that are printed


@pytest.mark.parametrize("name", sorted(set(REFERENCE.PAGES) - {"docs/reference/metrics.md"}))
def test_a_reference_page_is_up_to_date(name):
    """If not: ``python tools/reference.py``. That of the metrics is tested beside them."""
    assert REFERENCE.PAGES[name]() == (ROOT / name).read_text("utf-8")


def test_every_setting_says_what_it_is_for():
    rows = re.findall(r"^\|.*`(\w+)`.*\| (.*) \|$", REFERENCE.configuration_page(), re.MULTILINE)
    assert len(rows) > 80
    assert [key for key, what in rows if not what.strip()] == []


def test_the_rooms_are_up_to_date():
    """If not: ``python tools/rooms.py``."""
    assert ROOMS.format_page() == (DOCS / "rooms.md").read_text("utf-8")


def test_a_room_says_what_it_may_touch():
    for room in ROOMS.read_floors():
        text = (ROOMS.PACKAGE / room / "__init__.py").read_text("utf-8")
        assert "May touch" in text or room in {"mail", "testing"}, room


def rows_of(page):
    """Each row of a table without its last cell, and the words in that."""
    rows = re.findall(r"^(\| \[.*\|) ([^|]*) \|$", page, re.MULTILINE)
    return {start: set(re.findall(r"`([\w.]+)`", rooms)) for start, rooms in rows}


def test_the_standards_are_up_to_date():
    """If not: ``python tools/standards.py``. A citation may be newer than the page; nothing in the page may be untrue."""
    now, then = rows_of(STANDARDS.format_page()), rows_of((DOCS / "standards.md").read_text("utf-8"))
    assert now.keys() == then.keys()
    assert [start for start, rooms in then.items() if not rooms <= now[start]] == []


def test_what_is_cited_is_in_the_index_and_what_is_said_to_be_followed_is_cited():
    assert list(STANDARDS.find_problems()) == []


def test_a_standard_that_nobody_entered_would_be_found(monkeypatch):
    monkeypatch.setattr(STANDARDS, "read_citations", lambda: {99999: {"mta"}})
    assert "RFC 99999 is cited by mta and is not in rfc/index.toml" in list(STANDARDS.find_problems())


# -- commands


def command_of(words):
    """The command that ``words`` call, and its options; raises ``LookupError`` when there is none."""
    command, context = posthouse, click.Context(posthouse)
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        word = rest.pop(0)
        found = command.get_command(context, word)
        if found is None:
            raise LookupError(word)
        command = found
        context = click.Context(command)
    known = {option for parameter in command.get_params(context) for option in parameter.opts} | {"-h", "--help"}
    return known, [word.partition("=")[0] for word in rest if word.startswith("-")]


def commands_in(page):
    text = page.read_text("utf-8")
    for line in COMMAND.findall(text) + COMMAND.findall("\n".join(f"    {one}" for one in fenced_lines(text))):
        yield shlex.split(re.sub(r"[\[\]…|]", " ", line))


def fenced_lines(text):
    return [line for block in FENCE.findall(text) for line in block.splitlines()]


@pytest.mark.parametrize("page", WRITTEN, ids=id_of)
def test_a_command_in_a_page_exists(page):
    for words in commands_in(page):
        known, given = command_of(words)
        assert set(given) <= known, words


def test_the_first_page_shows_commands():
    shown = [words[0] for words in commands_in(ROOT / "README.md")]
    assert {"serve", "config", "domain", "account", "queue", "explain", "limits"} <= set(shown)


def test_a_page_of_the_manual_stands_for_something():
    made = set(load_tool("manpages").pages())
    assert {page.name for page in (DOCS / "man").iterdir()} == made


def test_every_decision_is_listed():
    listed = (DOCS / "adr" / "README.md").read_text("utf-8")
    assert [page.name for page in (DOCS / "adr").glob("0*.md") if f"({page.name})" not in listed] == []
