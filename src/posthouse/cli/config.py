"""``posthouse config``: check the configuration, show what is in force, print one to begin with."""

import sys
from pathlib import Path

import click

from posthouse.cli.serve import DEFAULT_FILE


@click.group()
def config() -> None:
    """The configuration of this node."""


def _file() -> click.Option:
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.Option(["--config", "file"], type=kind, default=DEFAULT_FILE, show_default=True, help="The file.")


def _with_file(command: click.Command) -> click.Command:
    command.params.append(_file())
    return command


@config.command()
def check(file: Path) -> None:
    """Say everything that is wrong with the file, each with its line."""
    from posthouse.supervisor.load import Misconfigured, load

    try:
        load(file)
    except Misconfigured as error:
        for complaint in error.complaints:
            click.echo(str(complaint), err=True)
        sys.exit(1)
    click.echo(f"{file}: good")


@config.command()
def show(file: Path) -> None:
    """Print what is in force: the file, and the defaults where it says nothing."""
    from posthouse.supervisor.load import Misconfigured, load
    from posthouse.supervisor.sample import format_configuration

    try:
        click.echo(format_configuration(load(file)), nl=False)
    except Misconfigured as error:
        raise click.ClickException(str(error)) from error


@config.command()
def default() -> None:
    """Print a configuration to begin with: every key, its default, and what it is for."""
    from posthouse.supervisor.sample import format_sample

    click.echo(format_sample(), nl=False)


_with_file(check)
_with_file(show)
