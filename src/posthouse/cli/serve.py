"""``posthouse serve``: the server, as an operator runs it."""

import sys
from pathlib import Path

import click

from posthouse.cli.asking import Failure
from posthouse.cli.file import CONFIG_FILE, NO_DOOR, hint_of


@click.command()
@CONFIG_FILE
def serve(file: Path) -> None:
    """Serve mail until told to stop. SIGHUP reads the configuration again, SIGTERM stops cleanly."""
    from posthouse.net.listener import PortTaken
    from posthouse.storage.ports import StorageError
    from posthouse.supervisor.load import Misconfigured, load
    from posthouse.supervisor.privileges import Privileged
    from posthouse.supervisor.selftest import OpenRelay
    from posthouse.supervisor.serve import Server, make_journal
    from posthouse.supervisor.wire import Setting

    try:
        configuration = load(file)
        if not configuration.listener:
            raise Failure(f"{file}: {NO_DOOR}")
        server = Server(Setting(configuration), make_journal(configuration, sys.stderr), lambda: Setting(load(file)))
        server.prepare()
        server.run()
    except PortTaken as error:
        raise Failure(str(error), f"see [[listener]] in {file}") from error
    except Misconfigured as error:
        raise Failure(list(map(str, error.complaints)), hint_of(file)) from error
    except (OpenRelay, Privileged, OSError, StorageError) as error:
        raise Failure(str(error)) from error
