"""The control socket."""

import asyncio
import json
import stat

import pytest

from posthouse.admd.limits import Limits
from posthouse.net.local import listen_locally, own_user
from posthouse.ops.house import House
from posthouse.services.admind import CONNECTIONS, REQUEST_OCTETS, SOCKET_NAME, AdminDoor
from posthouse.storage.sqlite.engine import open_store
from posthouse.testing.journal import KeptJournal
from posthouse.testing.ports import CountedIds, ManualClock


class Socket:
    def __init__(self, path, journal) -> None:
        self.path = path
        self.journal = journal

    async def ask(self, *lines: bytes) -> list[dict]:
        """Everything that is answered to ``lines``."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        try:
            writer.write(b"".join(line + b"\n" for line in lines))
            writer.write_eof()
            return [json.loads(line) for line in (await reader.read()).splitlines()]
        except (ConnectionError, BrokenPipeError):
            return []
        finally:
            writer.close()


@pytest.fixture
async def house(tmp_path):
    clock = ManualClock()
    store = await open_store(tmp_path / "store", clock=clock, ids=CountedIds(), journal=KeptJournal())
    yield House(store, clock)
    await store.close()


@pytest.fixture
async def control(house, tmp_path):
    journal = KeptJournal()
    path = tmp_path / SOCKET_NAME
    server = await listen_locally(path, AdminDoor(house, journal).serve, line_octets=REQUEST_OCTETS)
    yield Socket(path, journal)
    server.close()


def request(operation: str, **given) -> bytes:
    return json.dumps({"do": operation, "with": given}).encode()


async def test_rows_and_the_end(control) -> None:
    answers = await control.ask(request("domain add", name="office.test"), request("domain list"))
    assert answers[0]["row"]["domain"] == "office.test"
    assert answers[1] == {"done": 1}
    assert answers[2]["row"]["domain"] == "office.test"
    assert answers[3] == {"done": 1}


async def test_what_cannot_be_done_comes_with_a_hint(control) -> None:
    (answer,) = await control.ask(request("account add", address="alice@office.test"))
    assert "not a domain of ours" in answer["failed"]
    assert answer["hint"] == "posthouse domain add office.test"


async def test_limits_are_those_of_the_last_reload(house, tmp_path) -> None:
    door = AdminDoor(house, KeptJournal())
    server = await listen_locally(tmp_path / SOCKET_NAME, door.serve, line_octets=REQUEST_OCTETS)
    door.adopt(Limits(hops=7))
    answers = await Socket(tmp_path / SOCKET_NAME, KeptJournal()).ask(request("limits"))
    assert [one["row"]["value"] for one in answers[:-1] if one["row"]["limit"] == "hops"] == [7]
    server.close()


async def test_the_socket_is_for_its_owner_alone(control) -> None:
    assert stat.S_IMODE(control.path.stat().st_mode) == 0o600


async def test_a_stranger_is_cut_off_unheard(house, tmp_path) -> None:
    journal = KeptJournal()
    path = tmp_path / "other.sock"
    door = AdminDoor(house, journal, who=lambda _writer: own_user() + 4711)
    server = await listen_locally(path, door.serve, line_octets=REQUEST_OCTETS)
    answers = await Socket(path, journal).ask(request("domain add", name="office.test"))
    server.close()
    assert answers == [] or "may not" in answers[0]["failed"]
    assert not (await house.store.directory()).domains
    assert "admin.stranger" in [entry.event for entry in journal.entries]


@pytest.mark.parametrize(
    "line", [b"", b"nonsense", b"[]", b'{"do": 1}', b'{"do": "status", "with": []}', b"[" * 60000, b"\xff"]
)
async def test_what_is_no_request_is_answered_and_survived(control, line) -> None:
    answers = await control.ask(line, request("status"))
    assert "failed" in answers[0]
    assert answers[-1] == {"done": 1}


async def test_an_endless_request_is_cut_off(control) -> None:
    answers = await control.ask(b"x" * (REQUEST_OCTETS * 3))
    assert answers == [] or "too long" in answers[0]["failed"]
    assert (await control.ask(request("status")))[-1] == {"done": 1}


async def test_passwords_stay_out_of_the_journal(control) -> None:
    await control.ask(
        request("domain add", name="office.test"),
        request("account add", address="alice@office.test", password="correct horse battery"),
    )
    assert "account add" in str(control.journal.entries)
    assert "battery" not in str(control.journal.entries)


async def test_a_bug_costs_one_answer_and_is_in_the_journal(control, monkeypatch, house) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(house.store, "population", broken)
    answers = await control.ask(request("status"), request("nonsense"))
    assert answers[0]["failed"] == "trouble on our side"
    assert "no operation" in answers[1]["failed"]
    assert "admin.bug" in [entry.event for entry in control.journal.entries]


async def test_a_long_directory_is_no_obstacle(house, tmp_path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = await listen_locally(deep / SOCKET_NAME, AdminDoor(house, KeptJournal()).serve, line_octets=100)
    assert (deep / SOCKET_NAME).is_socket()
    server.close()


async def test_connections_are_bounded(control) -> None:
    open_ones = [await asyncio.open_unix_connection(str(control.path)) for _ in range(CONNECTIONS)]
    for _, writer in open_ones:
        writer.write(request("status") + b"\n")
    for reader, _ in open_ones:
        await reader.readline()
    answers = await control.ask(request("status"))
    assert answers == [] or "too many" in answers[0]["failed"]
    for _, writer in open_ones:
        writer.close()
