"""``posthouse explain``, ``posthouse status``."""

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.show import moment, print_fields, sender, size, span

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
