"""``posthouse domain``, ``posthouse account``, ``posthouse alias``."""

import re
from pathlib import Path
from typing import Any

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.secrets import read_password
from posthouse.cli.show import Column, moment, print_fields, print_rows, size, yes_or_no

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


def done(row: Any, text: str, *, as_json: bool) -> None:
    """Say what was done."""
    print_fields(row, {}, as_json=True) if as_json else click.echo(text)


# -- domains


@click.group()
def domain() -> None:
    """Domains of ours."""


@domain.command("add")
@click.argument("name")
@click.option("--catch-all", metavar="ADDRESS", help="Who gets what is addressed to nobody; '' for nobody.")
@asks_house
def add_domain(house: House, *, name: str, catch_all: str | None, as_json: bool) -> None:
    """Receive mail for the domain NAME, or change it."""
    row = house.do("domain add", name=name, catch_all=catch_all)
    done(row, f"{row['domain']} {'changed' if row['changed'] else 'added'}", as_json=as_json)
    if not row["changed"] and not as_json:
        click.echo(f"Its DNS records: posthouse dns records {row['domain']}", err=True)


@domain.command("list")
@asks_house
def list_domains(house: House, *, as_json: bool) -> None:
    """The domains of ours."""
    columns = (
        Column("domain", "DOMAIN", shrinks=True),
        Column("accounts", "ACCOUNTS", right=True),
        Column("aliases", "ALIASES", right=True),
        Column("catch_all", "CATCH-ALL", shrinks=True),
    )
    print_rows(house.ask("domain list"), columns, as_json=as_json)


@domain.command("remove")
@click.argument("name")
@asks_house
def remove_domain(house: House, *, name: str, as_json: bool) -> None:
    """Receive nothing more for NAME. Its accounts and aliases must have gone before."""
    row = house.do("domain remove", name=name)
    done(row, f"{row['domain']} removed", as_json=as_json)


# -- accounts


@click.group()
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


# -- aliases


@click.group()
def alias() -> None:
    """Addresses that stand for others; one with several targets is a group."""


@alias.command("add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Even if nobody here has one of the targets yet.")
@asks_house
def add_alias(house: House, *, address: str, targets: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Send on what comes for ADDRESS to all TARGETS, here or elsewhere; they replace those it had."""
    row = house.do("alias add", address=address, targets=list(targets), force=force or None)
    done(row, f"{row['address']} {'changed' if row['changed'] else 'added'}", as_json=as_json)


@alias.command("list")
@asks_house
def list_aliases(house: House, *, as_json: bool) -> None:
    """The aliases."""
    columns = (Column("address", "ADDRESS", shrinks=True), Column("targets", "TARGETS", ", ".join, shrinks=True))
    print_rows(house.ask("alias list"), columns, as_json=as_json)


@alias.command("remove")
@click.argument("address")
@asks_house
def remove_alias(house: House, *, address: str, as_json: bool) -> None:
    """ADDRESS stands for nobody any more."""
    row = house.do("alias remove", address=address)
    done(row, f"{row['address']} removed", as_json=as_json)
