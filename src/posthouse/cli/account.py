"""``posthouse account``: who has a mailbox here, who is held, who has rights that others have not."""

import re
from pathlib import Path
from typing import Any

import click

from posthouse.cli.apppassword import app_password
from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.secrets import read_password
from posthouse.cli.show import Column, done, moment, print_fields, print_rows, size, yes_or_no

UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"([0-9]{1,12})\s*([KMGT]?)i?B?\Z", re.IGNORECASE)


PASSWORD_FILE = click.option(
    "--password-file", type=click.Path(path_type=Path, allow_dash=True), help="Read it from there; - is stdin."
)


PASSWORD_STDIN = click.option("--password-stdin", is_flag=True, help="Read it from standard input.")


class Octets(click.ParamType[int]):
    """``10GiB``, ``500M``, ``1024``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _SIZE.match(str(value))
        if match is None:
            self.fail(f"{value} is not a size; write it as 10GiB", param, ctx)
        return int(match[1]) * UNITS[match[2].upper()]


@click.group(cls=Noun)
def account() -> None:
    """Accounts: who has a mailbox here."""


@account.command("add")
@click.argument("address")
@click.option("--name", help="The name of the person.")
@click.option("--quota", type=Octets(), help="Room for mail, such as 10GiB (the default).")
@click.option("--admin", is_flag=True, help="May administer the server; postmaster's mail goes there.")
@click.option("--ask", is_flag=True, help="Ask for a password instead of making one.")
@PASSWORD_FILE
@PASSWORD_STDIN
@asks_house
def add_account(
    house: House,
    *,
    address: str,
    name: str | None,
    quota: int | None,
    admin: bool,
    ask: bool,
    password_file: Path | None,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Make the account ADDRESS. Its password is made too and shown once, unless you give one."""
    password = read_password(ask=ask, file=password_file, stdin=password_stdin)
    row = house.do("account add", address=address, name=name, quota=quota, admin=admin, password=password)
    done(row, f"{row['address']} added{_password(row, ', password ')}", as_json=as_json)


@account.command("list")
@asks_house
def list_accounts(house: House, *, as_json: bool) -> None:
    """The accounts."""
    columns = (
        Column("address", "ADDRESS", shrinks=True),
        Column("name", "NAME", shrinks=True),
        Column("used", "USED", size, right=True),
        Column("quota", "QUOTA", size, right=True),
        Column("enabled", "ENABLED", yes_or_no),
        Column("admin", "ADMIN", yes_or_no),
        Column("remark", "REMARK", shrinks=True),
    )
    print_rows((row if as_json else _remarked(row) for row in house.ask("account list")), columns, as_json=as_json)


def _remarked(row: Any) -> Any:
    """What is unusual about an account, in words."""
    remarks = [word for word in ("held", "weak") if row.get(word)]
    remarks += [f"for @{domain}" for domain in row.get("grants", ())]
    return {**row, "remark": ", ".join("weak password" if one == "weak" else one for one in remarks)}


@account.command("show")
@click.argument("address")
@asks_house
def show_account(house: House, *, address: str, as_json: bool) -> None:
    """Everything about ADDRESS, with its mailboxes and aliases."""
    row = dict(house.do("account show", address=address))
    if as_json:
        print_fields(row, {}, as_json=True)
        return
    mailboxes = row.pop("mailboxes", [])
    row |= {name: row.get(name) or "none" for name in ("grants", "aliases")}
    row |= {name: row.get(name) or "no" for name in ("held", "weak")}
    row["created"] = row.pop("created_at")
    print_fields(row, {"used": size, "quota": size, "created": moment}, as_json=False)
    click.echo()
    columns = (
        Column("name", "MAILBOX", shrinks=True),
        Column("messages", "MESSAGES", right=True),
        Column("unseen", "UNSEEN", right=True),
        Column("size", "SIZE", size, right=True),
    )
    print_rows(mailboxes, columns, as_json=False)


@account.command("password")
@click.argument("address")
@click.option("--ask", is_flag=True, help="Ask for a password instead of making one.")
@PASSWORD_FILE
@PASSWORD_STDIN
@asks_house
def set_password(
    house: House, *, address: str, ask: bool, password_file: Path | None, password_stdin: bool, as_json: bool
) -> None:
    """Give ADDRESS a new password: one that is made and shown once, or yours."""
    password = read_password(ask=ask, file=password_file, stdin=password_stdin)
    row = house.do("account password", address=address, password=password)
    done(row, f"{row['address']} has a new password{_password(row, ': ')}", as_json=as_json)


@account.command("disable")
@click.argument("address")
@asks_house
def disable_account(house: House, *, address: str, as_json: bool) -> None:
    """No login for ADDRESS any more; its mail is still received and kept."""
    row = house.do("account disable", address=address)
    done(row, f"{row['address']} disabled", as_json=as_json)


@account.command("enable")
@click.argument("address")
@asks_house
def enable_account(house: House, *, address: str, as_json: bool) -> None:
    """Let ADDRESS log in again."""
    row = house.do("account enable", address=address)
    done(row, f"{row['address']} enabled", as_json=as_json)


@account.command("remove")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks_house
def remove_account(house: House, *, address: str, yes: bool, as_json: bool) -> None:
    """Remove ADDRESS with all its mail, for good."""
    sure = yes or click.confirm(f"Remove {address} with all its mail?", err=True)
    if not sure:
        raise click.Abort
    row = house.do("account remove", address=address, yes=True)
    done(row, f"{row['address']} removed", as_json=as_json)
    if row.get("aliases"):
        click.echo(f"aliases that still lead there: {', '.join(row['aliases'])}", err=True)


def _password(row: Any, before: str) -> str:
    return f"{before}{row['password']}" if "password" in row else ""


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


account.add_command(app_password)
