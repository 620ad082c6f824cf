"""``posthouse localserve``: the whole server on this machine, to try it and to test against it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posthouse.cli.asking import Failure
from posthouse.cli.file import engine_address

if TYPE_CHECKING:
    from posthouse.supervisor.localserve import Office


def _endpoint(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, int] | None:
    from posthouse.supervisor.kinds import parse_endpoint

    if value is None:
        return None
    try:
        return parse_endpoint(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _loopback(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    from ipaddress import ip_address

    try:
        address = ip_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if not address.is_loopback:
        raise click.BadParameter(f"{value} is no loopback address")
    return value


def _weaken(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """The negative control of the drill: a defence is taken out of this process, in a sandbox only."""
    import os

    if value is None:
        return None
    from posthouse.supervisor.weakened import PERMISSION, weaken

    if PERMISSION not in os.environ:
        raise click.BadParameter("only posthouse drill prove may ask for this")
    try:
        weaken(tuple(value.split(",")))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    click.echo(f"WEAKENED on purpose, without the defence against {value}", err=True)
    return value


@click.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path, file_okay=False), required=True, help="The data.")
@click.option("--host", default="127.0.0.1", show_default=True, callback=_loopback, help="A loopback address.")
@click.option("--base-port", default=2500, show_default=True, type=click.IntRange(1, 65500), help="The first port.")
@click.option(
    "--engine",
    default="",
    callback=engine_address,
    metavar="URL",
    help="Where mail is kept: postgresql://USER@HOST/DATABASE; nothing means DIR/store.",
)
@click.option("--relay", callback=_endpoint, metavar="HOST:PORT", help="Where mail for other domains goes.")
@click.option("--dns", callback=_endpoint, metavar="HOST:PORT", help="A resolver instead of the built-in zone.")
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Limits, routes and log from here.")
@click.option("--weakened", hidden=True, expose_value=False, callback=_weaken, help="For posthouse drill prove.")
def localserve(
    *,
    directory: Path,
    host: str,
    base_port: int,
    engine: str,
    relay: tuple[str, int] | None,
    dns: tuple[str, int] | None,
    config: Path | None,
) -> None:
    """The whole server on this machine, ready to try. Nothing leaves the machine."""
    from posthouse.net.listener import PortTaken
    from posthouse.storage.errors import StorageError
    from posthouse.supervisor.load import Misconfigured
    from posthouse.supervisor.localserve import Wishes, open_office
    from posthouse.supervisor.selftest import OpenRelay
    from posthouse.supervisor.serve import WorkersLost

    place = directory.absolute()
    wishes = Wishes(directory=place, host=host, base_port=base_port, relay=relay, dns=dns, config=config, engine=engine)
    try:
        office = open_office(wishes)
        _serve(office)
        office.close()
    except PortTaken as error:
        raise Failure(str(error), "choose other ports with --base-port") from error
    except Misconfigured as error:
        raise Failure(list(map(str, error.complaints))) from error
    except (OSError, OpenRelay, StorageError, WorkersLost) as error:
        raise Failure(str(error)) from error


def _serve(office: "Office") -> None:
    """Until somebody ends it."""
    from posthouse.supervisor.journal import make_journal
    from posthouse.supervisor.serve import Server

    setting = office.setting()
    journal = make_journal(setting.configuration, sys.stderr)
    server = Server(setting, journal, office.setting, seed=office.settle_in, on_ready=office.announce, may_be_root=True)
    server.prepare()
    server.run()
