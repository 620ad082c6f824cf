"""``posthouse scanner``: the programs that look at each message, and whether they find what they should."""

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, print_rows

COLUMNS = (
    Column("name", "NAME"),
    Column("kind", "KIND"),
    Column("state", "STATE"),
    Column("scanned", "SCANNED", right=True),
    Column("found", "FOUND", right=True),
    Column("failed", "FAILED", right=True),
    Column("place", "ADDRESS", shrinks=True),
)
TRIALS = (
    Column("scanner", "SCANNER"),
    Column("trial", "TRIAL"),
    Column("ms", "MS", right=True),
    Column("result", "RESULT", shrinks=True),
)


@click.group(cls=Noun)
def scanner() -> None:
    """Programs that look at each message: ClamAV, Rspamd, milters, ICAP."""


@scanner.command("list")
@asks_house
def list_scanners(house: House, *, as_json: bool) -> None:
    """The scanners of the configuration and how they do; the last trouble stands below."""
    print_rows(house.ask("scanner list"), COLUMNS, as_json=as_json, note="last")


@scanner.command("test")
@click.argument("name", metavar="[NAME]", required=False)
@asks_house
def test_scanner(house: House, *, name: str | None, as_json: bool) -> None:
    """Show each scanner a harmless message, the EICAR test virus and the GTUBE test junk."""
    print_rows(house.ask("scanner test", name=name), TRIALS, as_json=as_json)
