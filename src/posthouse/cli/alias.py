"""``posthouse alias``: addresses that stand for others."""

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, done, print_rows


@click.group(cls=Noun)
def alias() -> None:
    """Addresses that stand for others; one with several targets is a group."""


@alias.command("add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Even if nobody here has one of the targets yet.")
@asks_house
def add_alias(house: House, *, address: str, targets: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Send on what comes for ADDRESS to all TARGETS, here or elsewhere; they replace those it had."""
    row = house.do("alias add", address=address, targets=list(targets), force=force or None)
    done(row, f"{row['address']} {'changed' if row['changed'] else 'added'}", as_json=as_json)


@alias.command("list")
@asks_house
def list_aliases(house: House, *, as_json: bool) -> None:
    """The aliases."""
    columns = (Column("address", "ADDRESS", shrinks=True), Column("targets", "TARGETS", ", ".join, shrinks=True))
    print_rows(house.ask("alias list"), columns, as_json=as_json)


@alias.command("remove")
@click.argument("address")
@asks_house
def remove_alias(house: House, *, address: str, as_json: bool) -> None:
    """ADDRESS stands for nobody any more."""
    row = house.do("alias remove", address=address)
    done(row, f"{row['address']} removed", as_json=as_json)
