"""``posthouse quarantine``: what was kept from its readers, to be let go or dropped."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, moment, print_fields, print_rows, sender, size, span

Command = TypeVar("Command", bound=Callable[..., Any])

COLUMNS = (
    Column("id", "ID"),
    Column("kind", "KIND"),
    Column("size", "SIZE", size, right=True),
    Column("age", "AGE", span, right=True),
    Column("from", "FROM", sender, shrinks=True),
    Column("to", "TO", shrinks=True),
    Column("subject", "SUBJECT", shrinks=True),
)
FORMS = {"size": size, "age": span, "from": sender, "at": moment}


def chooses(command: Command) -> Command:
    """Which messages a verb is about."""
    command = click.option("--all", "everything", is_flag=True, help="All of them.")(command)
    command = click.option("--account", help="All that are kept from this account.")(command)
    return click.argument("ident", metavar="[ID]", required=False)(command)


@click.group(cls=Noun)
def quarantine() -> None:
    """What was kept from its readers for what was found in it."""


@quarantine.command("list")
@click.option("--account", help="Only what is kept from this account.")
@click.option("--limit", type=click.IntRange(1, 100_000), help="At most so many (1000).")
@asks_house
def list_quarantine(house: House, *, account: str | None, limit: int | None, as_json: bool) -> None:
    """Copies for our own people, and messages to elsewhere that are held; the reason stands below each."""
    print_rows(house.ask("quarantine list", account=account, limit=limit), COLUMNS, as_json=as_json, note="reason")


@quarantine.command("show")
@click.argument("ident", metavar="ID")
@asks_house
def show_quarantined(house: House, *, ident: str, as_json: bool) -> None:
    """One message in quarantine."""
    print_fields(house.do("quarantine show", id=ident), FORMS, as_json=as_json)


@quarantine.command("release")
@chooses
@asks_house
def release(house: House, *, as_json: bool, **which: Any) -> None:
    """Let messages go: into the inbox, or on their way."""
    _change(house, "quarantine release", "released", which, as_json=as_json)


@quarantine.command("drop")
@chooses
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks_house
def drop(house: House, *, as_json: bool, yes: bool, **which: Any) -> None:
    """Delete messages for good; nobody is told."""
    if not (yes or which["ident"]) and any(which.values()):
        click.confirm("Delete all of them for good?", err=True, abort=True)
    _change(house, "quarantine drop", "deleted", which, as_json=as_json)


@quarantine.command("digest")
@asks_house
def digest(house: House, *, as_json: bool) -> None:
    """Write now to everybody who has something new in quarantine; it happens once a day by itself."""
    row = house.do("quarantine digest")
    if as_json:
        print_fields(row, {}, as_json=True)
    else:
        click.echo(f"{row['sent']} sent")


def _change(house: House, operation: str, word: str, which: dict[str, Any], *, as_json: bool) -> None:
    row = house.do(operation, id=which["ident"], account=which["account"], all=which["everything"] or None)
    if as_json:
        print_fields(row, {}, as_json=True)
    else:
        click.echo(f"{row['changed']} {word}")
