"""``posthouse dkim``, ``posthouse dns``: the keys of our domains, and what they should publish."""

from collections.abc import Mapping
from typing import Any

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, done, moment, print_rows

MARKS = {"ok": "ok", "missing": "MISSING", "differs": "DIFFERS", "unneeded": "DELETE", "unknown": "?", "fault": "FAULT"}


@click.group(cls=Noun)
def dkim() -> None:
    """DKIM keys of our domains. They are made and rotated by themselves; their records are yours to publish."""


@dkim.command("list")
@click.argument("domain", required=False)
@asks_house
def list_keys(house: House, *, domain: str | None, as_json: bool) -> None:
    """The keys of DOMAIN, or of all, and what happens next with each."""
    columns = (
        Column("domain", "DOMAIN", shrinks=True),
        Column("selector", "SELECTOR"),
        Column("kind", "KIND"),
        Column("state", "STATE"),
        Column("since", "SINCE", moment),
    )
    print_rows(house.ask("dkim list", domain=domain), columns, as_json=as_json, note="next")


@dkim.command("rotate")
@click.argument("domain")
@asks_house
def rotate(house: House, *, domain: str, as_json: bool) -> None:
    """Make new keys for DOMAIN now. They sign once their records are seen in the DNS."""
    _tell(house.ask("dkim rotate", domain=domain), as_json=as_json)
    if not as_json:
        click.echo(f"Publish their records: posthouse dns records {domain}", err=True)


@dkim.command("activate")
@click.argument("domain")
@click.argument("selectors", metavar="[SELECTOR]...", nargs=-1)
@asks_house
def activate(house: House, *, domain: str, selectors: tuple[str, ...], as_json: bool) -> None:
    """Sign with these keys of DOMAIN (all that wait) from now on: you say that their records are published."""
    _tell(house.ask("dkim activate", domain=domain, selectors=list(selectors)), as_json=as_json)


@dkim.command("retire")
@click.argument("domain")
@click.argument("selector")
@click.option("--force", is_flag=True, help="Even if mail leaves unsigned then.")
@asks_house
def retire(house: House, *, domain: str, selector: str, force: bool, as_json: bool) -> None:
    """Sign with this key no more. Its record must stay until what it signed has arrived."""
    _tell(house.ask("dkim retire", domain=domain, selector=selector, force=force), as_json=as_json)


@dkim.command("reset")
@click.option("--yes", is_flag=True, help="The master key is lost for good.")
@asks_house
def reset(house: House, *, yes: bool, as_json: bool) -> None:
    """Begin anew after the file with the master key is lost: a new one, and new keys for all domains."""
    _tell(house.ask("dkim reset", yes=yes), as_json=as_json)


@click.group(cls=Noun)
def dns() -> None:
    """What our domains publish in the DNS."""


@dns.command("records")
@click.argument("domain", required=False)
@asks_house
def records(house: House, *, domain: str | None, as_json: bool) -> None:
    """All records that DOMAIN, or every domain, should publish, as a zone file has them."""
    rows = house.ask("dns records", domain=domain)
    if as_json:
        print_rows(rows, (), as_json=True)
        return
    for row in rows:
        click.echo(f"; {row['hint']}" if "hint" in row else f"; {row['why']}\n{row['zone']}")


@dns.command("check")
@click.argument("domain")
@asks_house
def check(house: House, *, domain: str, as_json: bool) -> None:
    """Compare what DOMAIN should publish with what the DNS says, and look for what is dangerous in it.

    Exit status 1 if anything is to be done.
    """
    rows = list(house.ask("dns check", domain=domain))
    if as_json:
        print_rows(rows, (), as_json=True)
    else:
        for row in rows:
            click.echo(_line(row))
    if any(row["state"] not in {"ok", "unknown"} for row in rows):
        raise SystemExit(1)


def _line(row: Mapping[str, Any]) -> str:
    what = row["what"] if row["state"] == "fault" else f"{row['type']} {row['name']}"
    start = f"{MARKS[row['state']]:<8} {what}"
    if row["state"] == "fault":
        start = f"{start} ({row['name']})"
    if row["state"] in {"missing", "differs"}:
        start += f" {row['wanted']}"
    if row["state"] == "unknown":
        return f"{start} ({row['advice']})"
    return f"{start}\n         {row['advice']}" if row["advice"] else start


def _tell(rows: Any, *, as_json: bool) -> None:
    for row in rows:
        done(row, f"{row['selector']} of {row['domain']} ({row['kind']}): {row['state']}", as_json=as_json)
