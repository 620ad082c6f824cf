"""``posthouse config``: check the configuration, show what is in force, print one to begin with."""

import sys
from pathlib import Path

import click

from posthouse.cli.asking import Failure
from posthouse.cli.file import CONFIG_FILE, NO_DOOR, hint_of
from posthouse.cli.noun import Noun


@click.group(cls=Noun)
def config() -> None:
    """The configuration of this node."""


@config.command()
@CONFIG_FILE
def check(file: Path) -> None:
    """Say everything that is wrong with the file, each with its line."""
    from posthouse.supervisor.load import Misconfigured, load

    try:
        configuration = load(file)
    except Misconfigured as error:
        for complaint in error.complaints:
            click.echo(str(complaint), err=True)
        if not file.exists():
            click.echo(f"  {hint_of(file)}", err=True)
        sys.exit(1)
    if not configuration.listener:
        click.echo(f"{file}: {NO_DOOR}", err=True)
        sys.exit(1)
    doors = " ".join(f"{one.service}:{one.number}" for one in configuration.listener)
    click.echo(f"{file}: good; doors: {doors}")


@config.command()
@CONFIG_FILE
def show(file: Path) -> None:
    """Print what is in force: the file, and the defaults where it says nothing."""
    from posthouse.supervisor.load import Misconfigured, load
    from posthouse.supervisor.sample import format_configuration

    try:
        click.echo(format_configuration(load(file)), nl=False)
    except Misconfigured as error:
        raise Failure(list(map(str, error.complaints)), hint_of(file)) from error


@config.command()
def default() -> None:
    """Print a configuration to begin with: every key, its default, and what it is for."""
    from posthouse.supervisor.sample import format_sample

    click.echo(format_sample(), nl=False)
