"""``posthouse explain``, ``posthouse status``: what became of a message, and how the house is."""

from collections.abc import Mapping
from typing import Any

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
        print_fields(row if as_json else _told(row), FORMS, as_json=as_json)


def _told(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """For people: what lies in quarantine was accepted, but is not in anybody's mailbox."""
    if row.get("action") != "quarantine" or row.get("verdict") != "accepted":
        return row
    names = {"stored": "put aside for"}
    told = {names.get(name, name): value for name, value in row.items()}
    return {**told, "verdict": "accepted, and put aside", "see": "posthouse quarantine list"}


@click.command()
@asks_house
def status(house: House, *, as_json: bool) -> None:
    """How the server is: who it serves, what waits."""
    print_fields(house.do("status"), FORMS, as_json=as_json)
