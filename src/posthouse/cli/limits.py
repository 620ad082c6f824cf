"""``posthouse limits``: every number that bounds what others may do here."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posthouse.cli.asking import Failure, House, Row, asks_house
from posthouse.cli.show import Column, print_rows

if TYPE_CHECKING:
    from posthouse.admd.limits import Limits

COLUMNS = (
    Column("number", "NUMBER"),
    Column("limit", "LIMIT"),
    Column("value", "VALUE", right=True),
    Column("default", "DEFAULT", right=True),
    Column("unit", "UNIT"),
)


@click.command()
@asks_house
def limits(house: House, *, as_json: bool) -> None:
    """Every limit of the house: its number, the value in force, the default and the reason.

    The values are those of the file that --config names; without it those of the
    running server, else of the configuration file, else the defaults.
    """
    source, rows = in_force(house)
    click.echo(source, err=True)
    print_rows(rows if as_json else map(for_people, rows), COLUMNS, as_json=as_json, note="why")


def in_force(house: House) -> tuple[str, Iterable[Row]]:
    """Whose values they are, and the values."""
    from posthouse.admd.limits import Limits

    if house.named_config is not None:
        return f"what {house.named_config} says", rows_of(limits_of(house.named_config))
    running, trouble = ask_server(house)
    if running is not None:
        return "what the running server goes by", running
    if house.config is not None:
        return f"what {house.config} says ({trouble})", rows_of(limits_of(house.config))
    return f"the defaults ({trouble})", rows_of(Limits())


def ask_server(house: House) -> tuple[Iterable[Row] | None, str]:
    """What the server says, or why there is no answer. A server that was named must answer."""
    try:
        rows = house.ask_server("limits")
    except Failure as failure:
        if house.is_named:
            raise
        return None, failure.message
    return rows, f"no server runs in {house.directory}"


def limits_of(file: Path) -> "Limits":
    from posthouse.cli.file import hint_of
    from posthouse.supervisor.load import Misconfigured, load

    try:
        return load(file).effective_limits
    except Misconfigured as error:
        raise Failure(list(map(str, error.complaints)), hint_of(file)) from None


def rows_of(limits: "Limits") -> Iterator[Row]:
    """As the operation ``limits`` of a server gives them."""
    from posthouse.admd.limits import list_limits

    yield from list_limits(limits)


def for_people(row: Row) -> Row:
    """With values as they are written in the configuration."""
    from posthouse.admd.limits import SETTABLE, format_limit

    unit = str(row["unit"])
    shown = {key: format_limit(row[key], unit) for key in ("value", "default")}
    plain = unit.removeprefix("octets").removeprefix("seconds").strip()
    state = row.get("state", SETTABLE)
    why = row["why"] if state == SETTABLE else f"{row['why']} ({state})"
    return {**row, **shown, "unit": plain, "why": why}
