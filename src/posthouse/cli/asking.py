"""Asking the house: over the control socket of a running server, or by opening the store when none runs."""

import json
import os
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from posthouse.cli.file import found_config, hint_of

Row = Mapping[str, Any]
Command = TypeVar("Command", bound=Callable[..., Any])

SYSTEM_DIRECTORY = Path("/var/lib/posthouse")
ANSWER_SECONDS = 600.0


class Failure(click.ClickException):
    """What happened, on one line or several, and what to do about it. Exit status 1."""

    def __init__(self, what: str | Sequence[str], hint: str = "") -> None:
        self.lines = [what] if isinstance(what, str) else list(what)
        super().__init__("; ".join(self.lines))
        self.hint = hint

    def format_message(self) -> str:
        from posthouse.cli.show import terminal_width, visible, wrap

        width = terminal_width(sys.stderr)
        room = width - len("Error: ") if width is not None else None
        lines = [part for line in self.lines for part in wrap(visible(line), room)]
        lines += [f"  {part}" for part in wrap(visible(self.hint), room and room - 2)] if self.hint else []
        return "\n".join(lines)


class House:
    """Where the house is, as the options say."""

    def __init__(self, directory: Path | None, config: Path | None, control: Path | None) -> None:
        self._directory = directory
        self._config = config
        self._control = control

    def ask(self, operation: str, **given: object) -> Iterator[Row]:
        """The rows of an operation. Values that are None are left out."""
        answers = self.ask_server(operation, **given)
        if answers is None:
            answers = self._ask_store(operation, _given(given))
            context = click.get_current_context(silent=True)
            if context is not None:  # who reads no further must not leave the store open: the process would never end
                context.call_on_close(answers.close)
        return answers

    def ask_server(self, operation: str, **given: object) -> Iterator[Row] | None:
        """The same of a running server alone; None if there is none."""
        connection = self._connect()
        if connection is not None:
            return _ask_server(connection, operation, _given(given))
        if self._control is not None:
            raise Failure(f"no server answers at {self._control}", "start it, or name its directory with --dir")
        return None

    def do(self, operation: str, **given: object) -> Row:
        """The one row of an operation that gives one."""
        rows = list(self.ask(operation, **given))
        return rows[-1] if rows else {}

    @property
    def named_config(self) -> Path | None:
        """The file that ``--config`` names."""
        return self._config

    @property
    def is_named(self) -> bool:
        """Whether an option says where the house is."""
        return not (self._directory is self._config is self._control is None)

    @property
    def config(self) -> Path | None:
        """The configuration file that says where the house is; an option for a directory leaves it out."""
        if self._directory is not None:
            return None
        return self._config or found_config()

    @property
    def directory(self) -> Path:
        """Where the store is."""
        if self._directory is not None:
            inner = self._directory / "store"  # a directory of localserve
            return inner if inner.is_dir() else self._directory
        if self.config is not None:
            return _configured_directory(self.config)
        return Path(os.environ.get("POSTHOUSE_DIR", SYSTEM_DIRECTORY))

    def _configuration(self) -> Any:
        """What the configuration file says; None when an option names the directory instead."""
        config = self.config
        if config is None:
            return None
        from posthouse.supervisor.load import Misconfigured, load

        try:
            return load(config)
        except Misconfigured as error:
            raise Failure(list(map(str, error.complaints)), hint_of(config)) from None

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

    def _ask_store(self, operation: str, arguments: Row) -> Generator[Row, None, None]:
        """No server runs: open the store ourselves, under its lock."""
        directory, configuration = self.directory, self._configuration()
        engine = configuration.store.engine if configuration is not None else ""
        if not engine and not (directory / "posthouse.db").is_file():
            raise Failure(
                f"no server runs in {directory}, and there is no store either",
                "name the place with --dir, --config or --socket (or POSTHOUSE_DIR)",
            )
        place = "the engine" if engine else directory
        click.echo(f"no server runs here; working on {place} itself", err=True)
        from posthouse.supervisor.offline import Unopened, ask_offline

        try:
            with closing(ask_offline(directory, operation, arguments, configuration)) as answers:
                yield from _rows(answers)
        except Unopened as error:
            raise Failure(str(error), "if it is a server that just starts, try again") from None


def _given(values: Row) -> Row:
    return {name: value for name, value in values.items() if value is not None}


def _configured_directory(config: Path) -> Path:
    from posthouse.supervisor.load import Misconfigured, load

    try:
        return load(config).store.directory
    except Misconfigured as error:
        raise Failure(list(map(str, error.complaints)), hint_of(config) or "name the place with --dir") from None


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
