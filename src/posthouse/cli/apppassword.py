"""``posthouse account app-password``: a password for one program or device each."""

import re
from typing import Any

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, done, moment, print_rows

SCOPES = ("imap", "pop3", "smtp")
_LIFE = re.compile(r"([0-9]{1,5})\s*([hdw])\Z")
_SECONDS = {"h": 3600, "d": 86400, "w": 604800}


class Life(click.ParamType[int]):
    """``90d``, ``12h``, ``4w``: in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _LIFE.match(str(value))
        if match is None or int(match[1]) == 0:
            self.fail(f"{value} is not a time; write it as 90d", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


class Scopes(click.ParamType[list[str]]):
    """``imap,smtp``."""

    name = "doors"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        wanted = [one.strip().lower() for one in str(value).split(",")]
        if not set(wanted) <= set(SCOPES):
            self.fail(f"{value} is not some of {','.join(SCOPES)}", param, ctx)
        return wanted


@click.group("app-password", cls=Noun)
def app_password() -> None:
    """Passwords of an account for one program or device each."""


@app_password.command("add")
@click.argument("address")
@click.option("--name", required=True, help="The program or device that will have it.")
@click.option("--scope", type=Scopes(), help="What it is good for, some of imap,pop3,smtp; without it, all.")
@click.option("--expires", type=Life(), help="After that it is over: 90d, 12h, 4w; without it, when it is revoked.")
@asks_house
def add_app_password(
    house: House, *, address: str, name: str, scope: list[str] | None, expires: int | None, as_json: bool
) -> None:
    """Make an app password for ADDRESS and show it, this once."""
    row = house.do("account app-password add", address=address, name=name, scopes=scope or [], seconds=expires)
    text = f"{row['password']}\n{row['name']} of {row['address']}, good for {', '.join(row['scopes'])}"
    done(row, text + (f" until {moment(row['expires_at'])}" if row["expires_at"] else ""), as_json=as_json)


@app_password.command("list")
@click.argument("address")
@asks_house
def list_app_passwords(house: House, *, address: str, as_json: bool) -> None:
    """The app passwords of ADDRESS, and when each was last used."""
    columns = (
        Column("id", "ID"),
        Column("name", "NAME", shrinks=True),
        Column("scopes", "SCOPE", ",".join),
        Column("created_at", "MADE", moment),
        Column("expires_at", "UNTIL", _moment_or("for good")),
        Column("used_at", "LAST USED", _moment_or("never")),
        Column("used_from", "FROM", shrinks=True),
    )
    print_rows(house.ask("account app-password list", address=address), columns, as_json=as_json)


@app_password.command("revoke")
@click.argument("address")
@click.argument("which", metavar="ID|NAME")
@asks_house
def revoke_app_password(house: House, *, address: str, which: str, as_json: bool) -> None:
    """Take an app password of ADDRESS back. All sessions of the account end; those that may log in again."""
    row = house.do("account app-password revoke", address=address, which=which)
    done(row, f"{row['revoked']} app password of {row['address']} taken back", as_json=as_json)


def _moment_or(text: str) -> Any:
    def show(value: Any) -> str:
        return moment(value) if value else text

    return show
