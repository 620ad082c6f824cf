"""``posthouse classifier``: what the filter has learned from people, and why it says what it says."""

import hashlib
import json
from pathlib import Path

import click

from posthouse.cli.asking import Failure, House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, print_fields, print_rows

COLUMNS = (
    Column("name", "WHO", shrinks=True),
    Column("counts", "COUNTS"),
    Column("junk", "JUNK", right=True),
    Column("good", "GOOD", right=True),
    Column("least", "LEAST", right=True),
    Column("speaks", "SPEAKS"),
)
TOKENS = (Column("junk", "JUNK", right=True), Column("token", "TOKEN", shrinks=True))
REQUEST_OCTETS = 60_000
"""Of the tokens of one message, as they are sent to the server."""

files = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Noun)
def classifier() -> None:
    """The statistical filter that learns from what people do with their mail."""


@classifier.command("status")
@asks_house
def status(house: House, *, as_json: bool) -> None:
    """Who has taught how much, and whether that is enough to be heard."""
    print_rows(house.ask("classifier status"), COLUMNS, as_json=as_json)


@classifier.command("train")
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=files)
@click.option("--junk/--good", "is_junk", required=True, help="What they are.")
@click.option("--account", help="For this account alone; without it for all, with the word of three people.")
@asks_house
def train(house: House, *, paths: tuple[Path, ...], is_junk: bool, account: str | None, as_json: bool) -> None:
    """Show messages to the classifier, one in each FILE."""
    learned = 0
    for path in paths:
        name, tokens = _read(path)
        row = house.do("classifier train", name=name, tokens=tokens, junk=is_junk, account=account)
        learned += bool(row.get("learned"))
    if as_json:
        print_fields({"shown": len(paths), "learned": learned}, {}, as_json=True)
    else:
        click.echo(f"{learned} of {len(paths)} learned" + ("; the others were known" if learned < len(paths) else ""))


@classifier.command("forget")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks_house
def forget(house: House, *, address: str, yes: bool, as_json: bool) -> None:
    """Forget all that an account has taught (or "operator": what was trained for all)."""
    if not yes:
        click.confirm(f"Forget all that {address} has taught?", err=True, abort=True)
    row = house.do("classifier forget", address=address)
    if as_json:
        print_fields(row, {}, as_json=True)
    else:
        click.echo(f"{row['tokens']} tokens forgotten")


@classifier.command("explain")
@click.argument("path", metavar="FILE", type=files)
@click.option("--account", help="As this account would see it; without it, as those who have taught nothing.")
@asks_house
def explain(house: House, *, path: Path, account: str | None, as_json: bool) -> None:
    """What the message in FILE looks like, and by which of its words. 0 is good mail, 1 is junk."""
    _, tokens = _read(path)
    first, *rest = house.ask("classifier explain", tokens=tokens, account=account)
    if as_json:
        for row in (first, *rest):
            print_fields(row, {}, as_json=True)
        return
    print_fields(first, {}, as_json=False)
    click.echo()
    print_rows(iter(rest), TOKENS, as_json=False)


def _read(path: Path) -> tuple[str, list[str]]:
    """The name and the tokens of a message."""
    from posthouse.filter.classifier.tokens import tokens_of

    try:
        octets = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from None
    tokens = list(tokens_of(octets))
    while len(json.dumps(tokens)) > REQUEST_OCTETS:
        del tokens[-50:]
    return hashlib.sha256(octets).hexdigest(), tokens
