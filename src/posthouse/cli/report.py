"""``posthouse report``: what others tell of mail in our name, and what we told them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import click

from posthouse.cli.asking import House, asks_house
from posthouse.cli.noun import Noun
from posthouse.cli.show import Column, moment, print_rows, size

Command = TypeVar("Command", bound=Callable[..., Any])


def day(value: Any) -> str:
    return moment(value)[:10]


def names(value: Any) -> str:
    return ", ".join(value or ())


SENDERS = (
    Column("source", "SOURCE"),
    Column("from", "FROM", shrinks=True),
    Column("passed", "PASSED", right=True),
    Column("failed", "FAILED", right=True),
    Column("refused", "REFUSED", right=True),
    Column("last", "LAST", day),
    Column("reporters", "REPORTED BY", names, shrinks=True),
)
NAME = Column("name", "NAME", shrinks=True)
SESSIONS = (
    Column("domain", "DOMAIN", shrinks=True),
    Column("result", "RESULT"),
    Column("sessions", "SESSIONS", right=True),
    Column("host", "HOST", shrinks=True),
    Column("reporters", "REPORTED BY", names, shrinks=True),
)
SENT = (
    Column("day", "DAY"),
    Column("kind", "KIND"),
    Column("domain", "DOMAIN", shrinks=True),
    Column("state", "STATE"),
    Column("messages", "COUNT", right=True),
    Column("octets", "SIZE", size, right=True),
    Column("to", "TO", names, shrinks=True),
)
FAILURES = (
    Column("at", "AT", moment),
    Column("domain", "DOMAIN", shrinks=True),
    Column("source_ip", "SOURCE"),
    Column("auth_failure", "FAILED"),
    Column("delivery_result", "DONE"),
    Column("reporter", "REPORTER", shrinks=True),
)
ARRIVED = (
    Column("end", "DAY", day),
    Column("kind", "KIND"),
    Column("domain", "DOMAIN", shrinks=True),
    Column("reporter", "REPORTER", shrinks=True),
    Column("proven", "SENT BY", shrinks=True),
    Column("good", "GOOD", right=True),
    Column("bad", "BAD", right=True),
)


def chooses(command: Command) -> Command:
    """What a list is about."""
    command = click.option("--domain", help="About this domain and those below it.")(command)
    return click.option("--since", type=click.IntRange(1, 3650), help="The last so many days (30).", metavar="DAYS")(
        command
    )


def directions(command: Command) -> Command:
    """Whose reports."""
    return click.option("--sent/--received", help="What we told others, or (by default) what they told us.")(command)


@click.group(cls=Noun)
def report() -> None:
    """What others saw of mail in our name and of our TLS, and what we told them."""


@report.command("dmarc")
@directions
@chooses
@click.option("--names", is_flag=True, help="Ask the DNS what the addresses are called.")
@asks_house
def dmarc(house: House, *, sent: bool, domain: str | None, since: int | None, names: bool, as_json: bool) -> None:
    """Who sends in our name, from where, how often, and what fails; what was found stands below."""
    given = {"domain": domain, "since": _seconds(since)}
    if sent:
        _print_sent(house.ask("report dmarc", sent=True, **given), as_json=as_json)
        return
    columns = (*SENDERS[:1], NAME, *SENDERS[1:]) if names else SENDERS
    print_rows(house.ask("report dmarc", names=names or None, **given), columns, as_json=as_json, note="found")


@report.command("tls")
@directions
@chooses
@asks_house
def tls(house: House, *, sent: bool, domain: str | None, since: int | None, as_json: bool) -> None:
    """How TLS went for those who send to us."""
    rows = house.ask("report tls", sent=sent or None, domain=domain, since=_seconds(since))
    if sent:
        _print_sent(rows, as_json=as_json)
    else:
        print_rows(rows, SESSIONS, as_json=as_json)


@report.command("failures")
@chooses
@asks_house
def failures(house: House, *, domain: str | None, since: int | None, as_json: bool) -> None:
    """Failure reports: single messages in our name that failed."""
    print_rows(house.ask("report failures", domain=domain, since=_seconds(since)), FAILURES, as_json=as_json)


@report.command("list")
@click.option("--kind", type=click.Choice(("dmarc", "tls", "failure")), help="Only these.")
@chooses
@asks_house
def list_reports(house: House, *, kind: str | None, domain: str | None, since: int | None, as_json: bool) -> None:
    """Every report that came. SENT BY is the domain that is proven to have sent it."""
    rows = house.ask("report list", kind=kind, domain=domain, since=_seconds(since))
    print_rows(rows, ARRIVED, as_json=as_json)


@report.command("send")
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would be sent, and to whom.")
@click.option("--now", "early", is_flag=True, help="Today's too, and before their time.")
@asks_house
def send(house: House, *, dry: bool, early: bool, as_json: bool) -> None:
    """Send the reports that are due; it happens once a day by itself, some time after midnight UTC."""
    rows = house.ask("report send", dry=dry or None, early=early or None)
    _print_sent(rows, as_json=as_json)


def _print_sent(rows: Iterable[Mapping[str, Any]], *, as_json: bool) -> None:
    """Who gets nothing stands below."""
    print_rows(rows if as_json else map(_with_note, rows), SENT, as_json=as_json, note="note")


def _with_note(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "note": "; ".join(row["left_out"])} if row["left_out"] else row


def _seconds(days: int | None) -> int | None:
    return days * 86400 if days is not None else None
