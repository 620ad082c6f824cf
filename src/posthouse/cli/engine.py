"""``posthouse engine``: the data as a whole, from one engine to another."""

import json
import sys

import click

from posthouse.cli.asking import Failure


@click.group()
def engine() -> None:
    """Where mail is kept: copy all of it from one engine to another."""


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
    from posthouse.storage.ports import StorageError
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
