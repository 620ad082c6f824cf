"""``posthouse cluster``: the machines that serve together, how they are, and what should be looked at."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, print_fields, print_rows, size, span, terminal_width, visible, wrap


def _lag(value: object) -> str:
    return "?" if value is None else value if isinstance(value, str) else size(value)


def _left(value: object) -> str:
    """Of a lease: a job whose lease ran out is nobody's, until it is due again."""
    return span(value) if isinstance(value, int) and value > 0 else "-"


def _server(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A leader is behind nobody."""
    return {**row, "lag_octets": "-"} if row.get("role") == "leader" else row


def _job(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Whose it is: who had it last has it no more."""
    return row if (row.get("left_seconds") or 0) > 0 else {**row, "owner": f"nobody now, {row['owner']} before"}


TABLES = {
    "cell": (
        Column("cell", "CELL", right=True),
        Column("state", "STATE"),
        Column("draining", "DRAINING", lambda value: "yes" if value else "-"),
        Column("name", "ENGINE", shrinks=True),
    ),
    "server": (
        Column("name", "SERVER", shrinks=True),
        Column("role", "ROLE"),
        Column("sync", "SYNC"),
        Column("lag_octets", "LAG", _lag, right=True),
        Column("version", "VERSION"),
    ),
    "node": (
        Column("name", "NODE", shrinks=True),
        Column("state", "STATE"),
        Column("seen_seconds", "SEEN", span, right=True),
        Column("up_seconds", "UP", span, right=True),
        Column("claimed", "CLAIMED", right=True),
        Column("version", "VERSION"),
    ),
    "job": (
        Column("name", "JOB"),
        Column("left_seconds", "LEFT", _left, right=True),
        Column("token", "TOKEN", right=True),
        Column("owner", "OWNER", shrinks=True),
    ),
    "queue": (
        Column("name", "QUEUE"),
        Column("waiting", "WAITING", right=True),
        Column("due", "DUE", right=True),
        Column("claimed", "CLAIMED", right=True),
        Column("held", "HELD", right=True),
        Column("late_seconds", "LATE", span, right=True),
    ),
}


SHOWN = {"server": _server, "job": _job}


@click.group(cls=Noun)
def cluster() -> None:
    """Several machines: who serves, how the engine is, what should be looked at."""


@cluster.command("status")
@asks_house
def status(house: House, *, as_json: bool) -> None:
    """What is wrong; the engine, its cells and servers, the nodes, the jobs that one of them does for all, the queue.

    While the engine does not answer it takes a few seconds, and tells what is known without it.
    """
    found = list(house.ask("cluster status"))
    if as_json:
        for row in found:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    by_what: dict[str, list[Mapping[str, Any]]] = {}
    for row in found:
        by_what.setdefault(str(row["what"]), []).append(row)
    troubles = by_what.pop("trouble", [])
    for row in troubles:
        _tell("trouble", str(row["name"]), str(row["hint"]))
    if troubles:
        click.echo()
    for row in by_what.pop("engine", []):
        known = {key: value for key, value in row.items() if key not in {"what", "trouble"} and value is not None}
        if row.get("trouble"):  # nothing else is known
            known = {"name": row["name"]}
        print_fields(known, {}, as_json=False)
    for what, columns in TABLES.items():
        if what in by_what:
            click.echo()
            show = SHOWN.get(what)
            print_rows(map(show, by_what[what]) if show else by_what[what], columns, as_json=False, note="trouble")


@cluster.command("doctor")
@asks_house
def doctor(house: House, *, as_json: bool) -> None:
    """What is wrong, or would be when the next machine dies. Exit status 1 if something is wrong now."""
    rows = list(house.ask("cluster doctor"))
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
    elif not rows:
        click.echo("nothing to be done")
    else:
        for row in rows:
            _tell(str(row["level"]), str(row["text"]), str(row["hint"]))
    sys.exit(any(row["level"] == "trouble" for row in rows))


def _tell(level: str, text: str, hint: str) -> None:
    """What is wrong, and below it what to do."""
    width = terminal_width(sys.stdout)
    for part in wrap(visible(f"{level}: {text}"), width):
        click.echo(part)
    for part in wrap(visible(hint), width and width - 4):
        click.echo(f"    {part}")
