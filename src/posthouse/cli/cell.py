"""``posthouse cell``: the databases that the accounts live in, and who moves between them."""

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, print_fields, print_rows, yes_or_no

COLUMNS = (
    Column("cell", "CELL", right=True),
    Column("state", "STATE"),
    Column("accounts", "ACCOUNTS", right=True),
    Column("transit", "TRANSIT", right=True),
    Column("draining", "DRAINING", yes_or_no),
    Column("engine", "ENGINE", shrinks=True),
)


@click.group(cls=Noun)
def cell() -> None:
    """Several databases, each with some of the accounts: add, list, drain, move."""


@cell.command("list")
@asks_house
def list_cells(house: House, *, as_json: bool) -> None:
    """The cells, how many accounts live in each, and how much mail waits there to be carried to another one."""
    print_rows(house.ask("cell list"), COLUMNS, as_json=as_json)


@cell.command("add")
@click.argument("engine")
@asks_house
def add(house: House, *, engine: str, as_json: bool) -> None:
    """Found a cell in an empty database, ENGINE being postgresql://USER@HOST1,HOST2,HOST3/DATABASE.

    Nodes use it once they are restarted, one after the other. Leave passwords
    to ~/.pgpass: the address is kept in the first cell.
    """
    print_fields(house.do("cell add", engine=engine), {}, as_json=as_json)


@cell.command("drain")
@click.argument("number", metavar="CELL", type=click.IntRange(0))
@click.option("--undo", is_flag=True, help="Let it take new accounts again.")
@asks_house
def drain(house: House, *, number: int, undo: bool, as_json: bool) -> None:
    """Let a cell take no new accounts; those it has are moved with posthouse cell move."""
    print_fields(house.do("cell drain", cell=number, undo=undo or None), {}, as_json=as_json)


@cell.command("move")
@click.argument("address")
@click.argument("number", metavar="CELL", type=click.IntRange(0))
@asks_house
def move(house: House, *, address: str, number: int, as_json: bool) -> None:
    """Move an account with all its mail to another cell; begins an interrupted move again.

    What comes for it meanwhile waits and is filed afterwards; its mail
    programs go on with the same UIDs.
    """
    print_fields(house.do("cell move", address=address, cell=number), {}, as_json=as_json)
