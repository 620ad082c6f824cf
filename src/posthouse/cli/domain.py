"""``posthouse domain``: what we receive mail for."""

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, done, print_rows


@click.group(cls=Noun)
def domain() -> None:
    """Domains of ours."""


@domain.command("add")
@click.argument("name")
@click.option("--catch-all", metavar="ADDRESS", help="Who gets what is addressed to nobody; '' for nobody.")
@asks_house
def add_domain(house: House, *, name: str, catch_all: str | None, as_json: bool) -> None:
    """Receive mail for the domain NAME, or change it."""
    row = house.do("domain add", name=name, catch_all=catch_all)
    done(row, f"{row['domain']} {'changed' if row['changed'] else 'added'}", as_json=as_json)
    if not row["changed"] and not as_json:
        click.echo(f"Its DNS records: posthouse dns records {row['domain']}", err=True)


@domain.command("list")
@asks_house
def list_domains(house: House, *, as_json: bool) -> None:
    """The domains of ours."""
    columns = (
        Column("domain", "DOMAIN", shrinks=True),
        Column("accounts", "ACCOUNTS", right=True),
        Column("aliases", "ALIASES", right=True),
        Column("catch_all", "CATCH-ALL", shrinks=True),
    )
    print_rows(house.ask("domain list"), columns, as_json=as_json)


@domain.command("remove")
@click.argument("name")
@asks_house
def remove_domain(house: House, *, name: str, as_json: bool) -> None:
    """Receive nothing more for NAME. Its accounts and aliases must have gone before."""
    row = house.do("domain remove", name=name)
    done(row, f"{row['domain']} removed", as_json=as_json)
