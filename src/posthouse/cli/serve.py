"""``posthouse serve``: the server, as an operator runs it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posthouse.cli.asking import Failure
from posthouse.cli.file import CONFIG_FILE, NO_DOOR, engine_address, hint_of

if TYPE_CHECKING:
    from posthouse.supervisor.config import Configuration


@click.command()
@CONFIG_FILE
@click.option(
    "--engine",
    default="",
    callback=engine_address,
    metavar="URL",
    help="Instead of [store] engine: postgresql://USER@HOST1,HOST2,HOST3/DATABASE.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Processes that serve; more than one need [store] engine. The next ports after metrics are theirs.",
)
def serve(file: Path, engine: str, workers: int) -> None:
    """Serve mail until told to stop. SIGHUP reads the configuration again, SIGTERM stops cleanly."""
    from posthouse.net.listener import PortTaken
    from posthouse.storage.errors import StorageError
    from posthouse.supervisor.fleet import Fleet, WorkerFailed
    from posthouse.supervisor.journal import make_journal
    from posthouse.supervisor.load import Misconfigured
    from posthouse.supervisor.privileges import Privileged
    from posthouse.supervisor.selftest import OpenRelay
    from posthouse.supervisor.serve import Server, WorkersLost
    from posthouse.supervisor.works import Setting

    try:
        configuration = _read(file, engine)
        if not configuration.listener:
            raise Failure(f"{file}: {NO_DOOR}")
        server = Server(
            Setting(configuration), make_journal(configuration, sys.stderr), lambda: Setting(_read(file, engine))
        )
        server.workers = workers
        if workers > 1 and not configuration.store.engine:
            raise Failure("the embedded engine serves one process", "set [store] engine, or leave --workers out")
        server.prepare()
        if workers == 1:
            server.run()
        else:
            Fleet(server, workers, server.journal, server.service_manager).run()
    except PortTaken as error:
        raise Failure(str(error), f"see [[listener]] in {file}") from error
    except Misconfigured as error:
        raise Failure(list(map(str, error.complaints)), hint_of(file)) from error
    except (OpenRelay, Privileged, OSError, StorageError, WorkerFailed, WorkersLost) as error:
        raise Failure(str(error)) from error


def _read(file: Path, engine: str) -> "Configuration":
    """The configuration, with the engine that the command line names."""
    from posthouse.supervisor.load import load

    configuration = load(file)
    if not engine:
        return configuration
    return configuration.replace(store=configuration.store.model_copy(update={"engine": engine}))
