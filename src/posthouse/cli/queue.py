"""``posthouse queue``: mail that waits for other servers, and what may be done with it."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, count, moment, print_fields, print_rows, sender, size, span

Command = TypeVar("Command", bound=Callable[..., Any])

COLUMNS = (
    Column("id", "ID"),
    Column("state", "STATE"),
    Column("size", "SIZE", size, right=True),
    Column("age", "AGE", span, right=True),
    Column("attempts", "TRIES", right=True),
    Column("from", "FROM", sender, shrinks=True),
    Column("to", "TO", shrinks=True),
)

FORMS = {
    "size": size,
    "age": span,
    "next": span,
    "from": sender,
    "created_at": moment,
    "due_at": moment,
    "expires_at": moment,
}


def filters(command: Command) -> Command:
    """The options that say which messages."""
    for option in (
        click.option("--sender", help="Only from this address."),
        click.option("--recipient", help="Only to this address."),
        click.option("--domain", help="Only to this domain."),
    ):
        command = option(command)
    return command


def chooses(command: Command) -> Command:
    """Which messages a verb changes."""
    command = filters(command)
    command = click.option("--all", "everything", is_flag=True, help="All of them.")(command)
    return click.argument("queue_id", metavar="[ID]", required=False)(command)


@click.group(cls=Noun)
def queue() -> None:
    """What waits to be sent."""


@queue.command("list")
@filters
@click.option("--state", type=click.Choice(["waiting", "held"]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 100_000), help="At most so many (1000).")
@asks_house
def list_queue(house: House, *, as_json: bool, **which: Any) -> None:
    """The queue, one line for each recipient; the last reply stands below it."""
    print_rows(house.ask("queue list", **which), COLUMNS, as_json=as_json, note="last")


@queue.command("show")
@click.argument("queue_id", metavar="ID")
@asks_house
def show_queued(house: House, *, queue_id: str, as_json: bool) -> None:
    """One message with all its recipients."""
    for at, row in enumerate(house.ask("queue show", id=queue_id)):
        if at and not as_json:
            click.echo()
        print_fields(row, FORMS, as_json=as_json)


@queue.command("hold")
@chooses
@asks_house
def hold(house: House, *, as_json: bool, **which: Any) -> None:
    """Keep messages in the queue without trying them."""
    _change(house, "queue hold", "held", which, as_json=as_json)


@queue.command("release")
@chooses
@asks_house
def release(house: House, *, as_json: bool, **which: Any) -> None:
    """Let held messages go, at once."""
    _change(house, "queue release", "released", which, as_json=as_json)


@queue.command("retry")
@chooses
@asks_house
def retry(house: House, *, as_json: bool, **which: Any) -> None:
    """Try waiting messages now."""
    _change(house, "queue retry", "to be tried now", which, as_json=as_json)


@queue.command("drop")
@chooses
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks_house
def drop(house: House, *, as_json: bool, yes: bool, **which: Any) -> None:
    """Take messages out of the queue for good; nobody is told."""
    _confirm(house, which, "Drop", yes=yes)
    _change(house, "queue drop", "dropped", which, as_json=as_json)


@queue.command("bounce")
@chooses
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks_house
def bounce(house: House, *, as_json: bool, yes: bool, **which: Any) -> None:
    """Return messages to their senders and take them out of the queue."""
    _confirm(house, which, "Return", yes=yes)
    _change(house, "queue bounce", "returned", which, as_json=as_json)


def _confirm(house: House, which: dict[str, Any], verb: str, *, yes: bool) -> None:
    """Say how many it will be before it is done."""
    if yes or not any(which.values()):
        return
    narrowed = {name: value for name, value in which.items() if name in {"sender", "recipient", "domain"}}
    rows = list(house.ask("queue list", id=which["queue_id"], limit=100_000, **narrowed))
    if rows and not click.confirm(
        f"{verb} {count(len(rows), 'recipient')} of {count(len({row['id'] for row in rows}), 'message')}?", err=True
    ):
        raise click.Abort


def _change(house: House, operation: str, word: str, which: dict[str, Any], *, as_json: bool) -> None:
    everything = which.pop("everything") or None
    row = house.do(operation, id=which.pop("queue_id"), all=everything, **which)
    if as_json:
        print_fields(row, {}, as_json=True)
    else:
        click.echo(f"{row['changed']} {word}")
