"""``posthouse engine``: the data as a whole, from one engine to another."""

import json
import sys
from pathlib import Path

import click

from posthouse.cli.asking import Failure
from posthouse.cli.noun import Noun


@click.group(cls=Noun)
def engine() -> None:
    """Where mail is kept: look for damage, copy all of it elsewhere."""


@engine.command("copy")
@click.argument("source")
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def copy_command(source: str, target: str, as_json: bool) -> None:
    """Copy everything from SOURCE to TARGET, and compare both.

    Each is the directory of an embedded engine ([store] directory) or the address of a PostgreSQL
    (postgresql://USER@HOST1,HOST2,HOST3/DATABASE). No server may use either meanwhile, and TARGET must be
    empty. A copy that was interrupted goes on when the same command is given again.
    """
    from posthouse.storage.errors import StorageError
    from posthouse.supervisor.copying import copy_engine

    def tell(step: str, table: str, rows: int) -> None:
        if not as_json and sys.stderr.isatty():
            click.echo(f"\r\033[K{step} {table} {rows}", nl=False, err=True)

    try:
        copied = copy_engine(source, target, tell)
    except (OSError, StorageError) as error:
        raise Failure(str(error)) from error
    finally:
        if not as_json and sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)
    for one in copied:
        if as_json:
            click.echo(json.dumps({"table": one.table, "rows": one.rows, "sha256": one.digest}))
        elif one.rows:
            click.echo(f"{one.table:<14} {one.rows:>10}  {one.digest[:16]}")
    if not as_json:
        click.echo(f"{sum(one.rows for one in copied)} rows in {len(copied)} tables are the same on both sides")


@engine.command("check")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def check_command(directory: Path, as_json: bool) -> None:
    """Compare all that an embedded engine keeps with what was stored.

    DIRECTORY is that of [store] directory. Every message is compared with its
    SHA-256 and the database with its own rules; a server may go on meanwhile.
    Exit status 1 if anything is damaged. A PostgreSQL checks itself:
    pg_amcheck, and data checksums.
    """
    from posthouse.storage.errors import StorageError
    from posthouse.supervisor.copying import check_engine

    found = 0
    try:
        for what, told in check_engine(directory):
            found += 1
            click.echo(json.dumps({"what": what, "told": told}) if as_json else f"{what}: {told}")
    except (OSError, StorageError) as error:
        raise Failure(str(error), "restore it from a backup, or from another node") from error
    if found:
        raise Failure(f"{found} damaged", "restore these from a backup, or from another node")
    if not as_json:
        click.echo("all of it is as it was stored")
