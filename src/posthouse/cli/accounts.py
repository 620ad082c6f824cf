"""``posthouse account`` for who is in trouble and who has rights: hold, release, sessions, grants, app passwords."""

import re
from typing import Any

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.people import account, done
from posthouse.cli.show import Column, moment, print_rows

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


@account.command("hold")
@click.argument("address")
@click.option("--reason", help="Why, for its owner and for the list.")
@asks_house
def hold_account(house: House, *, address: str, reason: str | None, as_json: bool) -> None:
    """Keep what ADDRESS sends to others in the queue, from now on; nothing of it is lost."""
    row = house.do("account hold", address=address, reason=reason)
    done(row, f"{row['address']} is held; {row['waiting']} in the queue wait", as_json=as_json)


@account.command("release")
@click.argument("address")
@asks_house
def release_account(house: House, *, address: str, as_json: bool) -> None:
    """Let ADDRESS send again, and let go what waits."""
    row = house.do("account release", address=address)
    done(row, f"{row['address']} is released; {row['released']} in the queue go now", as_json=as_json)


@account.command("revoke-sessions")
@click.argument("address")
@click.option("--keep-password", is_flag=True, help="Whoever knows the password may log in again.")
@asks_house
def revoke_sessions(house: House, *, address: str, keep_password: bool, as_json: bool) -> None:
    """End all sessions of ADDRESS at once, at all doors, and take back its app passwords and its password.

    The new password is shown once. Networks that it was known from are forgotten.
    """
    row = house.do("account revoke-sessions", address=address, keep_password=keep_password or None)
    password = f"; its new password: {row['password']}" if "password" in row else ""
    text = f"{row['address']}: all sessions ended, {row['app_passwords']} app passwords taken back{password}"
    done(row, text, as_json=as_json)


@account.command("grant")
@click.argument("address")
@click.argument("domain")
@asks_house
def grant_domain(house: House, *, address: str, domain: str, as_json: bool) -> None:
    """Let ADDRESS send in the name of every address of DOMAIN: another office whose smarthost this server is.

    Its mail is signed (DKIM) here only if DOMAIN is one of ours.
    """
    row = house.do("account grant", address=address, domain=domain.removeprefix("@"))
    done(row, f"{row['address']} may send as anybody of {row['domain']}", as_json=as_json)


@account.command("ungrant")
@click.argument("address")
@click.argument("domain")
@asks_house
def ungrant_domain(house: House, *, address: str, domain: str, as_json: bool) -> None:
    """ADDRESS may not send in the name of DOMAIN any more."""
    row = house.do("account ungrant", address=address, domain=domain.removeprefix("@"))
    done(row, f"{row['address']} may not send as {row['domain']} any more", as_json=as_json)


@account.group("app-password")
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
