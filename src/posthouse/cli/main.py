"""The ``posthouse`` command: each subcommand is imported when it is asked for."""

import click


@click.group()
def main() -> None:
    """A complete mail server for an office and its links to other offices."""


def _add() -> None:
    from posthouse.cli.localserve import localserve

    main.add_command(localserve)


_add()
