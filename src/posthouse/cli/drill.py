"""``posthouse drill``: attack your own server, and read what held."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from posthouse.cli.asking import Failure
from posthouse.cli.noun import Noun

HELD, BROKEN, UNPROVEN, ABORTED, REFUSED = range(5)

path = click.Path(path_type=Path)
keeps_reports = click.option("--reports", type=path, help="Where reports are kept (~/.local/state/posthouse/drill).")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries of the catalogue: those that are named, else those of a profile."""

    ids: tuple[str, ...]
    profile: str
    surface: str
    fault: str
    motive: str

    @property
    def is_part(self) -> bool:
        """Whether only some of the profile were asked for."""
        return bool(self.surface or self.fault or self.motive)

    def or_quick(self) -> "Choice":
        """The same; the quick profile if nothing says otherwise."""
        return self if self.ids or self.profile else replace(self, profile="quick")

    def threats(self) -> list[Any]:
        from posthouse.drill.catalogue.index import Unknown, select

        try:
            return select(self.ids, profile=self.profile, surface=self.surface, fault=self.fault, motive=self.motive)
        except Unknown as error:
            raise Failure(str(error), "posthouse drill list shows what there is") from None


def chooses(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` is given a ``Choice``."""

    @click.argument("ids", nargs=-1, metavar="[ID]…")
    @click.option("--profile", type=click.Choice(["quick", "essay", "full", "soak"]), help="A set of entries.")
    @click.option("--surface", metavar="NAME", default="", help="Only this surface (smtp, tls, imap …).")
    @click.option("--class", "fault", metavar="CODE", default="", help="Only this fault class (IA, SF-n …).")
    @click.option("--motive", metavar="SIGN", default="", help="Only this motive ($, E, S, H, A, R).")
    @wraps(command)
    def chosen(
        *, ids: tuple[str, ...], profile: str | None, surface: str, fault: str, motive: str, **others: Any
    ) -> None:
        command(Choice(ids, profile or "", surface, fault, motive), **others)

    return chosen


def _reports(given: Path | None) -> Path:
    from posthouse.drill.reports.keep import default_directory

    return given or default_directory()


@click.group(cls=Noun)
def drill() -> None:
    """Attack your own server, in a sandbox, and read what held.

    Exit status: 0 all held, 1 something broke, 2 something is unproven (with
    --strict) or usage, 3 stopped for safety or by hand, 4 target refused.
    """


@drill.command("list")
@chooses
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_entries(choice: Choice, *, as_json: bool) -> None:
    """The catalogue: what can be done to a mail server, and whether we can try it."""
    from posthouse.cli.show import Column, print_rows
    from posthouse.drill.attacks.index import all_scenarios

    scenarios = all_scenarios()
    rows = [
        {
            "id": one.id,
            "surface": one.surface,
            "class": f"{'/'.join(one.attack)} < {'/'.join(one.enabling)}",
            "severity": one.failure.severity,
            "essay": " ".join(one.essay),
            "attack": "yes" if one.id in scenarios else "waits",
            "waits": "" if one.id in scenarios else f"waits for {one.needs}" if one.needs else "no attack yet",
            "title": one.title,
            **({"what": one.what, "why": one.why, "how": one.how, "cve": one.cves} if as_json else {}),
        }
        for one in choice.threats()
    ]
    columns = (
        Column("id", "ID"),
        Column("title", "TITLE", shrinks=True),
        Column("surface", "SURFACE"),
        Column("severity", ""),
        Column("class", "CLASS"),
    )
    print_rows(rows, columns, as_json=as_json, note="waits")
    if rows and not as_json:
        click.echo("")
        for line in _totals(rows):
            click.echo(line)


def _totals(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How many there are, and what those without an attack wait for."""
    from collections import Counter

    from posthouse.cli.show import count

    waiting = Counter(str(row["waits"]) for row in rows if row["waits"])
    number = len(rows)
    told = f"{number} {'entry' if number == 1 else 'entries'}: {count(number - waiting.total(), 'attack')}"
    yield told + (f", {waiting.total()} without:" if waiting else "")
    for what, times in waiting.most_common():
        yield f"{times:>5}  {what}"


@drill.command("plan")
@chooses
def plan(choice: Choice) -> None:
    """What a run would use at most; nothing is sent."""
    from posthouse.cli.show import Column, count, print_rows, size
    from posthouse.drill.attacks.index import all_scenarios

    choice = choice.or_quick()
    threats, scenarios = choice.threats(), all_scenarios()
    attacks = [(one, scenarios[one.id]) for one in threats if one.id in scenarios]
    servers = {wish: number for number, wish in enumerate(dict.fromkeys(one.wish for _, one in attacks), 1)}
    rows = [
        {
            "id": one.id,
            "title": one.title,
            "server": servers[scenario.wish],
            "connections": scenario.allowance.connections,
            "octets": scenario.allowance.octets,
            "seconds": int(scenario.allowance.seconds),
        }
        for one, scenario in attacks
    ]
    columns = (
        Column("id", "ID"),
        Column("title", "TITLE", shrinks=True),
        Column("server", "SANDBOX", right=True),
        Column("connections", "CONNECTIONS", right=True),
        Column("octets", "OCTETS", size, right=True),
        Column("seconds", "SECONDS", right=True),
    )
    print_rows(rows, columns, as_json=False)
    seconds = sum(scenario.allowance.seconds for _, scenario in attacks)
    click.echo(
        f"\n{count(len(rows), 'attack')} on {count(len(servers), 'sandbox server')}, every target on loopback; "
        f"{len(threats) - len(rows)} without an attack.\n"
        f"At most {count(math.ceil(seconds / 60), 'minute')}; most end much sooner."
    )
    _say_how_long_it_takes(choice)


def _say_how_long_it_takes(choice: Choice) -> None:
    """Where it was measured: for whole profiles."""
    from posthouse.drill.drilling import USUAL_SECONDS

    usual = 0.0 if choice.is_part else USUAL_SECONDS.get(choice.profile, 0.0)
    if usual:
        told = f"{usual:.0f} seconds" if usual < 90 else f"{usual / 60:.0f} minutes"
        click.echo(f"All of it takes about {told} on two cores that have other things to do, too.")


@drill.command("run")
@chooses
@click.option("--target", type=click.Choice(["sandbox", "local"]), default="sandbox", show_default=True, help="What.")
@click.option(
    "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The configuration to go by."
)
@click.option("--dir", "directory", type=path, help="local: the directory of the store.")
@click.option("--socket", "control", type=path, help="local: the control socket of the server.")
@click.option("--yes", is_flag=True, help="local: do not ask.")
@click.option("--seed", default=42, show_default=True, help="The same seed, the same attacks.")
@click.option("--repeat", default=0, metavar="N", help="Times each; what differs is unproven. (1, soak: 3)")
@click.option("--strict", is_flag=True, help="Unproven entries fail the run, too (exit 2).")
@click.option("--shared-network", is_flag=True, help="Stay on this machine's loopback, also as root.")
@click.option(
    "--format", "form", default="text", metavar="FORM", help="text, json, junit, sarif, html, md, openmetrics."
)
@keeps_reports
def run(
    choice: Choice,
    *,
    target: str,
    config: Path | None,
    directory: Path | None,
    control: Path | None,
    yes: bool,
    seed: int,
    repeat: int,
    strict: bool,
    shared_network: bool,
    form: str,
    reports: Path | None,
) -> None:
    """Attack a sandbox: a second server from the same program, on loopback.

    With --target local the running server itself, by the few entries that harm
    nobody, through accounts that are made for it and removed.
    """
    import asyncio

    from posthouse.drill.control import Declined
    from posthouse.drill.drilling import Ask, Drill
    from posthouse.drill.fence import Refused
    from posthouse.drill.sandbox import NotStarted

    choice = choice.or_quick()
    threats, name = choice.threats(), choice.profile or "chosen"
    live = _live(directory, config, control, yes=yes) if target == "local" else None
    one = Drill(Ask(threats, name, _reports(reports), seed, repeat, config, own_network=not shared_network, live=live))
    one.enter_network()
    try:
        asyncio.run(one.carry_out(_Progress(len(threats))))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    except (Refused, Declined, NotStarted) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(REFUSED)
    _print_report(one.document, form)
    click.echo(f"report {one.file}", err=True)
    sys.exit(_status(one.document, strict=strict))


def _live(directory: Path | None, config: Path | None, control: Path | None, *, yes: bool) -> Path:
    """The control socket of the server that is to be attacked, once its operator has agreed."""
    from posthouse.cli.asking import House

    socket = control or House(directory, config, None).directory / "control.sock"
    if not yes:
        click.confirm(f"Attack the live server at {socket}, by entries that harm nobody?", abort=True, err=True)
    return socket


class _Progress:
    """One line for each entry that is over."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._at = 0

    def __call__(self, ident: str, result: Any) -> None:
        from posthouse.drill.reports.text import Paint

        if result is None:
            if sys.stderr.isatty():
                click.echo(f"\r          {ident} …", nl=False, err=True)
            return
        start = "\r" if sys.stderr.isatty() else ""
        paint = Paint(sys.stderr.isatty())
        shown = paint(f"{result.verdict.value:<9}", result.verdict.value)
        click.echo(f"{start}{shown} {ident}  {result.threat.title:<44.44} {result.seconds:6.1f} s", err=True)


def _print_report(document: Any, form: str) -> None:
    from posthouse.drill.reports.forms import FORMS, format_report

    if form not in FORMS:
        raise Failure(f"no form {form}; there are {', '.join(FORMS)}")
    click.echo(format_report(document, form, colour=form == "text" and sys.stdout.isatty()), nl=False)


def _status(document: Any, *, strict: bool) -> int:
    if document["run"]["aborted"]:
        return ABORTED
    if document["totals"]["BROKEN"]:
        return BROKEN
    return UNPROVEN if strict and document["totals"]["UNPROVEN"] else HELD


@drill.command("explain")
@click.argument("ident", metavar="ID")
@keeps_reports
def explain(ident: str, *, reports: Path | None) -> None:
    """An attack, whom it hit, our limits, and how to see it by hand."""
    from posthouse.drill.attacks.index import all_scenarios
    from posthouse.drill.explain import explain as tell
    from posthouse.drill.reports.keep import NotThere, proofs, read

    (threat,) = Choice((ident,), "", "", "", "").threats()
    directory = _reports(reports)
    try:
        results = read("last", directory)["results"]
    except NotThere:
        results = []
    last = next((one for one in results if one["id"] == threat.id), None)
    click.echo(tell(threat, all_scenarios().get(threat.id), last, proofs(directory).get(threat.id, "")), nl=False)


@drill.command("prove")
@chooses
@click.option("--seed", default=42, show_default=True, help="The same seed, the same attacks.")
@click.option("--shared-network", is_flag=True, help="Stay on this machine's loopback, also as root.")
@keeps_reports
def prove(choice: Choice, *, seed: int, shared_network: bool, reports: Path | None) -> None:
    """The negative control: without the defence the attack must succeed."""
    import asyncio
    import textwrap

    from posthouse.drill.attacks.index import all_scenarios
    from posthouse.drill.prove import prove as try_it
    from posthouse.drill.reports.keep import note_proof
    from posthouse.drill.reports.text import Paint, visible
    from posthouse.drill.sandbox import enter_own_network

    scenarios = all_scenarios()
    threats = choice.threats()
    if not choice.ids:
        threats = [one for one in threats if one.id in scenarios and scenarios[one.id].can_be_proved]
    if not shared_network:
        enter_own_network()
    paint, failed = Paint(sys.stdout.isatty()), 0
    for threat in threats:
        proof = asyncio.run(try_it(threat, scenarios.get(threat.id), None, seed))
        if proof.caught:
            note_proof(_reports(reports), threat.id, _today())
        failed += not proof.caught
        word = paint("PROVED    ", "HELD") if proof.caught else paint("NOT PROVED", "BROKEN")
        told = visible(proof.told if len(proof.told) < 400 else proof.told[:399] + "…")
        click.echo(f"{word} {threat.id}  {threat.title}")
        click.echo(textwrap.fill(told, 80, initial_indent=" " * 11, subsequent_indent=" " * 11))
    click.echo(f"{len(threats) - failed} of {len(threats)} controls were caught")
    sys.exit(1 if failed else 0)


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).date().isoformat()


@drill.command("report")
@click.argument("name", metavar="last|RUN|FILE", default="last")
@click.option(
    "--format", "form", default="text", metavar="FORM", help="text, json, junit, sarif, html, md, openmetrics."
)
@keeps_reports
def report(name: str, *, form: str, reports: Path | None) -> None:
    """A report once more, in any form."""
    _print_report(_read(name, reports), form)


def _read(name: str, reports: Path | None) -> Any:
    from posthouse.drill.reports.keep import NotThere, read

    try:
        return read(name, _reports(reports))
    except NotThere as error:
        raise Failure(str(error), "posthouse drill run makes one") from None


@drill.command("compare")
@click.argument("before")
@click.argument("after", default="last")
@keeps_reports
def compare(before: str, after: str, *, reports: Path | None) -> None:
    """What is worse than it was; exit status 1 if anything is."""
    from posthouse.drill.compare import compare as differ
    from posthouse.drill.reports.text import Paint

    changes = differ(_read(before, reports), _read(after, reports))
    paint = Paint(sys.stdout.isatty())
    for one in changes:
        word = paint("worse ", "BROKEN") if one.is_regression else paint("better", "HELD")
        click.echo(f"{word} {one.id}  {one.title}: {one.before} -> {one.after}")
        if one.is_regression and one.why:
            click.echo(f"       {one.why}")
    if not changes:
        click.echo("nothing changed")
    sys.exit(1 if any(one.is_regression for one in changes) else 0)


@drill.command("verify")
@click.argument("name", metavar="last|RUN|FILE", default="last")
@keeps_reports
def verify(name: str, *, reports: Path | None) -> None:
    """Whether a report is as it was written, and its verdicts follow from it."""
    from posthouse.drill.reports.keep import find
    from posthouse.drill.reports.keep import verify as check

    document = _read(name, reports)
    faults = check(find(name, _reports(reports)), document, _reports(reports))
    for fault in faults:
        click.echo(fault)
    if faults:
        raise Failure(f"{len(faults)} of its claims do not hold", "do not rely on this report")
    click.echo(f"{document['run']['id']}: unchanged, signed here, and every verdict follows from what was observed")
