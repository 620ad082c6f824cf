"""Asking the house: over the control socket of a running server, or by opening the store when none runs."""

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

Row = Mapping[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])

SYSTEM_CONFIG = Path("/etc/posthouse/posthouse.toml")
SYSTEM_DIRECTORY = Path("/var/lib/posthouse")
ANSWER_SECONDS = 600.0


class Failure(click.ClickException):
    """What happened, and what to do about it. Exit status 1."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint

    def format_message(self) -> str:
        from posthouse.cli.show import visible

        return visible(self.message) + (f"\n  {visible(self.hint)}" if self.hint else "")


class House:
    """Where the house is, as the options say."""

    def __init__(self, directory: Path | None, config: Path | None, control: Path | None) -> None:
        self._directory = directory
        self._config = config
        self._control = control

    def ask(self, operation: str, **given: object) -> Iterator[Row]:
        """The rows of an operation. Values that are None are left out."""
        arguments = {name: value for name, value in given.items() if value is not None}
        connection = self._connect()
        if connection is not None:
            return _ask_server(connection, operation, arguments)
        if self._control is not None:
            raise Failure(f"no server answers at {self._control}", "start it, or name its directory with --dir")
        return self._ask_store(operation, arguments)

    def do(self, operation: str, **given: object) -> Row:
        """The one row of an operation that gives one."""
        rows = list(self.ask(operation, **given))
        return rows[-1] if rows else {}

    @property
    def directory(self) -> Path:
        """Where the store is."""
        if self._directory is not None:
            inner = self._directory / "store"  # a directory of localserve
            return inner if inner.is_dir() else self._directory
        config = self._config or _existing(os.environ.get("POSTHOUSE_CONFIG")) or _existing(SYSTEM_CONFIG)
        if config is not None:
            return _configured_directory(config)
        return Path(os.environ.get("POSTHOUSE_DIR", SYSTEM_DIRECTORY))

    def _connect(self) -> socket.socket | None:
        """The control socket of the running server, or None."""
        from posthouse.net.names import short_name

        path = self._control or self.directory / "control.sock"
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(ANSWER_SECONDS)
        try:
            with short_name(path) as name:
                connection.connect(name)
        except PermissionError:
            connection.close()
            raise Failure(f"you may not use {path}", "be root, or the user that the server runs as") from None
        except OSError:
            connection.close()
            return None
        return connection

    def _ask_store(self, operation: str, arguments: Row) -> Iterator[Row]:
        """No server runs: open the store ourselves, under its lock."""
        directory = self.directory
        if not (directory / "posthouse.db").is_file():
            raise Failure(
                f"no server runs in {directory}, and there is no store either",
                "name the place with --dir, --config or --socket (or POSTHOUSE_DIR)",
            )
        click.echo(f"no server runs; working on {directory} itself", err=True)
        from posthouse.supervisor.offline import Unopened, ask_offline

        try:
            answers = ask_offline(directory, operation, arguments)
        except Unopened as error:
            raise Failure(str(error), "if it is a server that just starts, try again") from None
        return _rows(iter(answers))


def _existing(path: str | Path | None) -> Path | None:
    return Path(path) if path and Path(path).is_file() else None


def _configured_directory(config: Path) -> Path:
    from posthouse.supervisor.load import Misconfigured, load

    try:
        return load(config).store.directory
    except Misconfigured as error:
        raise Failure(str(error), "posthouse config check shows what is wrong") from None


def _ask_server(connection: socket.socket, operation: str, arguments: Row) -> Iterator[Row]:
    with connection, connection.makefile("rwb") as wire:
        wire.write(json.dumps({"do": operation, "with": arguments}).encode() + b"\n")
        wire.flush()
        try:
            yield from _rows(json.loads(line) for line in wire)
        except (OSError, ValueError) as error:
            raise Failure(f"the server broke off: {error}", "look into its log") from None


def _rows(answers: Iterator[Mapping[str, Any]]) -> Iterator[Row]:
    """The rows of a conversation; raises ``Failure``."""
    for answer in answers:
        if "row" in answer:
            yield answer["row"]
        elif "failed" in answer:
            raise Failure(str(answer["failed"]), str(answer.get("hint", "")))
        else:
            return
    raise Failure("the server broke off in the middle", "look into its log")


def asks_house(command: Command) -> Command:
    """Give ``command`` the options of place and ``--json``, and as first argument the ``House`` they mean."""
    path = click.Path(path_type=Path)

    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    @click.option("--dir", "directory", type=path, help="The directory of the store.")
    @click.option("--config", "config_file", type=path, help="The configuration file that names it.")
    @click.option("--socket", "control", type=path, help="The control socket of the server.")
    @wraps(command)
    def asking(
        directory: Path | None, config_file: Path | None, control: Path | None, *args: object, **given: object
    ) -> object:
        return command(House(directory, config_file, control), *args, **given)

    return asking  # type: ignore[return-value]  # the decorators give back what they were given
