"""``posthouse serve``: the server, as an operator runs it."""

import sys
from pathlib import Path

import click

DEFAULT_FILE = Path("/etc/posthouse/posthouse.toml")


@click.command()
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_FILE,
    show_default=True,
    help="The configuration of this node.",
)
def serve(file: Path) -> None:
    """Serve mail until told to stop. SIGHUP reads the configuration again, SIGTERM stops cleanly."""
    from posthouse.net.listener import PortTaken
    from posthouse.storage.ports import StorageError
    from posthouse.supervisor.load import Misconfigured, load
    from posthouse.supervisor.privileges import Privileged
    from posthouse.supervisor.serve import Server, make_journal
    from posthouse.supervisor.wire import Setting

    try:
        configuration = load(file)
        if not configuration.listener:
            raise click.ClickException(f"{file}: no [[listener]]: nobody could reach this server")
        server = Server(Setting(configuration), make_journal(configuration, sys.stderr), lambda: Setting(load(file)))
        server.prepare()
        server.run()
    except PortTaken as error:
        raise click.ClickException(f"{error}; see [[listener]] in {file}") from error
    except (Misconfigured, Privileged, OSError, StorageError) as error:
        raise click.ClickException(str(error)) from error
