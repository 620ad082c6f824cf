"""Finding the house, and the conversation with it."""

import json
import socket
import threading
from pathlib import Path

import click
import pytest

from posthouse.cli.asking import Failure, House
from posthouse.cli.secrets import read_password


def serve_once(path: Path, *answers: bytes) -> list[bytes]:
    """A server that answers one request with these lines, whatever it is."""
    heard: list[bytes] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        heard.append(connection.makefile("rb").readline())
        connection.sendall(b"".join(line + b"\n" for line in answers))
        connection.close()
        listener.close()

    threading.Thread(target=answer, daemon=True).start()
    return heard


def test_a_request_names_the_operation_and_what_was_given(tmp_path) -> None:
    heard = serve_once(tmp_path / "control.sock", b'{"row":{"a":1}}', b'{"done":1}')
    assert House(tmp_path, None, None).do("queue list", sender="x@y.test", domain=None) == {"a": 1}
    assert json.loads(heard[0]) == {"do": "queue list", "with": {"sender": "x@y.test"}}


def test_who_reads_no_further_leaves_the_store_to_the_next(tmp_path) -> None:
    (tmp_path / "posthouse.db").touch()
    house = House(tmp_path, None, None)
    for name in ("a.test", "b.test"):
        house.do("domain add", name=name)
    with click.Context(click.Command("list")):
        rows = house.ask("domain list")
        assert next(rows)["domain"] == "a.test"
    assert [row["domain"] for row in house.ask("domain list")] == ["a.test", "b.test"]


def test_a_refusal_leaves_the_store_to_the_next(tmp_path) -> None:
    (tmp_path / "posthouse.db").touch()
    house = House(tmp_path, None, None)
    with pytest.raises(Failure) as kept:
        house.do("account show", address="nobody@a.test")
    assert house.do("domain add", name="a.test")
    assert "nobody@a.test" in str(kept.value)


def test_localserve_keeps_its_store_in_a_directory_inside(tmp_path) -> None:
    (tmp_path / "store").mkdir()
    serve_once(tmp_path / "store" / "control.sock", b'{"done":0}')
    assert House(tmp_path, None, None).do("status") == {}


def test_a_failure_comes_with_its_hint(tmp_path) -> None:
    serve_once(tmp_path / "control.sock", b'{"failed":"no such thing","hint":"look elsewhere"}')
    with pytest.raises(Failure) as failure:
        House(tmp_path, None, None).do("status")
    assert failure.value.format_message() == "no such thing\n  look elsewhere"


@pytest.mark.parametrize("answers", [(), (b"nonsense",), (b'{"row":{}}',)])
def test_a_server_that_breaks_off_is_a_failure(tmp_path, answers) -> None:
    serve_once(tmp_path / "control.sock", *answers)
    with pytest.raises(Failure, match="broke off"):
        House(tmp_path, None, None).do("status")


def test_the_configuration_names_the_directory(tmp_path) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text(f'hostname = "mx.office.test"\n[store]\ndirectory = "{tmp_path}/data"\n')
    assert House(None, file, None).directory == tmp_path / "data"


def test_a_broken_configuration_is_a_failure(tmp_path) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text("hostnam = 1\n")
    with pytest.raises(Failure, match="hostnam"):
        _ = House(None, file, None).directory


def test_the_environment_names_the_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("POSTHOUSE_DIR", str(tmp_path))
    monkeypatch.setenv("POSTHOUSE_CONFIG", "")
    assert House(None, None, None).directory == tmp_path


def test_the_environment_names_the_configuration(tmp_path, monkeypatch) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text(f'hostname = "mx.office.test"\n[store]\ndirectory = "{tmp_path}/data"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    assert House(None, None, None).directory == tmp_path / "data"


def test_a_configuration_that_was_named_and_is_not_there_is_a_failure(tmp_path, monkeypatch) -> None:
    """Another place than the one that was meant would be worse than none."""
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(Failure, match=r"absent\.toml: No such file"):
        _ = House(None, None, None).directory


def test_a_long_hint_is_wrapped_on_a_terminal(monkeypatch) -> None:
    failure = Failure("what " * 30, "hint " * 30)
    assert len(failure.format_message().splitlines()) == 2
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    wrapped = failure.format_message().splitlines()
    assert max(len(line) for line in wrapped) <= 80 - len("Error: ")
    assert [line.startswith("  ") for line in wrapped].index(True) == len(wrapped) // 2


def test_a_password_comes_from_a_file(tmp_path) -> None:
    (tmp_path / "secret").write_text("a b c \nsecond line\n")
    assert read_password(ask=False, file=tmp_path / "secret") == "a b c "
    assert read_password(ask=False, file=None) is None


def test_a_file_without_a_password_is_a_failure(tmp_path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\n")
    for name in ("empty", "binary", "absent"):
        with pytest.raises(Failure):
            read_password(ask=False, file=tmp_path / name)
