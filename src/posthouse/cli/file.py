"""The configuration file as commands name it: ``--config``, else ``POSTHOUSE_CONFIG``, else the one of the system."""

import os
from pathlib import Path

import click

SYSTEM_CONFIG = Path("/etc/posthouse/posthouse.toml")
VARIABLE = "POSTHOUSE_CONFIG"


def engine_address(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The value of ``--engine``."""
    if value and not value.startswith(("postgresql://", "postgres://")):
        raise click.BadParameter(f'"{value}" is not postgresql://USER@HOST1,HOST2,HOST3/DATABASE')
    return value


NO_DOOR = "no [[listener]]: nobody could reach this server"

CONFIG_FILE = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=SYSTEM_CONFIG,
    envvar=VARIABLE,
    show_default=True,
    show_envvar=True,
    help="The configuration of this node.",
)
"""For commands that cannot do without the file."""


def found_config() -> Path | None:
    """For commands that can: the file of the environment, whether it is there or not, else the system's if it is."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    return SYSTEM_CONFIG if SYSTEM_CONFIG.is_file() else None


def hint_of(file: Path) -> str:
    """What to do about a configuration that cannot be used; nothing, when its errors say that."""
    return "" if file.exists() else f"posthouse config default > {file} makes one"
