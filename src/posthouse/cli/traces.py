"""``posthouse explain``, ``posthouse status``, ``posthouse limits``."""

from dataclasses import fields

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.show import Column, moment, print_fields, print_rows, sender, size, span

FORMS = {"at": moment, "size": size, "age": span, "next": span, "oldest": span, "uptime": span, "from": sender}


@click.command()
@click.argument("trace", metavar="ID")
@asks_house
def explain(house: House, *, trace: str, as_json: bool) -> None:
    """What became of a message or a refusal.

    ID stands at the end of our replies, in the Received line and in the log.
    """
    for at, row in enumerate(house.ask("explain", id=trace)):
        if at and not as_json:
            click.echo()
        print_fields(row, FORMS, as_json=as_json)


@click.command()
@asks_house
def status(house: House, *, as_json: bool) -> None:
    """How the server is: who it serves, what waits."""
    print_fields(house.do("status"), FORMS, as_json=as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def limits(*, as_json: bool) -> None:
    """Every limit of the house with its number, default and reason."""
    from posthouse.admd.limits import Limits

    rows = (
        {
            "limit": field.name,
            "number": field.metadata["number"],
            "default": field.default,
            "unit": field.metadata["unit"],
            "why": field.metadata["why"],
        }
        for field in fields(Limits)
    )
    columns = (
        Column("number", "NUMBER"),
        Column("limit", "LIMIT"),
        Column("default", "DEFAULT", right=True),
        Column("unit", "UNIT"),
        Column("why", "WHY", shrinks=True),
    )
    print_rows(rows, columns, as_json=as_json)
